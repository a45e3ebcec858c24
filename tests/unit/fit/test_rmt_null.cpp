/// @file
/// Random-matrix theory: Tracy-Widom, Marchenko-Pastur, spikes. Gaussian spectra are simulated
/// through the bidiagonal form (tests/bench/bidiagonal.hpp).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include <catch2/catch.hpp>

#include "wishart/fit/mp_compat.hpp"
#include "wishart/fit/null_model.hpp"
#include "wishart/fit/power_law.hpp"
#include "wishart/fit/random.hpp"
#include "wishart/fit/thresholds.hpp"

#include "bench/bidiagonal.hpp"
#include "gram.hpp"
#include "support.hpp"

using namespace wishart::fit;
using wishart::bench::gaussian_eigenvalues;

namespace {

/// The matrix of WeightWatcher's reference G6, by its recipe, as eigenvalues of R^T R.
std::vector<double> g6_eigenvalues(double first_column_factor) {
  const std::uint64_t rows = 400;
  const std::uint64_t cols = 200;
  std::vector<double> matrix;
  for (std::uint64_t k = 0; k < rows * cols; ++k) {
    std::uint64_t z = k * 6364136223846793005ULL + 1442695040888963407ULL;
    z ^= z >> 33U;
    z *= 0xff51afd7ed558ccdULL;
    z ^= z >> 33U;
    z *= 0xc4ceb9fe1a85ec53ULL;
    z ^= z >> 33U;
    const double u = static_cast<double>(z >> 11U) * 0x1p-53;
    matrix.push_back((u - 0.5) * std::sqrt(12.0) / 20.0 *
                     (k % cols == 0 ? first_column_factor : 1.0));
  }
  return wishart::test::gram_eigenvalues(matrix, static_cast<std::int64_t>(cols));
}

}  // namespace

TEST_CASE("Tracy-Widom tail probabilities are the published ones", "[rmt]") {
  // Quantiles of TW1 (Bejan 2005, table 1): four digits, so the tail is off by up to 5e-5 times the
  // density.
  CHECK(tracy_widom_survival(-3.8954) == Approx(0.99).epsilon(1e-5));
  CHECK(tracy_widom_survival(-3.1804) == Approx(0.95).epsilon(1e-4));
  CHECK(tracy_widom_survival(0.4501) == Approx(0.10).epsilon(2e-4));
  CHECK(tracy_widom_survival(0.9793) == Approx(0.05).epsilon(2e-4));
  CHECK(tracy_widom_survival(2.0234) == Approx(0.01).epsilon(2e-4));
  // From a determinant with 120 nodes: not points of the table.
  CHECK(tracy_widom_survival(-1.2065) == Approx(1 - 0.5196627312654691).epsilon(1e-5));
  CHECK(tracy_widom_survival(4.1) > tracy_widom_survival(4.2));
}

TEST_CASE("the Tracy-Widom tail decreases monotonically, beyond the ends of the table too",
          "[rmt]") {
  double before = 1;
  for (double s = -9; s < 40; s += 0.05) {
    const double p = tracy_widom_survival(s);
    CHECK((p <= before + 1e-8 && p >= 0));  // the cubic is not monotonic where 1 - P is below that
    before = p;
  }
  CHECK(tracy_widom_survival(-9) == 1);
  CHECK(tracy_widom_survival(8.001) == Approx(tracy_widom_survival(7.999)).epsilon(0.02));
}

