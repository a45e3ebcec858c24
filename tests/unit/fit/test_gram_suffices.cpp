/// @file
/// Which Gram spectra give WeightWatcher's digits, and which matrices need an SVD.

#include <cmath>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/fit/gram_suffices.hpp"

#include "draw.hpp"
#include "gram.hpp"
#include "support.hpp"

using namespace wishart;
using namespace wishart::fit;
using namespace wishart::test;

namespace {

/// A Gram spectrum with these eigenvalues, and with the floor of a matrix with this long side.
Spectrum gram_spectrum(std::vector<double> lambda, std::int64_t long_side) {
  Spectrum spectrum = spectrum_of_eigenvalues(std::move(lambda));
  spectrum.method = Method::gram;
  spectrum.floor_sigma =
      spectrum.sigma.back() * std::sqrt(8 * std::sqrt(static_cast<double>(long_side)) * kEps);
  for (const double sigma : spectrum.sigma)
    spectrum.num_below_floor += sigma <= spectrum.floor_sigma;
  return spectrum;
}

std::string why_not(std::vector<double> lambda, std::int64_t long_side,
                    const FitOptions& options = kWeightWatcher) {
  const auto short_side = static_cast<std::int64_t>(lambda.size());
  return why_not_by_gram(dense(long_side, short_side), gram_spectrum(std::move(lambda), long_side),
                         options);
}

/// Eigenvalues of W^T W for Gaussian elements.
std::vector<double> gaussian(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  Uniform uniform(seed);
  std::vector<double> matrix(static_cast<std::size_t>(rows * cols));
  for (double& x : matrix) {
    x = std::sqrt(-2 * std::log(uniform())) * std::cos(2 * 3.14159265358979 * uniform());
  }
  return gram_eigenvalues(matrix, cols);
}

}  // namespace

TEST_CASE("rectangular matrices have their digits from the Gram matrix", "[gram-suffices]") {
  CHECK(why_not(gaussian(300, 100, 1), 300) == "");
  CHECK(why_not(gaussian(150, 120, 2), 150) == "");
  for (const double alpha : {2.5, 3.0, 5.0}) {
    CHECK(why_not(power_law_sample(200, alpha, 0.01, 3), 800) == "");
  }
  FitOptions options = kWeightWatcher;
  options.fix_fingers = FixFingers::clip_xmax;
  options.mp_fit = true;
  CHECK(why_not(gaussian(300, 100, 1), 300, options) == "");
}

TEST_CASE("a tail far below the largest value needs an SVD", "[gram-suffices]") {
  // alpha is off by more than 1e-8 relative to D.
  CHECK(why_not(power_law_sample(200, 1.6, 0.01, 3), 800) == "xmin");
}

TEST_CASE("a smallest value out of the Gram matrix's reach needs an SVD", "[gram-suffices]") {
  std::vector<double> lambda = gaussian(300, 100, 1);
  // Off by delta / (2 sigma) > 1e-10 sigma_max: the bound is at sigma / sigma_max = 1e-4.
  Spectrum close = gram_spectrum(lambda, 300);
  close.num_below_floor = 0;
  close.view_sigma_min = {5e-5 * close.sigma.back()};
  CHECK(why_not_by_gram(dense(300, 100), close, kWeightWatcher) == "sv_min");
  lambda.front() = lambda.back() * std::pow(1.8e-4, 2);
  CHECK(why_not(lambda, 300) == "");
  // As of most square matrices.
  CHECK(why_not(gaussian(100, 100, 4), 100000000) == "sv_min");
}

TEST_CASE("the error of eigenvalues is in proportion to the norms of the Gram matrix",
          "[gram-suffices]") {
  const std::vector<double> one{2.0};
  CHECK(eigenvalue_error(one, 400) == Approx(kEps * 4 * (16 + 10)));
  const std::vector<double> equal(100, 3.0);
  CHECK(eigenvalue_error(equal, 100) == Approx(kEps * 9 * (160 + 5)));
  CHECK(eigenvalue_error({}, 100) == 0);
  CHECK(eigenvalue_error(std::vector<double>(3, 0.0), 100) == 0);
}

TEST_CASE("matrices without full rank need an SVD", "[gram-suffices]") {
  std::vector<double> lambda = gaussian(300, 100, 1);
  lambda.front() = 0;
  CHECK(why_not(lambda, 300) == "values below the floor");
  lambda.front() = 1e-15 * lambda.back();
  CHECK(why_not(lambda, 300) == "values below the floor");
  CHECK(why_not(std::vector<double>(20, 0.0), 300) == "values below the floor");
}

