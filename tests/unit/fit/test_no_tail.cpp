/// @file
/// Spectra without a tail have no alpha; those with one keep it.

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <catch2/catch.hpp>

#include "wishart/fit/farms.hpp"
#include "wishart/fit/no_tail.hpp"
#include "wishart/fit/random.hpp"
#include "wishart/fit/thresholds.hpp"
#include "wishart/record/fit_counts.hpp"

#include "gram.hpp"
#include "support.hpp"

using namespace wishart;
using namespace wishart::fit;
using namespace wishart::test;

namespace {

/// rows x cols in rows: orthonormal columns, plus independent elements with `noise` times their
/// norm. By Gram and Schmidt, twice.
std::vector<double> near_orthogonal(std::size_t rows, std::size_t cols, double noise,
                                    std::uint64_t seed) {
  CounterRandom random(seed, 1);
  std::vector<double> w(rows * cols);
  for (double& value : w) value = random.normal();
  const auto project = [&](std::size_t j, std::size_t k, double share) {
    for (std::size_t r = 0; r < rows; ++r) w[r * cols + j] -= share * w[r * cols + k];
  };
  const auto product = [&](std::size_t j, std::size_t k) {
    double sum = 0;
    for (std::size_t r = 0; r < rows; ++r) sum += w[r * cols + j] * w[r * cols + k];
    return sum;
  };
  for (std::size_t j = 0; j < cols; ++j) {
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t k = 0; k < j; ++k) project(j, k, product(j, k));
      const double length = std::sqrt(product(j, j));
      for (std::size_t r = 0; r < rows; ++r) w[r * cols + j] /= length;
    }
  }
  for (double& value : w) value += noise / std::sqrt(static_cast<double>(rows)) * random.normal();
  return w;
}

LayerRow row_of_matrix(const std::vector<double>& w, std::int64_t rows, std::int64_t cols,
                       const FitOptions& options = kCorrected) {
  std::vector<double> lambda = gram_eigenvalues(w, cols);
  for (double& value : lambda) value = std::max(value, 0.0);
  return layer_row(dense(rows, cols), spectrum_of_eigenvalues(lambda), options);
}

void check_without_alpha(const LayerRow& row) {
  CHECK(row.status == kNoTail);
  CHECK(row.warning == "no-tail");
  CHECK_FALSE(row.reason.empty());
  for (const double value : {row.alpha,          row.D,
                             row.sigma,          row.xmin,
                             row.xmax,           row.alpha_weighted,
                             row.log_alpha_norm, row.D_ks,
                             row.alpha_low,      row.alpha_high,
                             row.gof_p,          row.raw_alpha,
                             row.rival_alpha,    row.outlier_p,
                             row.alpha_hill,     row.alpha_moment,
                             row.alpha_pickands, row.alpha_q90,
                             row.tpl_alpha,      row.exp_lambda,
                             row.sexp_beta,      row.ln_mu,
                             row.ERG_gap,        row.tail_trace_log}) {
    CHECK(std::isnan(value));
  }
  CHECK(row.num_pl_spikes == -1);
  CHECK(row.num_outliers == -1);
  CHECK(row.best_law.empty());
  // What is not about a tail is there.
  CHECK(row.norm > 0);
  CHECK(std::isfinite(row.stable_rank));
  CHECK(std::isfinite(row.mp_softrank));
  CHECK(row.matrix_rank == row.num_evals);
}

std::vector<double> scaled(std::vector<double> values, int power) {
  for (double& value : values) value = std::ldexp(value, power);
  return values;
}

}  // namespace

TEST_CASE("near-orthogonal matrices of 64 x 64 have no tail, at any level of noise", "[no-tail]") {
  for (const double noise : {0.0, 1e-12, 1e-8, 1e-4, 1e-2, 0.05, 0.1, 0.2, 0.3}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      CAPTURE(noise, seed);
      check_without_alpha(row_of_matrix(near_orthogonal(64, 64, noise, seed), 64, 64));
    }
  }
  for (const double noise : {1e-8, 1e-2, 0.1}) {
    check_without_alpha(row_of_matrix(near_orthogonal(256, 64, noise, 5), 256, 64));
  }
}

