#include "wishart/synth/hartley.hpp"

#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

#include "wishart/core/error.hpp"

namespace wishart::synth {
namespace {

/// Products of two indices are then exact in 64 bits, with room to spare.
constexpr std::int64_t kLargest = std::int64_t{1} << 26;

/// Two lanes as one SIMD register; GCC and Clang know this type on every architecture. may_alias:
/// it may be used to access any two adjacent doubles.
using Pair = double __attribute__((vector_size(16), may_alias, aligned(8)));

/// An element consists of kLanes numbers: the real parts of four complex vectors, then the
/// imaginary parts.
constexpr std::size_t kElement = 4;  // in Pairs
constexpr std::size_t kHalf = kElement / 2;

/// One butterfly: where its inputs are, where its outputs go, and the twiddle factors.
struct Butterfly {
  const Pair* in;
  std::size_t in_stride;
  Pair* out;
  std::size_t out_stride;
  const double* cosines;  ///< of output j, j = 0 .. radix - 1
  const double* sines;
};

void store(const Butterfly& b, std::size_t j, std::size_t h, Pair re, Pair im) {
  // Times exp(-i angle).
  Pair* to = b.out + j * b.out_stride;
  to[h] = re * b.cosines[j] + im * b.sines[j];
  to[kHalf + h] = im * b.cosines[j] - re * b.sines[j];
}

void butterfly_2(const Butterfly& b) {
  for (std::size_t h = 0; h < kHalf; ++h) {
    const Pair re0 = b.in[h];
    const Pair im0 = b.in[kHalf + h];
    const Pair re1 = b.in[b.in_stride + h];
    const Pair im1 = b.in[b.in_stride + kHalf + h];
    b.out[h] = re0 + re1;
    b.out[kHalf + h] = im0 + im1;
    store(b, 1, h, re0 - re1, im0 - im1);
  }
}

void butterfly_4(const Butterfly& b) {
  for (std::size_t h = 0; h < kHalf; ++h) {
    const Pair re0 = b.in[h];
    const Pair im0 = b.in[kHalf + h];
    const Pair re1 = b.in[b.in_stride + h];
    const Pair im1 = b.in[b.in_stride + kHalf + h];
    const Pair re2 = b.in[2 * b.in_stride + h];
    const Pair im2 = b.in[2 * b.in_stride + kHalf + h];
    const Pair re3 = b.in[3 * b.in_stride + h];
    const Pair im3 = b.in[3 * b.in_stride + kHalf + h];
    const Pair even_re = re0 + re2;
    const Pair even_im = im0 + im2;
    const Pair odd_re = re0 - re2;
    const Pair odd_im = im0 - im2;
    const Pair sum_re = re1 + re3;
    const Pair sum_im = im1 + im3;
    const Pair turned_re = im1 - im3;  // -i (x1 - x3)
    const Pair turned_im = re3 - re1;
    b.out[h] = even_re + sum_re;
    b.out[kHalf + h] = even_im + sum_im;
    store(b, 1, h, odd_re + turned_re, odd_im + turned_im);
    store(b, 2, h, even_re - sum_re, even_im - sum_im);
    store(b, 3, h, odd_re - turned_re, odd_im - turned_im);
  }
}

/// Any odd radix: outputs j and radix - j share their products.
/// @param root_cosines, root_sines  cos and sin of 2 pi k / radix
/// @param scratch  2 * radix Pairs
void butterfly_odd(const Butterfly& b, std::size_t radix, const double* root_cosines,
                   const double* root_sines, Pair* scratch) {
  const std::size_t half = radix / 2;
  Pair* const sum_re = scratch;  // x_l + x_(radix - l), then their differences
  Pair* const sum_im = scratch + half;
  Pair* const dif_re = scratch + 2 * half;
  Pair* const dif_im = scratch + 3 * half;
  for (std::size_t h = 0; h < kHalf; ++h) {
    const Pair re0 = b.in[h];
    const Pair im0 = b.in[kHalf + h];
    Pair total_re = re0;
    Pair total_im = im0;
    for (std::size_t l = 1; l <= half; ++l) {
      const Pair* const left = b.in + l * b.in_stride;
      const Pair* const right = b.in + (radix - l) * b.in_stride;
      sum_re[l - 1] = left[h] + right[h];
      sum_im[l - 1] = left[kHalf + h] + right[kHalf + h];
      dif_re[l - 1] = left[h] - right[h];
      dif_im[l - 1] = left[kHalf + h] - right[kHalf + h];
      total_re += sum_re[l - 1];
      total_im += sum_im[l - 1];
    }
    b.out[h] = total_re;
    b.out[kHalf + h] = total_im;
    for (std::size_t j = 1; j <= half; ++j) {
      Pair even_re = re0;
      Pair even_im = im0;
      Pair odd_re = Pair{};
      Pair odd_im = Pair{};
      std::size_t index = 0;
      for (std::size_t l = 0; l < half; ++l) {
        index += j;
        if (index >= radix) index -= radix;
        even_re += sum_re[l] * root_cosines[index];
        even_im += sum_im[l] * root_cosines[index];
        odd_re += dif_im[l] * root_sines[index];  // -i times the difference
        odd_im -= dif_re[l] * root_sines[index];
      }
      store(b, j, h, even_re + odd_re, even_im + odd_im);
      store(b, radix - j, h, even_re - odd_re, even_im - odd_im);
    }
  }
}

std::vector<std::int64_t> factors(std::int64_t n) {
  std::vector<std::int64_t> radices;
  for (; n % 4 == 0; n /= 4) radices.push_back(4);
  for (std::int64_t p = 2; n > 1; ++p) {
    if (p * p > n) p = n;
    for (; n % p == 0; n /= p) radices.push_back(p);
  }
  return radices;
}

struct Turn {
  double cosine;
  double sine;
};

/// cos and sin of 2 pi k / n, rounded once: the angle is formed in extended precision.
Turn turn(std::int64_t k, std::int64_t n) {
  const long double angle = 2 * std::numbers::pi_v<long double> * static_cast<long double>(k) /
                            static_cast<long double>(n);
  return {static_cast<double>(std::cos(angle)), static_cast<double>(std::sin(angle))};
}

/// From the Fourier transform of x + i y to the Hartley transforms of x and y, in place, scaled.
void untangle(double* data, std::size_t n, double scale) {
  constexpr auto kLanes = static_cast<std::size_t>(Hartley::kLanes);
  constexpr std::size_t kPairs = kLanes / 2;
  for (std::size_t k = 0; k <= n / 2; ++k) {
    double* const low = data + k * kLanes;
    double* const high = data + (n - k) % n * kLanes;
    for (std::size_t c = 0; c < kPairs; ++c) {
      const double a = low[c] * scale;
      const double b = low[kPairs + c] * scale;
      const double p = high[c] * scale;
      const double q = high[kPairs + c] * scale;
      low[c] = 0.5 * ((a + p) - (b - q));
      low[kPairs + c] = 0.5 * ((b + q) + (a - p));
      high[c] = 0.5 * ((a + p) + (b - q));
      high[kPairs + c] = 0.5 * ((b + q) - (a - p));
    }
  }
}

}  // namespace

std::vector<double> hartley_table(std::int64_t n) {
  require(n >= 1 && n <= kLargest, "hartley_table: 1 <= n <= 2^26");
  std::vector<double> table(static_cast<std::size_t>(n));
  const double scale = 1 / std::sqrt(static_cast<double>(n));
  for (std::int64_t k = 0; k < n; ++k) {
    const Turn t = turn(k, n);
    table[static_cast<std::size_t>(k)] = (t.cosine + t.sine) * scale;
  }
  return table;
}

Hartley::Hartley(std::int64_t n) : n_(n) {
  require(n >= 1 && n <= kLargest, "Hartley: 1 <= n <= 2^26");
  radices_ = factors(n);
  cosines_.resize(static_cast<std::size_t>(n));
  sines_.resize(static_cast<std::size_t>(n));
  for (std::int64_t k = 0; k < n; ++k) {
    const Turn t = turn(k, n);
    cosines_[static_cast<std::size_t>(k)] = t.cosine;
    sines_[static_cast<std::size_t>(k)] = t.sine;
  }
}

void Hartley::transform(std::span<double> data, std::span<double> work) const {
  const auto n = static_cast<std::size_t>(n_);
  require(data.size() == n * kLanes && work.size() == data.size(),
          "Hartley: buffers of the wrong size");
  // Stockham's self-sorting algorithm, decimation in frequency: at each stage `done` transforms of
  // length `left` are interleaved.
  auto* from = reinterpret_cast<Pair*>(data.data());
  auto* to = reinterpret_cast<Pair*>(work.data());
  std::size_t done = 1;
  std::size_t left = n;
  for (const std::int64_t stage_radix : radices_) {
    const auto radix = static_cast<std::size_t>(stage_radix);
    const std::size_t rest = left / radix;
    std::vector<double> factors_cos(radix);
    std::vector<double> factors_sin(radix);
    std::vector<double> root_cos(radix);
    std::vector<double> root_sin(radix);
    for (std::size_t k = 0; k < radix; ++k) {
      root_cos[k] = cosines_[k * (n / radix)];
      root_sin[k] = sines_[k * (n / radix)];
    }
    std::vector<double> scratch(2 * kHalf * radix);
    for (std::size_t p = 0; p < rest; ++p) {
      for (std::size_t j = 0; j < radix; ++j) {
        factors_cos[j] = cosines_[p * j * done];
        factors_sin[j] = sines_[p * j * done];
      }
      for (std::size_t q = 0; q < done; ++q) {
        const Butterfly b{from + kElement * (q + done * p),
                          kElement * done * rest,
                          to + kElement * (q + done * radix * p),
                          kElement * done,
                          factors_cos.data(),
                          factors_sin.data()};
        if (radix == 4) {
          butterfly_4(b);
        } else if (radix == 2) {
          butterfly_2(b);
        } else {
          butterfly_odd(b, radix, root_cos.data(), root_sin.data(),
                        reinterpret_cast<Pair*>(scratch.data()));
        }
      }
    }
    done *= radix;
    left = rest;
    std::swap(from, to);
  }
  if (reinterpret_cast<double*>(from) != data.data()) {
    std::memcpy(data.data(), from, data.size_bytes());
  }
  untangle(data.data(), n, 1 / std::sqrt(static_cast<double>(n_)));
}

}  // namespace wishart::synth