TEST_CASE("the Marchenko-Pastur distribution is the integral of its density", "[rmt]") {
  for (const double aspect : {1.0, 0.5, 0.1, 0.001}) {
    const double a = std::pow(1 - std::sqrt(aspect), 2);
    const double b = std::pow(1 + std::sqrt(aspect), 2);
    CHECK(marchenko_pastur_cdf(a * 0.999 - 1e-9, aspect) == 0);
    CHECK(marchenko_pastur_cdf(b + 1e-9, aspect) == 1);
    // Midpoint rule in the angle, where the integrand is smooth: error far below 1e-6.
    double sum = 0;
    const int steps = 2000;
    for (int i = 0; i < steps; ++i) {
      const double theta = 3.141592653589793 * (i + 0.5) / steps;
      const double x = 1 + aspect - 2 * std::sqrt(aspect) * std::cos(theta);
      sum += 2 * std::pow(std::sin(theta), 2) / x / steps;
      if (i % 400 != 399) continue;
      const double end = 3.141592653589793 * (i + 1.0) / steps;
      const double at = 1 + aspect - 2 * std::sqrt(aspect) * std::cos(end);
      CHECK(marchenko_pastur_cdf(at, aspect) == Approx(sum).margin(1e-6));
    }
  }
}

TEST_CASE("Gaussian matrices have no spikes and the bulk of their variance", "[rmt]") {
  int alarms = 0;
  int free_alarms = 0;
  int matrices = 0;
  for (const std::int64_t aspect : {1, 4}) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      CounterRandom random(1, seed + 1000 * static_cast<std::uint64_t>(aspect));
      const Shape shape{100 * aspect, 100};
      const auto lambda = gaussian_eigenvalues(shape.long_side, shape.short_side, 0, random);
      const BulkFit fit = fit_bulk(lambda, shape);
      alarms += fit.spike_p.empty() ? 0 : 1;
      free_alarms += free_null(lambda, shape).num_spikes > 0 ? 1 : 0;
      // The mean of N M squares of normals: sd sqrt(2 / (N M)); five of them.
      CHECK(std::abs(fit.variance - 1) <
            5 * std::sqrt(2.0 / static_cast<double>(shape.long_side * shape.short_side)) + 0.02);
      CHECK(!fit.at_bound);
      // Kolmogorov's distance of eigenvalues, which repel each other, is far below 1.36 / sqrt(n).
      CHECK(fit.D < 0.05);
      ++matrices;
    }
  }
  // 0.6 expected of 120; more than 4 have a probability of 0.04 %.
  CHECK(alarms <= 4);
  CHECK(free_alarms == alarms);  // both decide by the largest eigenvalue and the sum
  CHECK(matrices == 120);
}

TEST_CASE("with the variance known, the largest eigenvalue of noise has the Tracy-Widom law",
          "[rmt]") {
  for (const std::int64_t aspect : {1, 4, 16}) {
    int alarms = 0;
    int alarms_of_sum = 0;
    double mean = 0;
    const int matrices = 20'000;
    const auto rows = static_cast<double>(30 * aspect);
    const EdgeLaw law = edge_law(rows, 30);
    for (int s = 0; s < matrices; ++s) {
      CounterRandom random(5 + static_cast<std::uint64_t>(aspect), static_cast<std::uint64_t>(s));
      const auto gram = wishart::bench::gaussian_gram(30 * aspect, 30, 0, random);
      const double largest = wishart::bench::largest_eigenvalue(gram, 1e-6);
      const double sum = std::accumulate(gram.diagonal.begin(), gram.diagonal.end(), 0.0);
      mean += (largest - law.centre) / law.scale / matrices;
      alarms += largest_p(largest, 1, rows, 30, 1) < kSpikeLevel ? 1 : 0;
      alarms_of_sum += largest_p(largest, sum / (30 * rows), rows, 30, 1) < kSpikeLevel ? 1 : 0;
    }
    CAPTURE(aspect, alarms, alarms_of_sum, mean);
    // The law's mean is -1.2065, its standard deviation 1.268: five standard errors, and as much
    // for the finite size. With Johnstone's centre the mean is -1.32 for aspect 16.
    CHECK(std::abs(mean + 1.2065) < 10 * 1.268 / std::sqrt(matrices));
    // 100 expected, and five standard deviations of their number.
    CHECK(std::abs(alarms - 100) <= 50);
    CHECK(alarms_of_sum < alarms);
  }
}

