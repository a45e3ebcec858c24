/// @file
/// Lines of least squares, and where they break.

#include <cmath>
#include <cstddef>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/analysis/trend.hpp"

using namespace wishart::analysis;

TEST_CASE("a trend is the line of least squares with Student's interval", "[history]") {
  // Exact: y = 2 x.
  const Trend exact = trend_of({1, 2, 3, 4}, {2, 4, 6, 8});
  CHECK(exact.slope == Approx(2).epsilon(1e-14));
  CHECK(exact.high - exact.low == Approx(0).margin(1e-12));
  // By hand: x = 0 1 2, y = 0 1 0: slope 0, residuals -1/3 2/3 -1/3, their squares 2/3, one degree
  // of freedom, error sqrt(2/3 / 2).
  const Trend hand = trend_of({0, 1, 2}, {0, 1, 0});
  CHECK(hand.slope == Approx(0).margin(1e-15));
  CHECK(hand.high == Approx(12.706204736174705 * std::sqrt(1.0 / 3)).epsilon(1e-12));
  // 38 degrees of freedom: 40 points with residuals of about +-1. Both quantiles are mpmath's.
  std::vector<double> x;
  std::vector<double> y;
  for (int k = 0; k < 40; ++k) {
    x.push_back(k);
    y.push_back(k % 4 == 0 || k % 4 == 3 ? 1 : -1);  // no slope: their sum over x is zero
  }
  const Trend many = trend_of(x, y);
  CHECK(many.slope == Approx(0).margin(1e-12));
  // The error: sqrt(40 / 38 / sum of (x - 19.5)^2), which is 40 (40^2 - 1) / 12.
  CHECK(many.high == Approx(2.0243941639119696 * std::sqrt(40.0 / 38 / 5330)).epsilon(1e-9));
  CHECK(std::isnan(trend_of({1, 2}, {1, 2}).slope));
  CHECK(std::isnan(trend_of({1, 1, 1}, {1, 2, 3}).slope));
}

TEST_CASE("a broken line has a change point, a straight noisy one has none", "[history]") {
  std::vector<double> x;
  std::vector<double> straight;
  std::vector<double> broken;
  for (int i = 0; i < 20; ++i) {
    const double noise = 0.01 * ((i * i * 37 + i * 11) % 17 - 8);
    x.push_back(i);
    straight.push_back(5 - 0.1 * i + noise);
    broken.push_back((i < 12 ? 5 - 0.2 * i : 2.6 + 0.3 * (i - 12)) + noise);
  }
  CHECK(change_points(x, straight).empty());
  const std::vector<std::size_t> found = change_points(x, broken);
  REQUIRE(found.size() == 1);
  CHECK(found[0] >= 11);
  CHECK(found[0] <= 13);
  CHECK(change_points({1, 2}, {1, 2}).empty());
}
