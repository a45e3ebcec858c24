/// @file
/// Counter-based random numbers, and the resampling of a fit.

#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/fit/bootstrap.hpp"
#include "wishart/fit/random.hpp"

#include "unit/fit/draw.hpp"

using namespace wishart::fit;
using wishart::test::Draw;
using wishart::test::sorted_sample;

namespace {

constexpr ScanOptions kCorrected{.min_tail = 10, .skip_repeated = true};

}  // namespace

TEST_CASE("Philox gives the words of its authors' test vectors", "[random]") {
  using Words = std::array<std::uint32_t, 4>;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t ones = 0xffffffff;
  CHECK(philox({ones, ones, ones, ones}, {ones, ones}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("streams repeat by seed and number, and differ otherwise", "[random]") {
  CounterRandom a(7, 1);
  CounterRandom b(7, 1);
  CounterRandom other_stream(7, 2);
  CounterRandom other_seed(8, 1);
  int same_stream = 0;
  int same_seed = 0;
  for (int i = 0; i < 100; ++i) {
    const double value = a.uniform();
    CHECK(value == b.uniform());
    CHECK((value > 0 && value < 1));
    same_stream += value == other_stream.uniform() ? 1 : 0;
    same_seed += value == other_seed.uniform() ? 1 : 0;
  }
  CHECK(same_stream + same_seed == 0);
}

TEST_CASE("draws have the moments of their laws", "[random]") {
  CounterRandom random(11, 0);
  const int n = 200'000;
  double uniform = 0;
  double exponential = 0;
  double normal = 0;
  double squares = 0;
  double below = 0;
  for (int i = 0; i < n; ++i) {
    uniform += random.uniform();
    exponential += random.exponential();
    const double z = random.normal();
    normal += z;
    squares += z * z;
    below += random.below(10);
  }
  // Five standard errors: sd / sqrt(n) times 5 = 0.011 sd.
  const double bound = 5 / std::sqrt(n);
  CHECK(std::abs(uniform / n - 0.5) < bound * 0.289);
  CHECK(std::abs(exponential / n - 1) < bound);
  CHECK(std::abs(normal / n) < bound);
  CHECK(std::abs(squares / n - 1) < bound * 1.415);
  CHECK(std::abs(below / n - 4.5) < bound * 2.873);
}

TEST_CASE("the interval of alpha contains the fit and usually the true value", "[bootstrap]") {
  int covered = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Draw draw(seed);
    const std::vector<double> x = sorted_sample(300, [&] { return draw.power_law(2.5); });
    const Interval interval = alpha_interval(x, kCorrected, {60, 1, seed});
    CHECK(interval.low < interval.high);
    if (interval.low <= 2.5 && 2.5 <= interval.high) ++covered;
  }
  // 20 intervals of 90 %: fewer than 14 has a probability of 0.2 %. tests/bench/simulate_fit.cpp
  // measures the coverage.
  CHECK(covered >= 14);
}

TEST_CASE("intervals and p-values repeat with their seed and stream", "[bootstrap]") {
  Draw draw(5);
  const std::vector<double> x = sorted_sample(200, [&] { return draw.power_law(3); });
  const auto fit = scan_power_law(x, kCorrected);
  REQUIRE(fit);
  const Interval a = alpha_interval(x, kCorrected, {40, 9, 3});
  const Interval b = alpha_interval(x, kCorrected, {40, 9, 3});
  CHECK(a.low == b.low);
  CHECK(a.high == b.high);
  CHECK(a.low != alpha_interval(x, kCorrected, {40, 9, 4}).low);
  CHECK(goodness_of_fit(x, kCorrected, *fit, {40, 9, 3}) ==
        goodness_of_fit(x, kCorrected, *fit, {40, 9, 3}));
}

TEST_CASE("p-values are spread out for power laws and near zero for other laws", "[bootstrap]") {
  double sum = 0;
  int other_rejected = 0;
  const int samples = 12;
  for (std::uint64_t seed = 0; seed < samples; ++seed) {
    Draw draw(100 + seed);
    const std::vector<double> x = sorted_sample(300, [&] { return draw.power_law(2); });
    sum += goodness_of_fit(x, kCorrected, scan_power_law(x, kCorrected).value(), {40, 2, seed});
    // A long body and a hard edge: no tail of it is a power law.
    const std::vector<double> u = sorted_sample(3000, [&] { return 1 + draw.uniform(); });
    const auto fit = scan_power_law(u, {.min_tail = 1000, .skip_repeated = true});
    const double p =
        goodness_of_fit(u, {.min_tail = 1000, .skip_repeated = true}, fit.value(), {20, 2, seed});
    other_rejected += p < 0.1 ? 1 : 0;
  }
  // The mean of 12 uniform numbers has the standard deviation 0.083; five of them.
  CHECK(std::abs(sum / samples - 0.5) < 0.42);
  CHECK(other_rejected == samples);
}

TEST_CASE("the upper half of lognormal and exponential values is not a power law", "[bootstrap]") {
  double sum = 0;
  int rejected = 0;
  const int samples = 10;
  for (std::uint64_t seed = 0; seed < samples; ++seed) {
    Draw draw(200 + seed);
    const Resampling resampling{40, 2, seed};
    const auto law = sorted_sample(1000, [&] { return draw.power_law(2); });
    const auto lognormal = sorted_sample(1000, [&] { return std::exp(draw.normal()); });
    const auto exponential = sorted_sample(1000, [&] { return draw.exponential(); });
    sum += goodness_of_half(law, kCorrected, resampling);
    rejected += goodness_of_half(lognormal, kCorrected, resampling) < 0.1 ? 1 : 0;
    rejected += goodness_of_half(exponential, kCorrected, resampling) < 0.1 ? 1 : 0;
  }
  CHECK(rejected == 2 * samples);
  // The mean of 10 uniform numbers has the standard deviation 0.091; four of them.
  CHECK(std::abs(sum / samples - 0.5) < 0.37);
}

TEST_CASE("without replicas there is no interval and no p-value", "[bootstrap]") {
  const std::vector<double> x{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const auto fit = scan_power_law(x, kCorrected);
  CHECK(std::isnan(alpha_interval(x, kCorrected, {}).low));
  CHECK(std::isnan(goodness_of_fit(x, kCorrected, *fit, {})));
  CHECK(std::isnan(goodness_of_half(x, kCorrected, {})));
}
