/// @file
/// Planted spectra: quantiles of the laws, and a fit that recovers what was planted.

#include <algorithm>
#include <cmath>
#include <numbers>

#include <catch2/catch.hpp>

#include "wishart/fit/power_law.hpp"
#include "wishart/synth/planted_spectrum.hpp"

using namespace wishart;
using namespace wishart::synth;

namespace {

std::vector<double> eigenvalues(const PlantedSpectrum& spectrum) {
  std::vector<double> values;
  for (const double sigma : spectrum.sigma) values.push_back(sigma * sigma);
  return values;
}

}  // namespace

TEST_CASE("Marchenko-Pastur quantiles have the law's moments and edges", "[spectrum]") {
  for (const double q : {1.0, 1.5, 3.5, 16.0, 300.0}) {
    CAPTURE(q);
    const auto values = marchenko_pastur_quantiles(20'000, q);
    CHECK(std::is_sorted(values.begin(), values.end()));
    double mean = 0;
    double square = 0;
    for (const double value : values) {
      mean += value / 20'000;
      square += value * value / 20'000;
    }
    // The midpoint rule over quantiles errs by about 1 / count.
    CHECK(mean == Approx(1).epsilon(1e-4));
    CHECK(square == Approx(1 + 1 / q).epsilon(1e-4));
    CHECK(values.front() >= std::pow(1 - 1 / std::sqrt(q), 2));
    CHECK(values.back() <= std::pow(1 + 1 / std::sqrt(q), 2));
  }
}

TEST_CASE("quantiles of a square matrix invert the quarter-circle law", "[spectrum]") {
  // sqrt(lambda) = s has the density sqrt(4 - s^2) / pi on [0, 2].
  const auto values = marchenko_pastur_quantiles(1000, 1.0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double s = std::sqrt(values[i]);
    const double below = (s * std::sqrt(4 - s * s) / 2 + 2 * std::asin(s / 2)) / std::numbers::pi;
    CHECK(below == Approx((static_cast<double>(i) + 0.5) / 1000).margin(1e-7));
  }
}

TEST_CASE("the sum of squares is that of elements of unit size", "[spectrum]") {
  for (const double share : {0.0, 0.1, 1.0}) {
    const auto spectrum = planted_spectrum(300, 100, {2.5, share, 2});
    double sum = 0;
    for (const double value : eigenvalues(spectrum)) sum += value;
    CHECK(sum == Approx(30'000).epsilon(1e-12));
    CHECK(spectrum.sigma.size() == 100);
    CHECK(std::is_sorted(spectrum.sigma.begin(), spectrum.sigma.end()));
  }
}

TEST_CASE("the exhaustive scan finds the planted tail and its exponent", "[spectrum]") {
  for (const auto& [rows, cols] : {std::pair<std::int64_t, std::int64_t>{128, 128},
                                   {352, 128},
                                   {4096, 128},
                                   {512, 1792},
                                   {512, 512},
                                   {2048, 2048}}) {
    for (const double alpha : {1.7, 2.0, 3.0, 4.5, 6.0}) {
      CAPTURE(rows, cols, alpha);
      const auto spectrum = planted_spectrum(rows, cols, {alpha, 0.25, 0});
      const auto fit = fit::scan_power_law(eigenvalues(spectrum), {});
      REQUIRE(fit);
      CHECK(fit->num_tail == spectrum.num_tail);
      CHECK(fit->alpha == Approx(alpha).epsilon(1e-10));
      CHECK(fit->xmin == Approx(spectrum.xmin).epsilon(1e-12));
      CHECK(spectrum.alpha_fit == Approx(alpha).epsilon(1e-10));
    }
  }
}

TEST_CASE("spikes are above the tail, and the exponent with them is given", "[spectrum]") {
  const auto spectrum = planted_spectrum(512, 512, {3.0, 0.25, 3});
  const auto values = eigenvalues(spectrum);
  CHECK(spectrum.spikes == 3);
  CHECK(spectrum.num_tail == 128);
  CHECK(values[509] == Approx(2 * values[508]));
  CHECK(values[511] == Approx(2 * values[510]));
  CHECK(spectrum.alpha_fit < 3.0);
  CHECK(std::count_if(values.begin(), values.end(),
                      [&](double x) { return x >= spectrum.xmin * (1 - 1e-12); }) == 131);
}

TEST_CASE("without a tail there is a bulk alone; small matrices have what fits", "[spectrum]") {
  const auto bulk = planted_spectrum(64, 64, {3.0, 0.0, 0});
  CHECK(bulk.num_tail == 0);
  CHECK(bulk.xmin == 0);
  CHECK(bulk.alpha_fit == 0);
  CHECK(planted_spectrum(1, 5, {}).sigma.size() == 1);
  const auto two = planted_spectrum(2, 2, {3.0, 0.25, 9});
  CHECK(two.num_tail == 2);
  CHECK(two.spikes == 0);
}

TEST_CASE("the rounding bound is the unit roundoff times the norm of noise", "[spectrum]") {
  CHECK(rounding_bound(100, 44, 0.02, 8) ==
        Approx(0x1p-8 / std::sqrt(3.0) * 0.02 * (10 + std::sqrt(44.0))));
  CHECK(rounding_bound(100, 44, 0.02, 24) < rounding_bound(100, 44, 0.02, 11));
}