TEST_CASE("the largest eigenvalue by bisection agrees with that of the full spectrum", "[rmt]") {
  CounterRandom one(8, 3);
  CounterRandom other(8, 3);
  const auto lambda = gaussian_eigenvalues(90, 40, 0, one);
  CHECK(wishart::bench::largest_eigenvalue(wishart::bench::gaussian_gram(90, 40, 0, other),
                                           1e-12) == Approx(lambda.back()).epsilon(1e-11));
}

TEST_CASE("a spike far above the edge is found, and does not change the variance", "[rmt]") {
  int found = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CounterRandom random(2, seed);
    const Shape shape{400, 200};
    // Twice the threshold sqrt(sqrt(N M)) below which no spike leaves the bulk.
    const auto lambda = gaussian_eigenvalues(400, 200, 2 * std::pow(400.0 * 200.0, 0.25), random);
    const BulkFit fit = fit_bulk(lambda, shape);
    if (fit.spike_p.size() == 1) ++found;
    CHECK(std::abs(fit.variance - 1) < 0.03);
    REQUIRE(!fit.spike_p.empty());
    CHECK(fit.spike_p.front() < 1e-4);
  }
  CHECK(found >= 37);
}

TEST_CASE("scaling the elements scales the null model and nothing else", "[rmt]") {
  CounterRandom random(3, 0);
  const Shape shape{300, 150};
  auto lambda = gaussian_eigenvalues(300, 150, 60, random);
  const BulkFit fit = fit_bulk(lambda, shape);
  const FreeNull null = free_null(lambda, shape);
  for (double& value : lambda) value *= 0.25;
  CHECK(fit_bulk(lambda, shape).variance == fit.variance * 0.25);
  CHECK(fit_bulk(lambda, shape).spike_p == fit.spike_p);
  CHECK(free_null(lambda, shape).edge == null.edge * 0.25);
  CHECK(free_null(lambda, shape).p == null.p);
}

TEST_CASE("alpha of Gaussian matrices agrees with the table", "[rmt]") {
  for (const Shape shape : {Shape{128, 128}, Shape{512, 128}}) {
    const NullAlpha expected = null_alpha(shape);
    double sum = 0;
    const int repeats = 60;
    for (std::uint64_t seed = 0; seed < repeats; ++seed) {
      CounterRandom random(4, seed);
      const auto lambda = gaussian_eigenvalues(shape.long_side, shape.short_side, 0, random);
      sum += scan_power_law(lambda, {.min_tail = 10, .skip_repeated = true})->alpha;
    }
    // Five standard errors of the mean of 60, and of the table's 100.
    CHECK(std::abs(sum / repeats - expected.mean) <
          5 * expected.sd * std::sqrt(1.0 / repeats + 1.0 / 100));
  }
  CHECK(std::isnan(null_alpha({64, 64, 9}).mean));
  // Between two sides: between their values.
  const double between = null_alpha({192, 192}).mean;
  CHECK(between > null_alpha({128, 128}).mean);
  CHECK(between < null_alpha({256, 256}).mean);
}

TEST_CASE("the compat Marchenko-Pastur fit gives WeightWatcher's numbers", "[rmt]") {
  const auto lambda = g6_eigenvalues(1);
  CHECK(lambda.back() == Approx(2.8395241173601686).epsilon(1e-12));
  const CompatBulkFit fit = compat_bulk_fit(lambda, 400, 200);
  CHECK(fit.sigma_mp == Approx(1.0006156799).epsilon(1e-6));
  CHECK(fit.bulk_max == Approx(2.91834957811).epsilon(1e-6));
  CHECK(fit.bulk_min == Approx(0.08590819056).epsilon(1e-6));
  CHECK(fit.mp_softrank == Approx(1.02776009553).epsilon(1e-6));
  CHECK(fit.num_spikes == 0);
  CHECK(!fit.at_bound);
  const CompatBulkFit spiked = compat_bulk_fit(g6_eigenvalues(4), 400, 200);
  CHECK(spiked.sigma_mp == Approx(0.98925652).epsilon(1e-6));
  CHECK(spiked.mp_softrank == Approx(0.185189019).epsilon(1e-6));
  CHECK(spiked.num_spikes == 1);
}

