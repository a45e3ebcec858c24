#include "wishart/spectrum/tally.hpp"

#include <array>
#include <cmath>

namespace wishart::spectrum {
namespace {

/// Neumaier's step: adds `term` to `sum` and its rounding error to `carry`.
void add_compensated(double& sum, double& carry, double term) {
  const double total = sum + term;
  carry += std::abs(sum) >= std::abs(term) ? (sum - total) + term : (term - total) + sum;
  sum = total;
}

}  // namespace

void Tally::add(std::int64_t position, std::span<double> values) {
  hash_.add(static_cast<std::uint64_t>(position), values);
  num_elements_ += static_cast<std::int64_t>(values.size());
  // Short runs are summed plainly, in four chains that the compiler can overlap; only the sums of
  // runs need compensation.
  constexpr std::size_t kRun = 512;
  for (std::size_t begin = 0; begin < values.size(); begin += kRun) {
    const std::span<double> run = values.subspan(begin, std::min(kRun, values.size() - begin));
    std::array<double, 4> sums{};
    std::size_t i = 0;
    for (; i + 4 <= run.size(); i += 4) {
      for (std::size_t k = 0; k < 4; ++k) sums[k] += run[i + k] * run[i + k];
    }
    for (; i < run.size(); ++i) sums[0] += run[i] * run[i];
    double sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    if (!std::isfinite(sum)) {
      sum = 0;
      for (double& value : run) {
        if (std::isnan(value)) ++num_nan_;
        if (std::isinf(value)) ++num_inf_;
        if (!std::isfinite(value)) value = 0;
        sum += value * value;
      }
    }
    add_compensated(sum_squares_, carry_, sum);
  }
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
