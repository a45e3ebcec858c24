/// @file
/// The fast scan is the exhaustive scan.

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/fit/power_law.hpp"

#include "unit/fit/draw.hpp"

using namespace wishart::fit;
using wishart::test::Draw;
using wishart::test::sorted_sample;

namespace {

/// The definition of docs/metrics-methods.md, candidate by candidate and point by point.
std::vector<Tail> exhaustive_curve(const std::vector<double>& x, const ScanOptions& options) {
  const std::size_t n = x.size();
  std::vector<Tail> curve;
  std::vector<double> alpha(n);
  long double sum = 0;
  for (std::size_t i = n; i-- > 0;) {
    if (i + 1 < n) {
      sum += static_cast<long double>(n - i - 1) *
             (static_cast<long double>(std::log(x[i + 1])) - std::log(x[i]));
    }
    alpha[i] = static_cast<double>(1 + static_cast<long double>(n - i) / sum);
  }
  for (std::size_t i = 0; i + static_cast<std::size_t>(options.min_tail) <= n; ++i) {
    if (options.skip_repeated && ((i > 0 && x[i] == x[i - 1]) || !std::isfinite(alpha[i]))) {
      continue;
    }
    double D = 0;
    for (std::size_t k = i; k < n; ++k) {
      const double gap = std::log(x[k]) - std::log(x[i]);
      const double survival = gap == 0 ? 1 : std::exp((1 - alpha[i]) * gap);
      D = std::max(
          D, std::abs(1 - survival - static_cast<double>(k - i) / static_cast<double>(n - i)));
    }
    curve.push_back({x[i], alpha[i], D});
  }
  return curve;
}

std::vector<double> sample(int kind, std::int64_t n, Draw& draw) {
  return sorted_sample(n, [&] {
    switch (kind) {
      case 0:
        return draw.power_law(2.5);
      case 1:
        return std::exp(1.5 * draw.normal());
      case 2:
        return draw.exponential();
      case 3:  // few distinct values: ties everywhere
        return 1 + std::floor(6 * draw.uniform());
      case 4:  // two clusters
        return draw.uniform() < 0.5 ? 1e-6 * (1 + draw.uniform()) : 1e6 * (1 + draw.uniform());
      default:  // one value, and a little noise on some
        return draw.uniform() < 0.5 ? 1.0 : 1.0 + 1e-15 * std::floor(9 * draw.uniform());
    }
  });
}

}  // namespace

TEST_CASE("the scan agrees with the exhaustive scan to the last bit", "[scan]") {
  Draw draw(1);
  int compared = 0;
  for (int kind = 0; kind < 6; ++kind) {
    for (const std::int64_t n : {2, 3, 10, 63, 64, 65, 130, 700}) {
      for (const bool skip_repeated : {false, true}) {
        for (int repeat = 0; repeat < 6; ++repeat) {
          const ScanOptions options{.min_tail = repeat % 2 == 0 ? 2 : 10,
                                    .skip_repeated = skip_repeated};
          const std::vector<double> x = sample(kind, n, draw);
          const std::vector<Tail> curve =
              n < options.min_tail ? std::vector<Tail>() : exhaustive_curve(x, options);
          const auto fit = scan_power_law(x, options);
          CAPTURE(kind, n, skip_repeated, repeat);
          REQUIRE(fit.has_value() == !curve.empty());
          if (!fit) continue;
          Tail expected = curve.front();
          for (const Tail& tail : curve) expected = tail.D < expected.D ? tail : expected;
          CHECK(fit->xmin == expected.xmin);
          CHECK(fit->alpha == expected.alpha);
          CHECK(fit->D == expected.D);
          ++compared;
        }
      }
    }
  }
  CHECK(compared > 400);
}

TEST_CASE("the curve of the scan has every candidate's distance, to the last bit", "[scan]") {
  Draw draw(2);
  for (int kind = 0; kind < 6; ++kind) {
    const std::vector<double> x = sample(kind, 300, draw);
    const ScanOptions options{.min_tail = 2, .skip_repeated = kind % 2 == 1};
    const std::vector<Tail> expected = exhaustive_curve(x, options);
    const std::vector<Tail> found = scan_curve(x, options);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      REQUIRE(found[i].xmin == expected[i].xmin);
      REQUIRE(found[i].alpha == expected[i].alpha);
      REQUIRE(found[i].D == expected[i].D);
    }
  }
}

TEST_CASE("D_ks uses both steps of the empirical distribution", "[scan]") {
  // One candidate: 1, 2, 4, 8 with alpha = 1 + 4 / (6 ln 2).
  const std::vector<double> x{1, 2, 4, 8};
  const auto fit = scan_power_law(x, {.min_tail = 4});
  REQUIRE(fit);
  double lower = 0;
  double both = 0;
  for (int k = 0; k < 4; ++k) {
    const double F = 1 - std::pow(x[static_cast<std::size_t>(k)], 1 - fit->alpha);
    lower = std::max(lower, std::abs(F - k / 4.0));
    both = std::max({both, std::abs(F - k / 4.0), std::abs(F - (k + 1) / 4.0)});
  }
  // Two roundings of each of F and the step.
  CHECK(fit->D == Approx(lower).epsilon(4e-16));
  CHECK(fit->D_ks == Approx(both).epsilon(4e-16));
  CHECK(fit->D_ks > fit->D);
}

TEST_CASE("the rival is the best candidate with another alpha, near the fit", "[scan]") {
  Draw draw(3);
  int found = 0;
  for (int repeat = 0; repeat < 30; ++repeat) {
    const std::vector<double> x = sample(repeat % 4, 120, draw);
    const ScanOptions options{.min_tail = 10, .skip_repeated = true};
    const auto fit = scan_power_law(x, options);
    REQUIRE(fit);
    const auto rival = rival_tail(x, options, *fit, 0.01, 0.3);
    Tail expected{0, 0, std::numeric_limits<double>::infinity()};
    for (const Tail& tail : exhaustive_curve(x, options)) {
      const bool other = std::abs(tail.alpha - fit->alpha) > 0.3 && tail.D <= fit->D + 0.01;
      if (other && tail.D < expected.D) expected = tail;
    }
    REQUIRE(rival.has_value() == std::isfinite(expected.D));
    if (!rival) continue;
    ++found;
    CHECK(rival->xmin == expected.xmin);
    CHECK(rival->alpha == expected.alpha);
    CHECK(rival->D == expected.D);
  }
  CHECK(found > 0);
  CHECK(found < 30);
}
