/// @file
/// The Hartley transform: orthogonal for every length, and the fast one equals the matrix.

#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/synth/hartley.hpp"

#include "position_random.hpp"

using namespace wishart::synth;

namespace {

constexpr double kEps = 0x1p-52;

/// Powers of two, odd numbers, primes, lengths of models and their eighths.
const std::vector<std::int64_t> kLengths{1,  2,  3,  4,  5,  6,   7,   8,   9,   11,  12,  13,
                                         16, 25, 31, 45, 64, 101, 127, 128, 231, 256, 360, 512};

}  // namespace

TEST_CASE("the matrix of table entries is orthogonal for every length", "[hartley]") {
  for (const std::int64_t n : kLengths) {
    CAPTURE(n);
    const std::vector<double> table = hartley_table(n);
    double worst = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        double dot = 0;
        for (std::int64_t k = 0; k < n; ++k) {
          dot += table[static_cast<std::size_t>(i * k % n)] *
                 table[static_cast<std::size_t>(j * k % n)];
        }
        worst = std::max(worst, std::abs(dot - (i == j ? 1.0 : 0.0)));
      }
    }
    CHECK(worst < 1e-13);
  }
}

TEST_CASE("the fast transform is the matrix, in every lane", "[hartley]") {
  constexpr std::int64_t kLanes = Hartley::kLanes;
  for (const std::int64_t n : kLengths) {
    CAPTURE(n);
    const std::vector<double> table = hartley_table(n);
    const Hartley hartley(n);
    const PositionRandom random(7, static_cast<std::uint64_t>(n));
    std::vector<double> data(static_cast<std::size_t>(n * kLanes));
    for (std::size_t i = 0; i < data.size(); ++i) {
      data[i] = static_cast<double>(random.bits(i) >> 11U) * 0x1p-53 - 0.5;
    }
    const std::vector<double> before = data;
    std::vector<double> work(data.size());
    hartley.transform(data, work);
    double worst = 0;
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      for (std::int64_t i = 0; i < n; ++i) {
        double expected = 0;
        for (std::int64_t k = 0; k < n; ++k) {
          expected += table[static_cast<std::size_t>(i * k % n)] *
                      before[static_cast<std::size_t>(k * kLanes + lane)];
        }
        worst =
            std::max(worst, std::abs(expected - data[static_cast<std::size_t>(i * kLanes + lane)]));
      }
    }
    // The sum in the test itself errs by up to n eps times the largest term, sqrt(2 / n) / 2.
    CHECK(worst < 8 * kEps * (1 + std::sqrt(static_cast<double>(n))));
  }
}

TEST_CASE("transforming twice gives back the vector at lengths of real models", "[hartley]") {
  for (const std::int64_t n : {2880, 4096, 5760, 7168, 14336, 18432, 28672, 4099}) {
    CAPTURE(n);
    const Hartley hartley(n);
    const PositionRandom random(8, static_cast<std::uint64_t>(n));
    std::vector<double> data(static_cast<std::size_t>(n * Hartley::kLanes));
    for (std::size_t i = 0; i < data.size(); ++i)
      data[i] = random.sign(static_cast<std::int64_t>(i));
    const std::vector<double> before = data;
    std::vector<double> work(data.size());
    hartley.transform(data, work);
    hartley.transform(data, work);
    double worst = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
      worst = std::max(worst, std::abs(data[i] - before[i]));
    }
    CHECK(worst < 1e-13);
  }
}