TEST_CASE("a value beside an absolute limit needs an SVD", "[gram-suffices]") {
  std::vector<double> lambda = gaussian(300, 100, 1);
  const double factor = 1e-5 / lambda[10];
  for (double& value : lambda) value *= factor;
  lambda[10] = 1e-5;
  const double delta = eigenvalue_error(gram_spectrum(lambda, 300).sigma, 300);
  for (const double side : {-0.5, 0.5}) {
    lambda[10] = 1e-5 + side * delta;
    CHECK(why_not(lambda, 300) == "num_fit_evals");
  }
  lambda[10] = 1e-5 + 4 * delta;
  CHECK(why_not(lambda, 300) == "");
  // Two values that change places would keep the count in some of the disturbed copies.
  lambda[9] = 1e-5 - 0.5 * delta;
  lambda[10] = 1e-5 + 0.5 * delta;
  CHECK(why_not(lambda, 300) == "num_fit_evals");
  FitOptions options = kWeightWatcher;
  options.tolerance = lambda[50] + 0.5 * delta;
  lambda[9] = 0.9e-5;
  lambda[10] = 1.1e-5;
  CHECK(why_not(lambda, 300, options) == "weak_rank_loss");
}

TEST_CASE("two tails of nearly the same distance need an SVD", "[gram-suffices]") {
  // Equal values give equal tails.
  const std::vector<double> sample = power_law_sample(50, 3, 1, 5);
  CHECK(why_not(sample, 200) == "");
  CHECK(why_not(std::vector<double>(50, 2.0), 200) == "xmin");
  // From one sample to another the best tail changes; close in on the tie.
  std::vector<double> other = sample;
  for (std::size_t i = 0; i < 20; ++i) other[i] *= 0.2;
  const auto with = [&](double share) {
    std::vector<double> lambda = sample;
    for (std::size_t i = 0; i < lambda.size(); ++i) lambda[i] += share * (other[i] - lambda[i]);
    return lambda;
  };
  const auto count_with = [&](double share) { return scan_power_law(with(share), {})->num_tail; };
  double low = 0;
  double high = 1;
  const std::int64_t at_low = count_with(low);
  REQUIRE(count_with(high) != at_low);
  for (int step = 0; step < 60; ++step) {
    const double middle = (low + high) / 2;
    (count_with(middle) == at_low ? low : high) = middle;
  }
  CHECK(why_not(with(low), 200) == "xmin");
  CHECK(why_not(with(high), 200) == "xmin");
  // A little apart from the tie both tails are safe.
  CHECK(scan_is_certain(with(low - 1e-5), 1e-13));
  CHECK_FALSE(scan_is_certain(with(low), 1e-13));
  CHECK_FALSE(scan_is_certain(with(low - 1e-5), 1e-3));
}

TEST_CASE("no error within the bound moves a certain scan beyond its digits", "[gram-suffices]") {
  Uniform uniform(7);
  for (int sample = 0; sample < 50; ++sample) {
    const std::vector<double> lambda =
        power_law_sample(60, 2 + 3 * uniform(), 0.5, 100 + static_cast<std::uint64_t>(sample));
    const double delta = lambda.back() * std::pow(10.0, -14 + 3 * uniform());
    if (!scan_is_certain(lambda, delta)) continue;
    const PowerLaw fit = *scan_power_law(lambda, {});
    for (int trial = 0; trial < 20; ++trial) {
      std::vector<double> other = lambda;
      for (double& value : other) value += delta * (uniform() < 0.5 ? -1 : 1);
      std::sort(other.begin(), other.end());
      const PowerLaw moved = *scan_power_law(other, {});
      CHECK(moved.num_tail == fit.num_tail);
      CHECK(std::abs(moved.alpha - fit.alpha) <= kFitDigits * fit.alpha);
      CHECK(std::abs(moved.D - fit.D) <= kFitDigits * fit.D);
      CHECK(std::abs(moved.xmin - fit.xmin) <= kNormDigits * fit.xmin);
    }
  }
}

TEST_CASE("a fit that fails needs an SVD", "[gram-suffices]") {
  std::vector<double> lambda = gaussian(300, 100, 1);
  const double factor = 5e-6 / lambda.back();
  for (double& value : lambda) value *= factor;
  CHECK(why_not(lambda, 300) == "status");
}

TEST_CASE("rows are compared column by column", "[gram-suffices]") {
  const LayerRow row = row_of(squares_over_ten(), kWeightWatcher);
  CHECK(column_apart(row, row).empty());
  const auto with = [&](auto member, auto value) {
    LayerRow other = row;
    other.*member = value;
    return column_apart(row, other);
  };
  CHECK(with(&LayerRow::alpha, row.alpha * (1 + 0.9e-8)) == "");
  CHECK(with(&LayerRow::alpha, row.alpha * (1 + 1.1e-8)) == "alpha");
  CHECK(with(&LayerRow::xmin, row.xmin * (1 + 0.9e-10)) == "");
  CHECK(with(&LayerRow::xmin, row.xmin * (1 + 1.1e-10)) == "xmin");
  CHECK(with(&LayerRow::sv_min, row.sv_min + 0.9e-10 * row.sv_max) == "");
  CHECK(with(&LayerRow::sv_min, row.sv_min + 1.1e-10 * row.sv_max) == "sv_min");
  CHECK(with(&LayerRow::num_pl_spikes, row.num_pl_spikes + 1) == "num_pl_spikes");
  CHECK(with(&LayerRow::warning, std::string("over-trained")) == "warning");
  CHECK(with(&LayerRow::D, kNan) == "D");
}
