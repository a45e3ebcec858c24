/// @file
/// The results from spectra of permuted matrices: the rand_* columns and the traps.

#include <algorithm>
#include <cmath>
#include <numeric>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/fit/null_model.hpp"
#include "wishart/fit/random.hpp"
#include "wishart/fit/randomised.hpp"

#include "bench/bidiagonal.hpp"

using namespace wishart;
using namespace wishart::fit;

namespace {

const std::vector<double> kNoMean{0};

Matrix matrix_of(std::int64_t rows, std::int64_t cols, std::size_t views = 1) {
  Matrix matrix;
  matrix.key = "w";
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.views.resize(views);
  return matrix;
}

std::vector<double> gaussian_sigma(std::int64_t rows, std::int64_t cols, double spike,
                                   CounterRandom& random) {
  std::vector<double> values = bench::gaussian_eigenvalues(rows, cols, spike, random);
  for (double& value : values) value = std::sqrt(value);
  return values;
}

}  // namespace

TEST_CASE("columns of random orders agree with their definitions", "[randomised]") {
  const std::vector<double> own{1, 2, 3};
  const std::vector<std::vector<double>> permuted{{1, 2, 2.5}, {1.5, 2, 2}};
  WeightMeasures m;
  measure_randomised(m, matrix_of(5, 3), own, permuted, kNoMean, {});
  CHECK(m.num_rand == 2);
  CHECK(m.max_rand_eval == 6.25);
  CHECK(m.ww_softrank == 6.25 / 9);
  CHECK(m.ww_maxdist == 9 - 6.25);
  WeightMeasures one;
  WeightMeasures two;
  measure_randomised(one, matrix_of(5, 3), own, std::span(permuted).first(1), kNoMean, {});
  measure_randomised(two, matrix_of(5, 3), own, std::span(permuted).last(1), kNoMean, {});
  CHECK(m.rand_distance == Approx((one.rand_distance + two.rand_distance) / 2).epsilon(1e-14));
  const double mean = (1 + 4 + 6.25 + 2.25 + 4 + 4) / 6;
  CHECK(m.rand_W_scale == Approx(1 / std::sqrt(mean)).epsilon(1e-14));
}

TEST_CASE("permuted noise has no traps, the bulk of its law, and hardly any distance",
          "[randomised]") {
  int traps = 0;
  int spikes = 0;
  const int matrices = 200;
  for (int s = 0; s < matrices; ++s) {
    CounterRandom random(11, static_cast<std::uint64_t>(s));
    const auto own = gaussian_sigma(200, 100, 0, random);
    const std::vector<std::vector<double>> permuted{gaussian_sigma(200, 100, 0, random)};
    WeightMeasures m;
    measure_randomised(m, matrix_of(200, 100), own, permuted, kNoMean, {});
    traps += m.num_traps > 0 ? 1 : 0;
    spikes += m.rand_num_spikes > 0 ? 1 : 0;
    if (m.rand_num_spikes > 0) continue;
    // The variance is a mean over 20000 elements: five standard errors.
    const Bulk bulk = bulk_of(200, 100, 1);
    CHECK(m.rand_bulk_max / bulk.high == Approx(1).margin(5 * std::sqrt(2.0 / 20000)));
    CHECK(m.rand_sigma_mp == Approx(1).margin(1e-12));
    CHECK(m.rand_distance < 0.02);
  }
  // 0.5 % of 200 are 1; more than 5 has a probability below 1e-3.
  CHECK(traps <= 5);
  CHECK(spikes <= 5);
}

TEST_CASE("a planted trap is found, and only eigenvalues in every order count", "[randomised]") {
  CounterRandom random(12, 0);
  const double strength = 2 * std::pow(200.0 * 100.0, 0.25);
  const auto own = gaussian_sigma(200, 100, 0, random);
  std::vector<std::vector<double>> permuted;
  for (int k = 0; k < 3; ++k) permuted.push_back(gaussian_sigma(200, 100, strength, random));
  WeightMeasures m;
  measure_randomised(m, matrix_of(200, 100), own, permuted, kNoMean, {});
  CHECK(m.num_traps == 1);
  CHECK(m.trap_p < 1e-6);
  permuted.push_back(gaussian_sigma(200, 100, 0, random));
  measure_randomised(m, matrix_of(200, 100), own, permuted, kNoMean, {});
  CHECK(m.num_traps == 0);
  CHECK(m.trap_p > 0.01);
}

namespace {

/// Views of noise with a mean and a standard deviation each, one after the other.
std::vector<double> views_sigma(std::span<const double> means, std::span<const double> scales,
                                CounterRandom& random) {
  std::vector<double> all;
  for (std::size_t view = 0; view < means.size(); ++view) {
    // A constant is one spike, along the vectors of equal elements.
    const double spike = std::sqrt(200.0 * 100.0) * std::abs(means[view]) / scales[view];
    for (const double value : gaussian_sigma(200, 100, spike, random)) {
      all.push_back(value * scales[view]);
    }
  }
  return all;
}

}  // namespace

TEST_CASE("each view is held against noise with its own mean and variance", "[randomised]") {
  // The means cancel; the last view has nine times the variance of the others.
  const std::vector<double> means{0.6, -0.6, 0, 0};
  const std::vector<double> scales{1, 1, 1, 3};
  const Matrix matrix = matrix_of(200, 100, means.size());
  int traps = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CounterRandom random(13, seed);
    const std::vector<std::vector<double>> permuted{views_sigma(means, scales, random),
                                                    views_sigma(means, scales, random)};
    std::vector<double> own = permuted.front();
    std::sort(own.begin(), own.end());
    WeightMeasures m;
    measure_randomised(m, matrix, own, permuted, means, {});
    traps += m.num_traps > 0 ? 1 : 0;
    // The order of the list by views does not matter to the columns of all eigenvalues together.
    double largest = 0;
    for (const std::vector<double>& one : permuted) {
      largest = std::max(largest, *std::max_element(one.begin(), one.end()));
    }
    CHECK(m.max_rand_eval == largest * largest);
    CHECK(m.rand_distance < 0.02);
  }
  CHECK(traps == 0);

  // A value far above the bulk of its own view, and below the edge of the widest.
  CounterRandom random(14, 0);
  std::vector<std::vector<double>> permuted;
  for (int k = 0; k < 2; ++k) {
    permuted.push_back(views_sigma(means, scales, random));
    permuted.back()[299] = 40;  // of view 2, whose bulk ends at sqrt 200 + sqrt 100 = 24.1
  }
  std::vector<double> own = permuted.front();
  std::sort(own.begin(), own.end());
  WeightMeasures m;
  measure_randomised(m, matrix, own, permuted, means, {});
  CHECK(m.num_traps == 1);
  CHECK(m.trap_p < 1e-6);
}

TEST_CASE("nothing to compare is refused", "[randomised]") {
  WeightMeasures m;
  const std::vector<double> own{1, 2};
  CHECK_THROWS_AS(measure_randomised(m, matrix_of(2, 2), own, {}, kNoMean, {}), Error);
  const std::vector<std::vector<double>> permuted{{1, 2}};
  CHECK_THROWS_AS(measure_randomised(m, matrix_of(2, 2), own, permuted, {}, {}), Error);
}
