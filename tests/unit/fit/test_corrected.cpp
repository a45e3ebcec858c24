/// @file
/// Corrected mode: relative floors, failed fits that say so, entropy and norms without overflow.

#include <catch2/catch.hpp>

#include "wishart/fit/thresholds.hpp"
#include "wishart/record/alpha_limits.hpp"
#include "wishart/record/row_warnings.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::fit;
using namespace wishart::test;

namespace {

bool warns(const LayerRow& row, const std::string& word) {
  return (";" + row.warning + ";").find(";" + word + ";") != std::string::npos;
}

/// The values at the middle of `count` equal shares of a power law: alpha comes out close to it.
std::vector<double> power_law_quantiles(std::int64_t count, double alpha) {
  std::vector<double> x;
  for (std::int64_t i = 0; i < count; ++i) {
    const double survival = 1 - (static_cast<double>(i) + 0.5) / static_cast<double>(count);
    x.push_back(std::pow(survival, -1 / (alpha - 1)));
  }
  return x;
}

}  // namespace

TEST_CASE("where nothing is repaired the two modes agree", "[corrected]") {
  const std::vector<double> lambda = power_law_sample(200, 3, 1, 4);
  const LayerRow ours = row_of(lambda, kCorrected);
  const LayerRow theirs = row_of(lambda, kWeightWatcher);
  CHECK(ours.alpha == theirs.alpha);
  CHECK(ours.D == theirs.D);
  CHECK(ours.xmin == theirs.xmin);
  CHECK(ours.sigma == theirs.sigma);
  CHECK(ours.num_pl_spikes == theirs.num_pl_spikes);
  CHECK(ours.norm == theirs.norm);
  CHECK(ours.matrix_rank == theirs.matrix_rank);
  // 200 terms, each rounded to eps twice; alpha ln(lambda) is rounded before exp.
  CHECK(ours.log_alpha_norm == Approx(theirs.log_alpha_norm).epsilon(100 * kEps));
  CHECK(ours.entropy == Approx(theirs.entropy).epsilon(1e-7));  // their EPS of 1e-10 a share
}

TEST_CASE("alpha does not depend on the scale of the weights", "[corrected]") {
  const std::vector<double> lambda = power_law_sample(100, 2.5, 1e-3, 3);
  const LayerRow one = row_of(lambda, kCorrected);
  for (const int power : {-60, -10, 40}) {
    std::vector<double> scaled = lambda;
    for (double& value : scaled) value = std::ldexp(value, 2 * power);
    const LayerRow row = row_of(scaled, kCorrected);
    CHECK(row.alpha == Approx(one.alpha).epsilon(1000 * kEps));  // logarithms of up to 83: 8 bits
    CHECK(row.D == Approx(one.D).epsilon(1000 * kEps));
    CHECK(row.num_fit_evals == one.num_fit_evals);
    CHECK(row.stable_rank == one.stable_rank);
    CHECK(row.entropy == one.entropy);
    CHECK(row.matrix_rank == one.matrix_rank);
    CHECK(row.xmin == std::ldexp(one.xmin, 2 * power));
  }
}

TEST_CASE("eigenvalues at or below the floor of the method are not fitted", "[corrected]") {
  std::vector<double> sigma;
  for (int i = 1; i <= 30; ++i) sigma.push_back(i);
  Spectrum spectrum = spectrum_of(sigma);
  const LayerRow all = layer_row(dense(30, 64), spectrum, kCorrected);
  CHECK(all.num_fit_evals == 30);
  const double own_floor = 30 * 64 * kEps;
  CHECK(all.fit_floor == own_floor * own_floor);
  spectrum.floor_sigma = 5;
  spectrum.num_below_floor = 4;
  const LayerRow row = layer_row(dense(30, 64), spectrum, kCorrected);
  CHECK(row.fit_floor == 25);
  CHECK(row.num_fit_evals == 25);
  CHECK(row.floor_sigma == 5);
  CHECK(row.num_below_floor == 4);
  CHECK(row.rank_loss == 4);
  CHECK(row.matrix_rank == 26);
  // Compat mode knows the absolute floor only.
  CHECK(layer_row(dense(30, 64), spectrum, kWeightWatcher).num_fit_evals == 30);
}

