#pragma once

/// @file
/// Spectra and data sets shared by the tests of the fits.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "wishart/fit/metrics.hpp"
#include "wishart/fit/power_law.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::test {

inline constexpr double kEps = std::numeric_limits<double>::epsilon();
inline constexpr double kInf = std::numeric_limits<double>::infinity();

inline constexpr fit::FitOptions kCorrected{};
inline constexpr fit::FitOptions kWeightWatcher{.weightwatcher = true};

inline Matrix dense(std::int64_t rows, std::int64_t cols,
                    const std::string& name = "model.layers.3.mlp.up_proj.weight") {
  Matrix matrix;
  matrix.key = name;
  matrix.tensor.name = name;
  matrix.tensor.shape = {rows, cols};
  matrix.tensor.num_elements = rows * cols;
  matrix.layer_type = "dense";
  matrix.role = "mlp.up";
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.views = {View{0, cols, 1}};
  return matrix;
}

/// A valid spectrum of one view with these singular values, and without a floor of the method.
inline Spectrum spectrum_of(std::vector<double> sigma) {
  std::sort(sigma.begin(), sigma.end());
  Spectrum spectrum;
  spectrum.status = SpectrumStatus::ok;
  spectrum.method = Method::svd;
  spectrum.solver = "dgesdd";
  spectrum.view_sigma_min = {sigma.front()};
  spectrum.view_sigma_max = {sigma.back()};
  spectrum.view_rank_loss = {0};
  for (const double value : sigma) spectrum.sum_squares += value * value;
  spectrum.sigma = std::move(sigma);
  return spectrum;
}

/// The same, of a matrix whose M^T M has these eigenvalues.
inline Spectrum spectrum_of_eigenvalues(std::vector<double> lambda) {
  for (double& value : lambda) value = std::sqrt(value);
  return spectrum_of(std::move(lambda));
}

/// The row of a square matrix with these eigenvalues.
inline LayerRow row_of(const std::vector<double>& lambda, const fit::FitOptions& options) {
  const auto n = static_cast<std::int64_t>(lambda.size());
  return fit::layer_row(dense(n, n), spectrum_of_eigenvalues(lambda), options);
}

/// Golden data G1 of reference/weightwatcher.md, section 9: x_i = (i + 1)^2 / 10.
inline std::vector<double> squares_over_ten() {
  std::vector<double> x;
  for (int i = 1; i <= 20; ++i) x.push_back(i * i / 10.0);
  return x;
}

/// Numbers in (0, 1), the same with every library: the engine is standardised, and the mapping is
/// our own.
class Uniform {
public:
  explicit Uniform(std::uint64_t seed) : engine_(seed) {}
  double operator()() { return (static_cast<double>(engine_() >> 11U) + 0.5) * 0x1p-53; }

private:
  std::mt19937_64 engine_;
};

/// `count` values from p(x) ~ x^-alpha above `xmin`, ascending.
inline std::vector<double> power_law_sample(std::int64_t count, double alpha, double xmin,
                                            std::uint64_t seed) {
  Uniform uniform(seed);
  std::vector<double> x;
  for (std::int64_t i = 0; i < count; ++i)
    x.push_back(xmin * std::pow(uniform(), -1 / (alpha - 1)));
  std::sort(x.begin(), x.end());
  return x;
}

}  // namespace wishart::test