TEST_CASE("small near-orthogonal matrices have no tail where alpha would mislead", "[no-tail]") {
  for (const std::size_t side : {10U, 16U, 32U}) {
    for (const double noise : {1e-8, 1e-5, 1e-3}) {
      CAPTURE(side, noise);
      const auto rows = static_cast<std::int64_t>(side);
      check_without_alpha(row_of_matrix(near_orthogonal(side, side, noise, 6), rows, rows));
    }
  }
}

TEST_CASE("compat mode gives a near-orthogonal matrix WeightWatcher's alpha", "[no-tail]") {
  const std::vector<double> w = near_orthogonal(64, 64, 1e-8, 1);
  const LayerRow row = row_of_matrix(w, 64, 64, kWeightWatcher);
  CHECK(row.status == "success");
  CHECK(row.warning == "under-trained");
  CHECK(row.alpha > 1e6);
  std::vector<double> lambda = gram_eigenvalues(w, 64);
  for (double& value : lambda) value = std::pow(std::sqrt(value), 2);
  CHECK(row.alpha == scan_power_law(lambda, ScanOptions{}).value().alpha);
}

TEST_CASE("power laws keep their alpha, whatever the exponent and the size", "[no-tail]") {
  int samples = 0;
  for (const double alpha : {1.5, 2.0, 4.0, 8.0}) {
    for (const std::int64_t count : {10, 16, 32, 60, 64, 500}) {
      for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(alpha, count, seed);
        const LayerRow row = row_of(power_law_sample(count, alpha, 1, seed), kCorrected);
        CHECK(row.status == "success");
        CHECK(row.alpha > 1);
        ++samples;
      }
    }
  }
  CHECK(samples == 240);
}

TEST_CASE("Gaussian matrices of every aspect ratio keep their alpha", "[no-tail]") {
  for (const auto& [rows, cols] : {std::pair{12, 12}, {64, 64}, {64, 16}, {512, 16}, {2000, 12}}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      CAPTURE(rows, cols, seed);
      CounterRandom random(seed, 2);
      std::vector<double> w(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
      for (double& value : w) value = random.normal();
      const LayerRow row = row_of_matrix(w, rows, cols);
      CHECK(row.status == "success");
      CHECK(std::isfinite(row.alpha));
    }
  }
}

TEST_CASE("the verdict does not depend on scale, nor on the order of rows and columns",
          "[no-tail]") {
  constexpr std::size_t kSide = 32;
  const Shape shape{kSide, kSide};
  const std::vector<std::vector<double>> spectra{
      gram_eigenvalues(near_orthogonal(kSide, kSide, 1e-3, 3), kSide),
      gram_eigenvalues(near_orthogonal(kSide, kSide, 0.1, 3), kSide),
      power_law_sample(kSide, 3, 1, 3)};
  for (const std::vector<double>& lambda : spectra) {
    const TailEvidence one = tail_evidence(lambda, shape);
    const LayerRow row = row_of(lambda, kCorrected);
    for (const int power : {-200, -2, 4, 300}) {
      const TailEvidence other = tail_evidence(scaled(lambda, power), shape);
      CHECK(other.scatter == one.scatter);
      CHECK(other.uniform_R == one.uniform_R);
      CHECK(other.rise == one.rise);
      CHECK(row_of(scaled(lambda, power), kCorrected).status == row.status);
    }
  }
  for (const double noise : {1e-6, 0.05, 3.0}) {
    const std::vector<double> w = near_orthogonal(kSide, kSide, noise, 4);
    std::vector<double> turned(w.size());
    for (std::size_t r = 0; r < kSide; ++r) {
      for (std::size_t c = 0; c < kSide; ++c) {
        turned[(r * 5 + 3) % kSide * kSide + (c * 11 + 7) % kSide] = w[r * kSide + c];
      }
    }
    CHECK(row_of_matrix(turned, kSide, kSide).status == row_of_matrix(w, kSide, kSide).status);
  }
}

