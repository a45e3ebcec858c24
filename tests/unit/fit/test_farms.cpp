/// @file
/// Windows of one aspect ratio, and alpha from them.

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/fit/farms.hpp"
#include "wishart/fit/random.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::fit;
using namespace wishart::test;

TEST_CASE("windows have the ratio, cover the view, and lie inside", "[farms]") {
  struct Case {
    std::int64_t rows, cols;
    double aspect;
    std::int64_t window_rows, window_cols;
    std::size_t count;
  };
  for (const Case& one : {Case{100, 100, 1, 100, 100, 1}, Case{100, 100, 2, 100, 50, 2},
                          Case{350, 100, 1, 100, 100, 4}, Case{100, 350, 1, 100, 100, 4},
                          Case{350, 100, 2, 200, 100, 2}, Case{100, 350, 2, 100, 200, 2},
                          Case{100, 150, 2, 75, 150, 2}, Case{150, 100, 3, 150, 50, 2},
                          Case{10, 10, 64, 10, 1, 10}, Case{1, 1, 5, 1, 1, 1}}) {
    const Windows windows = fixed_aspect_windows(dense(one.rows, one.cols), one.aspect);
    CAPTURE(one.rows, one.cols, one.aspect);
    CHECK(windows.shape.rows == one.window_rows);
    CHECK(windows.shape.cols == one.window_cols);
    CHECK(windows.places.size() == one.count);
    CHECK(windows.shape.views.size() == one.count);
    std::vector<bool> rows(static_cast<std::size_t>(one.rows));
    std::vector<bool> cols(static_cast<std::size_t>(one.cols));
    for (const WindowPlace& place : windows.places) {
      REQUIRE(place.row + one.window_rows <= one.rows);
      REQUIRE(place.col + one.window_cols <= one.cols);
      std::fill_n(rows.begin() + place.row, one.window_rows, true);
      std::fill_n(cols.begin() + place.col, one.window_cols, true);
    }
    CHECK(std::all_of(rows.begin(), rows.end(), [](bool seen) { return seen; }));
    CHECK(std::all_of(cols.begin(), cols.end(), [](bool seen) { return seen; }));
  }
  Matrix pooled = dense(30, 10);
  pooled.views.assign(4, View{});
  CHECK(fixed_aspect_windows(pooled, 1).places.size() == 12);
  CHECK_THROWS_AS(fixed_aspect_windows(pooled, 0.5), Error);
}

TEST_CASE("alpha of windows is that of their eigenvalues together", "[farms]") {
  const Windows windows = fixed_aspect_windows(dense(800, 100), 2);
  CounterRandom random(3, 4);
  std::vector<double> sigma;
  // sigma^2 of a power law with alpha 3: ln lambda exponential with mean 1/2.
  for (int i = 0; i < 400; ++i) sigma.push_back(std::exp(random.exponential() / 4));
  std::sort(sigma.begin(), sigma.end());
  WeightMeasures m;
  measure_farms(m, windows, sigma, 0, {});
  CHECK(m.num_farms == 4);
  CHECK(m.farms_alpha == Approx(3).margin(5 * 2 / std::sqrt(100.0)));
  CHECK(m.farms_hill == Approx(3).margin(5 * 2 / std::sqrt(200.0)));
  // Unresolved values are excluded: here the smallest half.
  WeightMeasures upper;
  measure_farms(upper, windows, sigma, sigma[199], {});
  WeightMeasures alone;
  measure_farms(alone, windows, std::span(sigma).last(200), 0, {});
  CHECK(upper.farms_hill == alone.farms_hill);
  WeightMeasures few;
  measure_farms(few, windows, std::span(sigma).last(5), 0, {});
  CHECK(std::isnan(few.farms_alpha));
}
