/// @file
/// Fingers, outliers, the trace-log condition, and the estimators without a scan.

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/fit/erg.hpp"
#include "wishart/fit/estimators.hpp"
#include "wishart/fit/fingers.hpp"

#include "unit/fit/draw.hpp"

using namespace wishart::fit;
using wishart::test::Draw;
using wishart::test::sorted_sample;

namespace {

/// WeightWatcher's own numbers for it: reference G5.
const std::vector<double> kFingered{0.29, .45,  .47,  .49,  1.01, 1.08, 1.22, 1.29, 1.65, 1.87,
                                    1.92, 2.1,  2.1,  2.25, 2.28, 2.48, 2.78, 2.95, 3.16, 3.25,
                                    3.66, 3.74, 3.81, 3.92, 4.6,  4.97, 5.06, 5.39, 5.68, 6.95};
/// WeightWatcher's numbers for (i + 1)^2 / 10: reference G1.
std::vector<double> squares() {
  std::vector<double> x;
  for (int i = 1; i <= 20; ++i) x.push_back(i * i / 10.0);
  return x;
}

}  // namespace

TEST_CASE("clip_xmax in compat mode gives WeightWatcher's numbers", "[fingers]") {
  const auto clipped = clip_fingers(kFingered, {.weightwatcher = true, .scan = {}});
  REQUIRE(clipped);
  // Reference values have 16 digits; sums of 30 logarithms are off by a few units in the last.
  CHECK(clipped->raw_alpha == Approx(9.803973196401808).epsilon(1e-13));
  CHECK(clipped->fit.alpha == Approx(2.978792947942932).epsilon(1e-13));
  CHECK(clipped->fit.D == Approx(0.17528412244802088).epsilon(1e-12));
  CHECK(clipped->fit.xmin == 1.87);
  CHECK(clipped->fit.xmax == 5.39);
  CHECK(clipped->num_fingers == 1);  // two values were removed
}

TEST_CASE("clip_xmax reports how many values it removed, even if it is one", "[fingers]") {
  Draw draw(4);
  std::vector<double> x = sorted_sample(200, [&] { return draw.power_law(2.2); });
  const auto before = clip_fingers(x, {.scan = {.min_tail = 10, .skip_repeated = true}});
  REQUIRE(before);
  CHECK(before->num_fingers == 0);
  CHECK(before->fit.alpha == before->raw_alpha);
  const auto ours = clip_fingers(kFingered, {.scan = {.min_tail = 2}});
  REQUIRE(ours);
  CHECK(ours->num_fingers >= 1);
  CHECK(ours->fit.xmax ==
        kFingered[kFingered.size() - 1 - static_cast<std::size_t>(ours->num_fingers)]);
  CHECK(ours->fit.alpha + 1 < ours->raw_alpha);
  // A bound below the required number is respected.
  CHECK(clip_fingers(kFingered, {.max_fingers = 0, .scan = {}})->num_fingers == 0);
}

TEST_CASE("a spectrum of ten values fails in compat mode, as in WeightWatcher", "[fingers]") {
  const std::vector<double> ten{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  CHECK(!clip_fingers(ten, {.threshold = 100, .weightwatcher = true, .scan = {}}));
  CHECK(clip_fingers(ten, {.threshold = 100, .scan = {}}));
}

TEST_CASE("the fit at the peak keeps xmin around the peak", "[fingers]") {
  Draw draw(6);
  const std::vector<double> x = sorted_sample(
      2000, [&] { return draw.uniform() < 0.3 ? draw.uniform() : draw.power_law(3); });
  const auto fit = fit_at_peak(x, {.min_tail = 10, .skip_repeated = true});
  REQUIRE(fit);
  CHECK(fit->xmin >= 0.9);
  CHECK(fit->xmin <= 1.6);
  // Four standard errors.
  CHECK(std::abs(fit->alpha - 3) < 4 * fit->sigma);
  CHECK(fit->D_ks >= fit->D);
}

TEST_CASE("F tail probabilities are those of closed forms", "[outliers]") {
  // With 2 and 2 b degrees of freedom P(F > f) = (1 + f / b)^-b.
  for (const double f : {0.1, 1.0, 3.0, 20.0}) {
    CHECK(f_survival(f, 1, 7) == Approx(std::pow(1 + f / 7, -7)).epsilon(1e-12));
    // P(F(a, b) > f) + P(F(b, a) > 1 / f) = 1.
    CHECK(f_survival(f, 5, 3) + f_survival(1 / f, 3, 5) == Approx(1).epsilon(1e-12));
  }
}

TEST_CASE("planted dragon kings are found and counted, and power laws have few", "[outliers]") {
  int false_alarms = 0;
  int found = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Draw draw(seed);
    std::vector<double> x = sorted_sample(100, [&] { return draw.power_law(3); });
    false_alarms += tail_outliers(x).count > 0 ? 1 : 0;
    const double top = x.back();
    for (const double factor : {30.0, 33.0, 40.0}) x.push_back(factor * top);
    found += tail_outliers(x).count == 3 ? 1 : 0;
  }
  // At most 1 % of 200 are expected; more than 7 have a probability of 0.1 %.
  CHECK(false_alarms <= 7);
  CHECK(found >= 180);
}