TEST_CASE("too few eigenvalues above the floor are a failed fit, with the number", "[corrected]") {
  std::vector<double> sigma(6, 1e-20);
  for (int i = 1; i <= 9; ++i) sigma.push_back(i);
  const LayerRow row = layer_row(dense(15, 15), spectrum_of(sigma), kCorrected);
  CHECK(row.status == "failed");
  CHECK(row.reason == "9 eigenvalues above the floor, a fit needs 10");
  CHECK(row.warning == "fit-failed");
  CHECK(std::isnan(row.alpha));
  CHECK(std::isnan(row.D));
  CHECK(std::isnan(row.sigma));
  CHECK(std::isnan(row.xmin));
  CHECK(std::isnan(row.alpha_weighted));
  CHECK(std::isnan(row.log_alpha_norm));
  CHECK(row.num_pl_spikes == -1);
  CHECK(row.norm > 0);
  CHECK(row.has_esd);
  sigma.push_back(10);
  CHECK(layer_row(dense(16, 16), spectrum_of(sigma), kCorrected).status == "success");
}

TEST_CASE("a difference of zeros is no failure, but the same as the base", "[corrected]") {
  Spectrum spectrum = spectrum_of(std::vector<double>(12, 0.0));
  spectrum.weights.base_norm = 3;
  spectrum.weights.delta_frobenius = 0;
  const LayerRow row = layer_row(dense(12, 20), spectrum, kCorrected);
  CHECK(row.status == "no-tail");
  CHECK(row.reason == "the same as in the base");
  CHECK(row.warning == "no-tail");
  CHECK(row.matrix_rank == 0);
  CHECK(std::isnan(row.log_norm));
  // One value that is not zero makes it a difference as any other.
  spectrum.sigma.back() = 1e-9;
  CHECK(layer_row(dense(12, 20), spectrum, kCorrected).status == "failed");
}

TEST_CASE("equal eigenvalues are no tail, with entropy 1", "[corrected]") {
  const LayerRow row = row_of(std::vector<double>(64, 4.0), kCorrected);
  CHECK(row.status == "no-tail");
  CHECK(row.reason == "all eigenvalues above the floor are equal");
  CHECK(row.warning == "no-tail");
  CHECK(row.entropy == Approx(1.0).epsilon(4 * kEps));
  CHECK(row.stable_rank == 64);
}

TEST_CASE("a matrix of zeros has no fit, no rank and no logarithms", "[corrected]") {
  Spectrum spectrum = spectrum_of(std::vector<double>(12, 0.0));
  const LayerRow row = layer_row(dense(12, 20), spectrum, kCorrected);
  CHECK(row.status == "failed");
  CHECK(row.reason == "all elements are zero");
  CHECK(row.warning == "fit-failed;rank-collapse");
  CHECK(row.norm == 0);
  CHECK(row.lambda_max == 0);
  CHECK(std::isnan(row.log_norm));
  CHECK(std::isnan(row.log_spectral_norm));
  CHECK(std::isnan(row.stable_rank));
  CHECK(std::isnan(row.alpha));
  CHECK(row.matrix_rank == 0);
  CHECK(row.rank_loss == 12);
  CHECK(row.num_fit_evals == 0);
  CHECK(row.weak_rank_loss == 12);
}

