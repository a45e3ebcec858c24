#include "wishart/spectrum/tally.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace wishart::spectrum {
namespace {

/// Neumaier's step: adds `term` to `sum` and its rounding error to `carry`.
void add_compensated(double& sum, double& carry, double term) {
  const double total = sum + term;
  carry += std::abs(sum) >= std::abs(term) ? (sum - total) + term : (term - total) + sum;
  sum = total;
}

/// Elements whose squares, summed over any matrix, are far from overflow and underflow in
/// float64. Every float is inside: they reach from 2^-149 to 2^128.
constexpr double kLargest = 0x1p450;
constexpr double kSmallest = 0x1p-450;
/// The same for squares that are summed over a panel in float32.
constexpr double kLargestSingle = 0x1p50;
constexpr double kSmallestSingle = 0x1p-50;

/// A run is a part of the elements that is summed plainly, in the first-level cache.
constexpr std::size_t kRun = 512;
/// With a sum of squares between these, the largest element of a run is inside of both ranges.
constexpr double kUsualAbove = kRun * kSmallestSingle * kSmallestSingle;
constexpr double kUsualBelow = kLargestSingle * kLargestSingle;

/// Independent partial sums, so that additions need not wait for each other. Their number and the
/// order in which they are added are the same for every instruction set, so that results are
/// bit-identical.
constexpr std::size_t kChains = 16;

double total(const std::array<double, kChains>& sums) {
  std::array<double, 4> quarters{};
  for (std::size_t k = 0; k < kChains; ++k) quarters[k % 4] += sums[k];
  return (quarters[0] + quarters[1]) + (quarters[2] + quarters[3]);
}

void add_squares(std::array<double, kChains>& sums, std::span<const double> values) {
  std::size_t i = 0;
  for (; i + kChains <= values.size(); i += kChains) {
    for (std::size_t k = 0; k < kChains; ++k) sums[k] += values[i + k] * values[i + k];
  }
  for (std::size_t k = 0; i + k < values.size(); ++k) sums[k] += values[i + k] * values[i + k];
}

#if defined(__x86_64__)

/// Adds the squares of a multiple of kChains of the leading `values`.
/// @returns how many
// Without the target "fma", because a fused multiply-add would round differently from the portable
// loop.
__attribute__((target("avx2"))) std::size_t add_squares_avx2(std::array<double, kChains>& sums,
                                                             std::span<const double> values) {
  const std::size_t count = values.size() / kChains * kChains;
  __m256d a = _mm256_setzero_pd();
  __m256d b = a;
  __m256d c = a;
  __m256d d = a;
  for (std::size_t i = 0; i < count; i += kChains) {
    const double* at = values.data() + i;
    const __m256d p = _mm256_loadu_pd(at);
    const __m256d q = _mm256_loadu_pd(at + 4);
    const __m256d r = _mm256_loadu_pd(at + 8);
    const __m256d s = _mm256_loadu_pd(at + 12);
    a = _mm256_add_pd(a, _mm256_mul_pd(p, p));
    b = _mm256_add_pd(b, _mm256_mul_pd(q, q));
    c = _mm256_add_pd(c, _mm256_mul_pd(r, r));
    d = _mm256_add_pd(d, _mm256_mul_pd(s, s));
  }
  _mm256_storeu_pd(sums.data(), a);
  _mm256_storeu_pd(sums.data() + 4, b);
  _mm256_storeu_pd(sums.data() + 8, c);
  _mm256_storeu_pd(sums.data() + 12, d);
  return count;
}

#endif

double sum_of_squares(std::span<const double> values, InstructionSet set) {
  std::array<double, kChains> sums{};
  std::size_t done = 0;
#if defined(__x86_64__)
  if (set >= InstructionSet::avx2) done = add_squares_avx2(sums, values);
#else
  static_cast<void>(set);
#endif
  add_squares(sums, values.subspan(done));
  return total(sums);
}

}  // namespace

void Tally::add(std::int64_t position, std::span<double> values) {
  num_elements_ += static_cast<std::int64_t>(values.size());
  // In short runs, so that the values are still in the cache for the second loop. Only the sum over
  // runs needs compensation.
  for (std::size_t begin = 0; begin < values.size(); begin += kRun) {
    const std::span<double> run = values.subspan(begin, std::min(kRun, values.size() - begin));
    hash_.add(static_cast<std::uint64_t>(position) + begin, run, set_);
    const double sum = sum_of_squares(run, set_);
    const bool usual = sum > kUsualAbove && sum < kUsualBelow;
    sizes_.usual = sizes_.usual || usual;
    add_compensated(sum_squares_, carry_, usual ? sum : look_closely(run, sum));
  }
}

double Tally::look_closely(std::span<double> run, double sum) {
  // A sum may also be infinite because squares of finite values overflow.
  if (!std::isfinite(sum)) sum = sum_without_non_finite(run);
  for (const double value : run) sizes_.largest = std::max(sizes_.largest, std::abs(value));
  return sum;
}

double Tally::sum_without_non_finite(std::span<double> run) {
  double sum = 0;
  for (double& value : run) {
    if (std::isnan(value)) ++num_nan_;
    if (std::isinf(value)) ++num_inf_;
    if (!std::isfinite(value)) value = 0;
    sum += value * value;
  }
  return sum;
}

void require_range(const ElementSizes& sizes, Precision precision) {
  const bool single = precision == Precision::float32;
  const double largest = single ? kLargestSingle : kLargest;
  const double smallest = single ? kSmallestSingle : kSmallest;
  const bool too_small = !sizes.usual && sizes.largest > 0 && sizes.largest < smallest;
  if (!(sizes.largest > largest) && !too_small) return;
  std::string text = "the largest element has the size " + rounded(sizes.largest, 3) +
                     ", expected " + rounded(smallest, 3) + " to " + rounded(largest, 3) +
                     ", so that sums of squares fit into ";
  text += single ? "float32. Leave out --precision single" : "float64. Scale the weights";
  throw Error(Blame::numerics, text);
}

void Tally::combine(const mpi::Comm& team) {
  if (team.size() > 1) {
    std::array<double, 2> sums{sum_squares_, carry_};
    std::array<std::int64_t, 3> counts{num_nan_, num_inf_, num_elements_};
    std::array<std::uint64_t, 2> hashes{hash_.first, hash_.second};
    team.sum(std::span<double>(sums));
    team.sum(std::span<std::int64_t>(counts));
    team.sum(std::span<std::uint64_t>(hashes));
    sum_squares_ = sums[0];
    carry_ = sums[1];
    num_nan_ = counts[0];
    num_inf_ = counts[1];
    num_elements_ = counts[2];
    hash_ = ElementHash{hashes[0], hashes[1]};
  }
  sum_squares_ += carry_;
  carry_ = 0;
}

}  // namespace wishart::spectrum
