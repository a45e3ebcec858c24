#pragma once

/// @file
/// Spectra as a worker might send them.

#include <string>

#include "wishart/core/error.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::test {

/// A spectrum 1, 2, 3... of `matrix`, whose largest value is `largest`.
inline Spectrum good_spectrum(const Matrix& matrix, double largest = 8) {
  Spectrum spectrum;
  spectrum.status = SpectrumStatus::ok;
  spectrum.products = {.products = Products::integer,
                       .bits = 22,
                       .bytes = 5,
                       .panels = 3,
                       .float64_panels = 1,
                       .apart = 17};
  spectrum.solver = "two-stage";
  spectrum.team_size = 2;
  const auto count = static_cast<double>(matrix.num_values());
  long double squares = 0;
  for (double k = 1; k <= count; ++k) {
    spectrum.sigma.push_back(largest * k / count);
    squares += static_cast<long double>(spectrum.sigma.back()) * spectrum.sigma.back();
  }
  spectrum.view_sigma_min = {spectrum.sigma.front()};
  spectrum.view_sigma_max = {largest};
  spectrum.view_rank_loss = {0};
  spectrum.floor_sigma = 1e-3;
  spectrum.num_below_floor = 1;
  spectrum.sum_squares = static_cast<double>(squares);
  spectrum.sum_squares_error = 1e-15;
  spectrum.hash = "0123abcd";
  spectrum.seconds = 0.5;
  return spectrum;
}

/// No spectrum, for which `blame` is to act.
inline Spectrum failed_spectrum(Blame blame, const std::string& reason) {
  Spectrum spectrum;
  spectrum.status = SpectrumStatus::not_computed;
  spectrum.reason = reason;
  spectrum.exit_code = static_cast<int>(blame);
  return spectrum;
}

/// As of a matrix with NaN elements.
inline Spectrum nonfinite_spectrum() {
  Spectrum spectrum = failed_spectrum(Blame::numerics, "2 NaN and 0 infinite elements of 320");
  spectrum.status = SpectrumStatus::nonfinite;
  spectrum.num_nan = 2;
  spectrum.hash = "4567";
  return spectrum;
}

}  // namespace wishart::test