TEST_CASE("the compat row of G6 has WeightWatcher's numbers", "[rmt][golden]") {
  using wishart::LayerRow;
  const auto row_of = [](double first_column_factor) {
    const auto spectrum =
        wishart::test::spectrum_of_eigenvalues(g6_eigenvalues(first_column_factor));
    return layer_row(wishart::test::dense(400, 200), spectrum, {.weightwatcher = true});
  };
  // Eigenvalues of the Gram matrix: off by eps * lambda_max, 1e-14 of the smallest in the tail.
  constexpr double kBound = 1e-11;
  const LayerRow row = row_of(1);
  CHECK(row.norm == Approx(200.03745732066804).epsilon(kBound));
  CHECK(row.alpha == Approx(6.181250279745551).epsilon(kBound));
  CHECK(row.xmin == Approx(1.8238846098391577).epsilon(kBound));
  CHECK(row.D == Approx(0.13902186489414048).epsilon(kBound));
  CHECK(row.num_pl_spikes == 33);
  CHECK(row.detX_num == 163);
  CHECK(row.detX_val == Approx(0.317083715470523).epsilon(kBound));
  CHECK(row.stable_rank == Approx(70.44752890024321).epsilon(kBound));
  CHECK(row.entropy == Approx(0.9528722054006249).epsilon(kBound));
  const LayerRow spiked = row_of(4);
  CHECK(spiked.lambda_max == Approx(16.558578178965497).epsilon(kBound));
  CHECK(spiked.alpha == Approx(3.9596738838070995).epsilon(kBound));
  CHECK(spiked.xmin == Approx(1.4389699584663478).epsilon(kBound));
  CHECK(spiked.detX_num == 155);
}

TEST_CASE("the compat fit reports when the best sigma is the lowest of its grid", "[rmt]") {
  std::vector<double> heavy;
  for (int i = 200; i >= 1; --i) heavy.push_back(std::pow(i / 200.0, -3.0));
  const CompatBulkFit fit = compat_bulk_fit(heavy, 200, 100);
  CHECK(fit.mp_softrank == Approx(0.0025).epsilon(0.05));
  CHECK(fit.at_bound);
}

TEST_CASE("what remains below huge eigenvalues is never the rounding error of a difference",
          "[null]") {
  // Rank one, two and three with the rounding errors of a solver below: no variance is negative.
  for (int spikes = 1; spikes <= 3; ++spikes) {
    for (const double noise : {0.0, 1e-30, 1e-14, 1e-3}) {
      std::vector<double> lambda(24, noise);
      for (int k = 0; k < spikes; ++k) {
        lambda[lambda.size() - 1 - static_cast<std::size_t>(k)] = 1e3 / (k + 3);
      }
      std::sort(lambda.begin(), lambda.end());
      CAPTURE(spikes, noise);
      const BulkFit fit = fit_bulk(lambda, {40, 24});
      CHECK(fit.spike_p.size() == static_cast<std::size_t>(spikes));
      CHECK(std::abs(fit.variance * 40 - noise) <= 1e-12 * noise);
      CHECK(fit.at_bound == (noise == 0));
      CHECK(std::isnan(fit.D) == (noise == 0));
      // Rounding errors that are told to be such are no bulk.
      const BulkFit resolved = fit_bulk(lambda, {40, 24}, noise);
      CHECK(resolved.variance == 0);
      CHECK(resolved.bulk.high == 0);
      CHECK(resolved.at_bound);
    }
  }
}
