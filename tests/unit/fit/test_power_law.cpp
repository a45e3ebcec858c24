/// @file
/// The power-law scan: known answers, and properties of every data set.

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace wishart;
using namespace wishart::fit;
using namespace wishart::test;

namespace {

/// The golden values have 16 or 17 digits; the two programs add their logarithms in another order.
constexpr double kGolden = 100 * kEps;

PowerLaw scan(const std::vector<double>& x, const ScanOptions& options = {}) {
  const auto fit = scan_power_law(x, options);
  REQUIRE(fit.has_value());
  return *fit;
}

}  // namespace

TEST_CASE("the scan of G1 gives WeightWatcher's numbers", "[scan][golden]") {
  const PowerLaw fit = scan(squares_over_ten());
  CHECK(fit.alpha == Approx(3.187218098721587).epsilon(kGolden));
  CHECK(fit.xmin == 16.9);
  CHECK(fit.xmax == 40.0);
  CHECK(fit.D == Approx(0.22179298066037367).epsilon(kGolden));
  CHECK(fit.sigma == Approx(0.7732983747699909).epsilon(kGolden));
  CHECK(fit.num_tail == 8);
}

TEST_CASE("the scan of G5, with its two largest values and without, is WeightWatcher's",
          "[scan][golden]") {
  std::vector<double> x{.29,  .45,  .47,  .49,  1.01, 1.08, 1.22, 1.29, 1.65, 1.87,
                        1.92, 2.1,  2.1,  2.25, 2.28, 2.48, 2.78, 2.95, 3.16, 3.25,
                        3.66, 3.74, 3.81, 3.92, 4.6,  4.97, 5.06, 5.39, 5.68, 6.95};
  const PowerLaw all = scan(x);
  CHECK(all.alpha == Approx(9.803973196401808).epsilon(kGolden));
  CHECK(all.xmin == 4.97);
  CHECK(all.D == Approx(0.1477734509431513).epsilon(kGolden));
  x.resize(x.size() - 2);
  const PowerLaw clipped = scan(x);
  CHECK(clipped.alpha == Approx(2.978792947942932).epsilon(kGolden));
  CHECK(clipped.xmin == 1.87);
  CHECK(clipped.xmax == 5.39);
  CHECK(clipped.D == Approx(0.17528412244802088).epsilon(kGolden));
}

TEST_CASE("two values always fit with the same distance", "[scan]") {
  // At the second value the fitted survival is (x1/x0)^(1 - alpha) = e^-2, the ECDF stands at 1/2.
  for (const double ratio : {1.001, 2.0, 1e6}) {
    const PowerLaw fit = scan({3.0, 3.0 * ratio});
    CAPTURE(ratio);
    CHECK(fit.alpha == Approx(1 + 2 / std::log(ratio)).epsilon(1e4 * kEps));
    CHECK(fit.D == Approx(0.5 - std::exp(-2.0)).epsilon(1e4 * kEps));
    CHECK(fit.sigma == Approx((fit.alpha - 1) / std::sqrt(2.0)).epsilon(4 * kEps));
    CHECK(fit.num_tail == 2);
  }
}

TEST_CASE("fewer values than a tail needs give no fit", "[scan]") {
  CHECK_FALSE(scan_power_law({}, {}).has_value());
  CHECK_FALSE(scan_power_law(std::vector<double>{1.0}, {}).has_value());
  const std::vector<double> nine{1, 2, 3, 4, 5, 6, 7, 8, 9};
  CHECK_FALSE(scan_power_law(nine, {.min_tail = 10}).has_value());
  CHECK(scan(nine, {.min_tail = 9}).num_tail == 9);
  // A single value is never a tail, whatever min_tail is.
  CHECK_FALSE(scan_power_law(std::vector<double>{1.0}, {.min_tail = 1}).has_value());
}

TEST_CASE("a tail is never shorter than min_tail", "[scan]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<double> x = power_law_sample(60, 3.0, 1.0, seed);
    for (const std::int64_t least : {2, 10, 25, 60}) {
      const PowerLaw fit = scan(x, {.min_tail = least});
      CHECK(fit.num_tail >= least);
      CHECK(fit.xmin == x[x.size() - static_cast<std::size_t>(fit.num_tail)]);
    }
  }
}