TEST_CASE("entropy is 0 for one direction and 1 for equal ones", "[corrected]") {
  std::vector<double> sigma(31, 0.0);
  sigma.push_back(3.0);
  Spectrum one = spectrum_of(sigma);
  one.num_below_floor = 31;
  CHECK(layer_row(dense(32, 32), one, kCorrected).entropy == 0);
  // 8 equal values among zeros: entropy ln 8 over ln 8.
  std::vector<double> some(24, 0.0);
  some.insert(some.end(), 8, 2.0);
  Spectrum eight = spectrum_of(some);
  eight.num_below_floor = 24;
  CHECK(layer_row(dense(32, 32), eight, kCorrected).entropy == Approx(1.0).epsilon(4 * kEps));
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const double entropy = row_of(power_law_sample(50, 2.2, 1, seed), kCorrected).entropy;
    CHECK(entropy > 0);
    CHECK(entropy < 1);
  }
}

TEST_CASE("the norm of a huge exponent does not overflow", "[corrected]") {
  // lambda^alpha goes far beyond 1e308: alpha of about 20 (an alpha of 1e9, of nearly equal values,
  // is no tail), lambda of about 1e40.
  std::vector<double> sigma;
  for (const double value : power_law_quantiles(40, 20)) sigma.push_back(1e20 * std::sqrt(value));
  const LayerRow narrow = layer_row(dense(40, 40), spectrum_of(sigma), kCorrected);
  CHECK(narrow.status == "success");
  CHECK(narrow.alpha > 15);
  CHECK(std::isfinite(narrow.log_alpha_norm));
  // Between the largest term and 40 times it.
  CHECK(narrow.log_alpha_norm >= narrow.alpha * narrow.log_spectral_norm * (1 - 4 * kEps));
  CHECK(narrow.log_alpha_norm <= narrow.alpha * narrow.log_spectral_norm * (1 + 4 * kEps) + 2);
  CHECK(layer_row(dense(40, 40), spectrum_of(sigma), kWeightWatcher).log_alpha_norm == kInf);

  std::vector<double> huge = power_law_sample(100, 3, 1e150, 6);
  const LayerRow row = row_of(huge, kCorrected);
  CHECK(row.log_alpha_norm == Approx(row.alpha * row.log_spectral_norm).margin(2).epsilon(0));
  std::vector<double> with_zero = power_law_sample(99, 3, 1, 6);
  const double before = row_of(with_zero, kCorrected).log_alpha_norm;
  with_zero.push_back(0);
  CHECK(row_of(with_zero, kCorrected).log_alpha_norm == before);
}

TEST_CASE("each warning stands exactly where its number says", "[corrected]") {
  int small = 0;
  int none = 0;
  for (const double alpha : {1.3, 1.8, 1.95, 2.05, 2.5, 4.0, 5.8, 6.2, 8.0, 20.0}) {
    for (const std::int64_t count : {12, 19, 20, 21, 60, 300}) {
      const LayerRow row = row_of(power_law_quantiles(count, alpha), kCorrected);
      CAPTURE(alpha, count, row.alpha, row.num_pl_spikes);
      REQUIRE(row.status == "success");
      CHECK(warns(row, "small-tail") == (row.num_pl_spikes < kSmallTail));
      CHECK_FALSE(warns(row, "fit-failed"));
      CHECK_FALSE(warns(row, "over-trained"));
      CHECK_FALSE(warns(row, "under-trained"));
      small += warns(row, "small-tail") ? 1 : 0;
      none += row.warning.empty() ? 1 : 0;
    }
  }
  CHECK(small > 5);
  CHECK(none > 5);
}

TEST_CASE("rank-collapse is said when more than half of the values are below the floor",
          "[corrected]") {
  Spectrum spectrum = spectrum_of_eigenvalues(power_law_sample(60, 3, 1, 7));
  spectrum.num_below_floor = 30;
  CHECK_FALSE(warns(layer_row(dense(60, 60), spectrum, kCorrected), "rank-collapse"));
  spectrum.num_below_floor = 31;
  const LayerRow row = layer_row(dense(60, 60), spectrum, kCorrected);
  CHECK(warns(row, "rank-collapse"));
  CHECK(row.matrix_rank == 29);
}