TEST_CASE("scatter is 1 for noise, and 1 - s^2 where an orthogonal part has the share s",
          "[no-tail]") {
  for (const double noise : {0.1, 0.5, 1.0}) {
    const auto lambda = gram_eigenvalues(near_orthogonal(256, 64, noise, 7), 64);
    const double share = 1 / (1 + noise * noise);
    // The sum of 64 squared distances is known to about sqrt(2 / 64) / sqrt(64) of itself.
    CHECK(tail_evidence(lambda, {256, 64}).scatter == Approx(1 - share * share).epsilon(0.1));
  }
}

TEST_CASE("equal values at the top, above a spread, are no tail", "[no-tail]") {
  std::vector<double> lambda;
  for (int i = 0; i < 40; ++i) lambda.push_back(0.01 * (i + 1));
  for (int i = 0; i < 24; ++i) lambda.push_back(1 + 1e-9 * i * i);
  const LayerRow row = row_of(lambda, kCorrected);
  if (row.status != kNoTail) CHECK(row.alpha < kMostAlpha);
  CHECK(why_no_tail(lambda, {64, 64}, 1e8) == "nearly equal: alpha 1e+08, of noise 3.8");
}

TEST_CASE("a density that rises towards the largest value is no tail", "[no-tail]") {
  std::vector<double> lambda;
  // F(x) = 1 - sqrt(edge - x): singular at the edge, as what Newton and Schulz make of a bulk.
  for (int i = 0; i < 256; ++i) lambda.push_back(1.44 - std::pow(1 - (i + 0.5) / 256, 2));
  CHECK(tail_evidence(lambda, {256 * 16, 256}).rise > kRises);
  CHECK(why_no_tail(lambda, {256 * 16, 256}, 20) == "the density rises to the largest value");
}

TEST_CASE("the reasons name what was found", "[no-tail]") {
  CHECK(row_of(std::vector<double>(64, 4.0), kCorrected).reason ==
        "all eigenvalues above the floor are equal");
  std::vector<double> even;
  for (int i = 0; i < 64; ++i) even.push_back(1 + i / 64.0);
  CHECK(row_of(even, kCorrected).reason == "spread evenly over 0.037 of noise's scatter");
  // Without the largest five, what is left is equal.
  std::vector<double> lambda(20, 1.0);
  for (int i = 0; i < 5; ++i) lambda.push_back(2 + i);
  CHECK(row_of(lambda, {.xmax = 5}).status == kNoTail);
}

TEST_CASE("alpha of noise goes on beyond its table", "[no-tail]") {
  CHECK(alpha_of_noise({64, 64}) == null_alpha({64, 64}).mean);
  CHECK(alpha_of_noise({16 * 64, 16}) == Approx(std::sqrt(2) * alpha_of_noise({16 * 32, 16})));
  CHECK(alpha_of_noise({16384, 16384}) == Approx(2 * alpha_of_noise({4096, 4096})));
  CHECK(alpha_of_noise({64, 16, 4}) == alpha_of_noise({256, 64}));
}

TEST_CASE("windows of equal values have no alpha either", "[no-tail][farms]") {
  const Windows windows = fixed_aspect_windows(dense(64, 64), 1);
  std::vector<double> sigma = gram_eigenvalues(near_orthogonal(64, 64, 1e-8, 8), 64);
  WeightMeasures measures;
  measure_farms(measures, windows, sigma, 0, kCorrected);
  CHECK(measures.num_farms == 1);
  CHECK(std::isnan(measures.farms_alpha));
  CHECK(std::isnan(measures.farms_hill));
  measure_farms(measures, windows, sigma, 0, kWeightWatcher);
  CHECK(measures.farms_alpha > 1e6);
}

TEST_CASE("layers are counted by what their fit became", "[no-tail]") {
  std::vector<LayerRow> rows(5);
  rows[0].status = "success";
  rows[1].status = "no-tail";
  rows[2].status = "failed";
  rows[3].status = "nonfinite";
  rows[4].status = "success";
  CHECK(count_fits(rows).text() == "2 fitted, 1 without a power-law tail, 2 without a fit");
}