TEST_CASE("the trace-log condition gives WeightWatcher's count", "[erg]") {
  const auto erg = trace_log(squares(), true);
  REQUIRE(erg);
  CHECK(erg->num == 16);
  CHECK(erg->value == squares()[4]);
  CHECK(trace_log(squares(), false)->num == 16);
}

TEST_CASE("the trace-log condition does not overflow", "[erg]") {
  // The product of 20000 values around e is 10^4343 in between.
  std::vector<double> x(40'000, std::exp(-1.0));
  for (std::size_t i = 20'000; i < x.size(); ++i) x[i] = std::exp(1.0);
  const auto erg = trace_log(x, false);
  REQUIRE(erg);
  // With mean cosh 1 = e^0.4338: 20000 (1 - 0.4338) = 1.4338 j at j = 7898.05, so one more crosses.
  const double mean_log = std::log(std::cosh(1.0));
  const double needed = 20'000 * (1 - mean_log) / (1 + mean_log);
  CHECK(erg->num == 20'000 + static_cast<std::int64_t>(std::ceil(needed)));
  CHECK(erg->rescaled_value == Approx(std::exp(-1.0) / std::cosh(1.0)).epsilon(1e-12));
}

TEST_CASE("the trace-log does not depend on the scale, and vanishes at its own boundary", "[erg]") {
  Draw draw(8);
  std::vector<double> x = sorted_sample(500, [&] { return draw.power_law(2.5); });
  const auto erg = trace_log(x, false);
  REQUIRE(erg);
  CHECK(tail_trace_log(x, erg->value) < 0);
  CHECK(tail_trace_log(x, x[x.size() - static_cast<std::size_t>(erg->num) + 1]) >= 0);
  for (double& value : x) value *= 1024;
  CHECK(trace_log(x, false)->num == erg->num);
  CHECK(!trace_log(std::vector<double>{0, 0}, false));
}

TEST_CASE("estimators without a scan find the exponent of a power law", "[estimators]") {
  Draw draw(9);
  const std::int64_t n = 20'000;
  const std::vector<double> x = sorted_sample(n, [&] { return draw.power_law(2.5); });
  const TailEstimates found = tail_estimates(x);
  // Five asymptotic standard deviations, gamma = 2 / 3: Hill gamma / sqrt(k); moment
  // sqrt(1 + gamma^2) / sqrt(k); Pickands about 1.9 / sqrt(k); then d alpha = d gamma / gamma^2.
  const double gamma = 1 / 1.5;
  const auto error = [&](double sd, double k) { return 5 * sd / std::sqrt(k) / (gamma * gamma); };
  CHECK(std::abs(found.hill - 2.5) < error(gamma, n / 2.0));
  CHECK(std::abs(found.quantile - 2.5) < error(gamma, n / 10.0));
  CHECK(std::abs(found.moment - 2.5) < error(std::sqrt(1 + gamma * gamma), n / 10.0));
  CHECK(std::abs(found.pickands - 2.5) < error(1.9, n / 8.0));
}

TEST_CASE("Hill's estimate takes the upper half, including its smallest value", "[estimators]") {
  // 4, 8, 16 of 1 .. 16: 1 + 3 / (0 + ln 2 + ln 4).
  CHECK(hill_alpha(std::vector<double>{1, 2, 4, 8, 16}) ==
        Approx(1 + 3 / (3 * std::log(2.0))).epsilon(1e-15));
  CHECK(std::isnan(hill_alpha(std::vector<double>{1})));
}

TEST_CASE("values that are equal but for rounding have no estimates", "[estimators]") {
  std::vector<double> x(40, 2.0);
  const auto without = [&] {
    const TailEstimates found = tail_estimates(x);
    CHECK(std::isnan(hill_alpha(x)));
    CHECK(std::isnan(found.hill));
    CHECK(std::isnan(found.moment));
    CHECK(std::isnan(found.pickands));
    CHECK(std::isnan(found.quantile));
  };
  without();
  // Ties that end below the top: Pickands' index is infinite.
  x.back() = std::nextafter(2.0, 3.0);
  without();
  x.assign(40, 2.0);
  std::fill(x.end() - 5, x.end(), 3.0);
  CHECK(std::isnan(tail_estimates(x).pickands));
  CHECK(std::isfinite(tail_estimates(x).hill));
}
