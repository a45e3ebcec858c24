/// @file
/// How a spectrum is spread: effective ranks and Spectrum's signal-to-noise ratio.

#include <catch2/catch.hpp>

#include "wishart/fit/spectrum_shape.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::fit;
using namespace wishart::test;

namespace {

/// Sums and logarithms of a few numbers near 1.
constexpr double kRounding = 1e-14;

}  // namespace

TEST_CASE("n equal values have every effective rank n", "[shape]") {
  const double scale = GENERATE(1e-12, 0.1, 3.0, 1e12);
  for (const std::int64_t n : {10, 20, 100}) {
    const std::vector<double> sigma(static_cast<std::size_t>(n), scale);
    const SpectrumShape shape = spectrum_shape(sigma, 0, n, n);
    const auto count = static_cast<double>(n);
    CHECK(shape.effective_rank == Approx(count).epsilon(kRounding));
    CHECK(shape.participation_ratio == Approx(count).epsilon(kRounding));
    CHECK(shape.nuclear_norm == Approx(count * scale).epsilon(kRounding));
    CHECK(shape.rank_90 == (90 * n + 99) / 100);
    CHECK(shape.rank_95 == (95 * n + 99) / 100);
    CHECK(shape.rank_99 == (99 * n + 99) / 100);
    // No spread, so no noise: Spectrum then divides by 1.
    CHECK(shape.snr == Approx(count).epsilon(kRounding));
  }
}

TEST_CASE("effective ranks of three values, by hand", "[shape]") {
  const std::vector<double> sigma{1, 2, 4};
  const SpectrumShape shape = spectrum_shape(sigma, 0, 3, 3);
  const double entropy = std::log(7.0) / 7 + 2 * std::log(3.5) / 7 + 4 * std::log(1.75) / 7;
  CHECK(shape.effective_rank == Approx(std::exp(entropy)).epsilon(kRounding));
  CHECK(shape.participation_ratio == Approx(441.0 / 273).epsilon(kRounding));
  CHECK(shape.nuclear_norm == 7);
  CHECK(shape.rank_90 == 2);  // 20 of 21
  CHECK(shape.rank_95 == 2);
  CHECK(shape.rank_99 == 3);
  CHECK(energy_rank(sigma, 0, 16.0 / 21) == 1);
  CHECK(energy_rank(sigma, 0, 16.1 / 21) == 2);
  CHECK(energy_rank(sigma, 0, 1) == 3);
}

TEST_CASE("Spectrum's ratio, by hand", "[shape]") {
  // The quartiles of 1..8 are 2.75 and 6.25; 3.5 / 1.349 = 2.594.
  const std::vector<double> sigma{1, 2, 3, 4, 5, 6, 7, 8};
  // Square: the edge is 5.19, so 6 + 7 + 8 against the rest.
  CHECK(spectrum_snr(sigma, 0, 8, 8) == Approx(21.0 / 15 / 8).epsilon(kRounding));
  // 4 times as long: the edge is 3.89.
  CHECK(spectrum_snr(sigma, 0, 32, 8) == Approx(30.0 / 6 / 8).epsilon(kRounding));
  // It has a unit.
  std::vector<double> twice = sigma;
  for (double& value : twice) value *= 2;
  CHECK(spectrum_snr(twice, 0, 8, 8) == Approx(21.0 / 15 / 16).epsilon(kRounding));
}

TEST_CASE("values that are not resolved count as zeros", "[shape]") {
  std::vector<double> sigma{1e-9, 2e-9, 3e-9, 1e-8, 1, 2, 4};
  const SpectrumShape shape = spectrum_shape(sigma, 1e-8, 7, 7);
  const SpectrumShape alone = spectrum_shape(std::vector<double>{1, 2, 4}, 0, 3, 3);
  CHECK(shape.effective_rank == alone.effective_rank);
  CHECK(shape.participation_ratio == alone.participation_ratio);
  CHECK(shape.nuclear_norm == 7);
  CHECK(shape.rank_99 == 3);
  CHECK(energy_rank(sigma, 1e-8, 1) == 3);
}

TEST_CASE("a ratio to rounding error is not told", "[shape]") {
  // Rank 2 of 8: what is left of the others depends on the solver.
  const std::vector<double> low{1e-9, 1e-9, 2e-9, 3e-9, 3e-9, 4e-9, 1, 2};
  CHECK(std::isnan(spectrum_snr(low, 1e-8, 8, 8)));
  CHECK(std::isnan(spectrum_snr(std::vector<double>{0, 0, 0, 0, 0, 0, 1, 2}, 0, 8, 8)));
  // One unresolved value beside noise that is: it does not matter.
  const std::vector<double> high{1e-9, 2, 3, 4, 5, 6, 7, 8};
  CHECK(spectrum_snr(high, 1e-8, 8, 8) == Approx(21.0 / 14 / 8).epsilon(1e-8));
}

TEST_CASE("a matrix of zeros has a nuclear norm and no ranks", "[shape]") {
  const SpectrumShape shape = spectrum_shape(std::vector<double>(12, 0.0), 0, 12, 12);
  CHECK(shape.nuclear_norm == 0);
  CHECK(std::isnan(shape.effective_rank));
  CHECK(std::isnan(shape.participation_ratio));
  CHECK(std::isnan(shape.snr));
  CHECK(shape.rank_90 == -1);
}

TEST_CASE("the rows of a scan and of a refit have the same shape columns", "[shape]") {
  const bool weightwatcher = GENERATE(false, true);
  const FitOptions options{.weightwatcher = weightwatcher};
  const Spectrum spectrum = spectrum_of_eigenvalues(power_law_sample(60, 3, 1, 2));
  const LayerRow row = layer_row(dense(60, 60), spectrum, options);
  const SpectrumShape shape =
      spectrum_shape(spectrum.sigma, resolved_above(0, spectrum.sigma.back(), 60), 60, 60);
  CHECK(row.effective_rank == shape.effective_rank);
  CHECK(row.rank_90 == shape.rank_90);
  CHECK(row.rank_95 == shape.rank_95);
  CHECK(row.rank_99 == shape.rank_99);
  CHECK(row.participation_ratio == shape.participation_ratio);
  CHECK(row.nuclear_norm == shape.nuclear_norm);
  CHECK(row.snr == shape.snr);
  LayerRow old = row;  // as an archive has it that does not know these columns
  old.effective_rank = old.participation_ratio = old.nuclear_norm = old.snr = kNan;
  old.rank_90 = old.rank_95 = old.rank_99 = -1;
  const StoredSpectrum stored{spectrum.sigma, spectrum.view_sigma_min, spectrum.view_sigma_max,
                              spectrum.view_rank_loss};
  LayerRow completed = old;
  complete_shape(completed, stored);
  CHECK(completed.effective_rank == row.effective_rank);
  CHECK(completed.rank_95 == row.rank_95);
  CHECK(completed.snr == row.snr);
  const LayerRow refitted = refitted_row(old, stored, options);
  CHECK(refitted.effective_rank == row.effective_rank);
  CHECK(refitted.rank_99 == row.rank_99);
  CHECK(refitted.snr == row.snr);
}