TEST_CASE("equal values have an infinite exponent, or no fit where repeats are left out",
          "[scan]") {
  const std::vector<double> x(7, 4.0);
  const PowerLaw fit = scan(x);
  CHECK(fit.alpha == kInf);
  CHECK(fit.sigma == kInf);
  CHECK(fit.xmin == 4.0);
  CHECK(fit.xmax == 4.0);
  // D = (m - 1) / m is least for the shortest tail.
  CHECK(fit.D == 0.5);
  CHECK(fit.num_tail == 2);
  CHECK_FALSE(scan_power_law(x, {.skip_repeated = true}).has_value());
}

TEST_CASE("where repeats are left out the tail begins at the first of equal values", "[scan]") {
  Uniform uniform(11);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<double> x;
    for (int i = 0; i < 40; ++i) x.push_back(1 + std::floor(12 * uniform()));
    std::sort(x.begin(), x.end());
    const auto fit = scan_power_law(x, {.skip_repeated = true});
    if (!fit) continue;
    CHECK(std::isfinite(fit->alpha));
    CHECK(fit->num_tail == x.end() - std::lower_bound(x.begin(), x.end(), fit->xmin));
  }
}

TEST_CASE("of equal distances the smallest xmin is taken", "[scan]") {
  // The whole list (3 of 9 values repeat the first) and its last three (1 of 3) both have D = 1/3,
  // whatever the ratio; every other candidate is further off.
  for (const double ratio : {2.0, 10.0, 1e5}) {
    std::vector<double> x(4, 1.0);
    x.insert(x.end(), 4, ratio);
    x.push_back(ratio * ratio);
    CAPTURE(ratio);
    CHECK(scan(x).D == 1.0 / 3);
    CHECK(scan(x).num_tail == 9);
    x.erase(x.begin());
    CHECK(scan(x).num_tail == 3);
  }
}

TEST_CASE("scaling by a power of two scales xmin and leaves the fit", "[scan]") {
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    const std::vector<double> x = power_law_sample(150, 2.5, 1.0, seed);
    const PowerLaw one = scan(x);
    for (const int power : {-200, -30, -1, 7, 100}) {
      std::vector<double> scaled = x;
      for (double& value : scaled) value = std::ldexp(value, power);
      const PowerLaw fit = scan(scaled);
      // Each gap of two logarithms is off by eps times the larger of them, once for either list;
      // the exponent divides by their mean, 1 / (alpha - 1); |dD / d alpha| is below 1.
      const double largest_log = std::max({std::abs(std::log(scaled.front())),
                                           std::abs(std::log(scaled.back())), std::log(x.back())});
      const double bound = 4 * kEps * largest_log * (one.alpha - 1) * (one.alpha - 1);
      CHECK(fit.num_tail == one.num_tail);
      CHECK(fit.xmin == std::ldexp(one.xmin, power));
      CHECK(fit.xmax == std::ldexp(one.xmax, power));
      CHECK(std::abs(fit.alpha - one.alpha) <= bound);
      CHECK(std::abs(fit.D - one.D) <= bound);
      ++compared;
    }
  }
  CHECK(compared == 125);
}

TEST_CASE("the exponent of a simulated power law is found within its error", "[scan]") {
  int within_two = 0;
  int fits = 0;
  for (const double alpha : {1.5, 2.0, 2.5, 3.5, 5.0}) {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      std::vector<double> x = power_law_sample(1000, alpha, 1.0, seed);
      // A body below xmin that is no power law.
      Uniform uniform(100 + seed);
      for (int i = 0; i < 1000; ++i) x.push_back(0.05 + 0.95 * uniform());
      std::sort(x.begin(), x.end());
      const PowerLaw fit = scan(x);
      CAPTURE(alpha, seed, fit.alpha, fit.sigma, fit.xmin);
      CHECK(fit.D < 0.06);
      // The choice of xmin widens the error beyond sigma, which takes xmin for known: 4 sigma.
      CHECK(std::abs(fit.alpha - alpha) < 4 * fit.sigma);
      within_two += std::abs(fit.alpha - alpha) < 2 * fit.sigma ? 1 : 0;
      ++fits;
    }
  }
  CHECK(within_two >= fits * 3 / 4);
}
