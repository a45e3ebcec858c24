/// @file
/// Compat mode on eigenvalues: WeightWatcher 0.7.5.5's numbers, defects included. The golden
/// matrices G2 and G3 are in tests/mpi/test_golden.cpp, with the real engine.

#include <cmath>

#include <catch2/catch.hpp>

#include "gram.hpp"
#include "support.hpp"

using namespace wishart;
using namespace wishart::fit;
using namespace wishart::test;

TEST_CASE("the row of G1 has WeightWatcher's numbers", "[weightwatcher][golden]") {
  // The eigenvalues come back from their roots with a rounding error of one eps.
  constexpr double kBound = 100 * kEps;
  const LayerRow row = row_of(squares_over_ten(), kWeightWatcher);
  CHECK(row.alpha == Approx(3.187218098721587).epsilon(kBound));
  CHECK(row.xmin == Approx(16.9).epsilon(kBound));
  CHECK(row.xmax == Approx(40.0).epsilon(kBound));
  CHECK(row.D == Approx(0.22179298066037367).epsilon(kBound));
  CHECK(row.sigma == Approx(0.7732983747699909).epsilon(kBound));
  CHECK(row.num_pl_spikes == 8);
  CHECK(row.entropy == Approx(0.8641810197396835).epsilon(kBound));
  CHECK(row.matrix_rank == 20);
  CHECK(row.rank_loss == 0);
  CHECK(row.weak_rank_loss == 0);
  CHECK(row.status == "success");
  CHECK(row.warning.empty());
  CHECK(row.reason.empty());
  CHECK(row.fit_floor == 1e-5);
  CHECK(row.num_fit_evals == 20);
}

TEST_CASE("the row of G4, an adapter of rank 12, has WeightWatcher's numbers",
          "[weightwatcher][golden]") {
  // B A with A of 12 x 48 and B of 40 x 12: its 12 values are those of the adapter, the other 28 of
  // the Gram matrix are rounding errors.
  std::vector<double> product;
  for (int i = 1; i <= 48; ++i) {
    for (int j = 1; j <= 40; ++j) {
      double sum = 0;
      for (int k = 1; k <= 12; ++k) sum += std::sin(0.13 * j * k) * std::cos(0.21 * k * i);
      product.push_back(sum);
    }
  }
  std::vector<double> lambda = gram_eigenvalues(product, 40);
  lambda.erase(lambda.begin(), lambda.end() - 12);
  const LayerRow row =
      layer_row(dense(48, 40), spectrum_of_eigenvalues(std::move(lambda)), kWeightWatcher);
  // Half a unit of the last digit that the reference has.
  CHECK(row.norm == Approx(5935.584358).margin(5e-7));
  CHECK(row.lambda_max == Approx(723.046362).margin(5e-7));
  CHECK(row.alpha == Approx(8.917694).margin(5e-7));
  CHECK(row.xmin == Approx(530.35284).margin(5e-6));
  CHECK(row.D == Approx(0.231663).margin(5e-7));
  CHECK(row.sv_min == Approx(14.203104).margin(5e-7));
  CHECK(row.num_pl_spikes == 8);
  CHECK(row.N == 48);
  CHECK(row.M == 40);
}

TEST_CASE("a failed fit is -1 everywhere and called over-trained", "[weightwatcher]") {
  // One eigenvalue above 1e-5; all of them above 1e-6.
  std::vector<double> lambda(11, 4e-6);
  lambda.push_back(0.25);
  const LayerRow row = row_of(lambda, kWeightWatcher);
  CHECK(row.status == "failed");
  CHECK(row.reason == "1 eigenvalues above 1e-05");
  CHECK(row.warning == "over-trained");
  CHECK(row.alpha == -1);
  CHECK(row.D == -1);
  CHECK(row.sigma == -1);
  CHECK(row.xmin == -1);
  CHECK(row.num_pl_spikes == -1);
  CHECK(row.num_fit_evals == 1);
  CHECK(row.alpha_weighted == -std::log10(0.25));
  CHECK(row.log_alpha_norm == Approx(std::log10(11 / 4e-6 + 4)).epsilon(20 * kEps));
}

TEST_CASE("eigenvalues at the floor of 1e-5 are not fitted, the next are", "[weightwatcher]") {
  // sigma = 0.003 has lambda = 9e-6, 0.004 has 1.6e-5.
  const Spectrum spectrum = spectrum_of({0.003, 0.003, 0.004, 0.005, 0.009});
  CHECK(layer_row(dense(5, 5), spectrum, kWeightWatcher).num_fit_evals == 3);
}

TEST_CASE("a tail of two is accepted, and all of it", "[weightwatcher]") {
  const LayerRow row = row_of({1.0, 4.0}, kWeightWatcher);
  CHECK(row.status == "success");
  CHECK(row.alpha == Approx(1 + 2 / std::log(4.0)).epsilon(4 * kEps));
  CHECK(row.num_pl_spikes == 2);
  CHECK(row.warning.empty());
}

TEST_CASE("a matrix of zeros gives WeightWatcher's infinities", "[weightwatcher]") {
  const LayerRow row = row_of(std::vector<double>(12, 0.0), kWeightWatcher);
  CHECK(row.status == "failed");
  CHECK(row.norm == 0);
  CHECK(row.log_norm == -kInf);
  CHECK(row.log_spectral_norm == -kInf);
  CHECK(std::isnan(row.stable_rank));
  CHECK(std::isnan(row.entropy));
  CHECK(row.alpha_weighted == kInf);
  CHECK(row.log_alpha_norm == kInf);
  CHECK(row.matrix_rank == 0);
  CHECK(row.weak_rank_loss == 12);
}

TEST_CASE("equal eigenvalues have an infinite exponent and are called under-trained",
          "[weightwatcher]") {
  const LayerRow row = row_of(std::vector<double>(12, 4.0), kWeightWatcher);
  CHECK(row.status == "success");
  CHECK(row.alpha == kInf);
  CHECK(row.sigma == kInf);
  CHECK(row.warning == "under-trained");
  CHECK(row.num_pl_spikes == 12);
  CHECK(row.entropy == Approx(1.0).epsilon(1e-8));  // EPS = 1e-10 for each share
}

TEST_CASE("matrix_rank counts above sigma_max N eps", "[weightwatcher]") {
  const double limit = 1.0 * 12 * kEps;
  const Spectrum spectrum =
      spectrum_of({0, limit / 2, limit * 2, 1e-10, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0});
  CHECK(layer_row(dense(12, 12), spectrum, kWeightWatcher).matrix_rank == 10);
  // N is the longer side.
  CHECK(layer_row(dense(48, 12), spectrum, kWeightWatcher).matrix_rank == 9);
}

TEST_CASE("sv_min is the largest of the views' smallest, rank_loss the sum over views",
          "[weightwatcher]") {
  Matrix matrix = dense(4, 4);
  matrix.views.assign(3, View{0, 4, 1});
  Spectrum spectrum = spectrum_of({.1, .2, .3, .4, .5, .6, .7, .8, .9, 1, 2, 3});
  spectrum.view_sigma_min = {0.2, 0.4, 0.1};
  spectrum.view_sigma_max = {1, 2, 3};
  spectrum.view_rank_loss = {1, 0, 2};
  const LayerRow row = layer_row(matrix, spectrum, kWeightWatcher);
  CHECK(row.sv_min == 0.4);
  CHECK(row.sv_max == 3);
  CHECK(row.rank_loss == 3);
  CHECK(row.num_evals == 12);
  CHECK(row.num_params == 48);
  const LayerRow corrected = layer_row(matrix, spectrum, kCorrected);
  CHECK(corrected.sv_min == 0.1);
  CHECK(corrected.rank_loss == 0);
}

TEST_CASE("the labels begin beyond 2 and 6", "[weightwatcher]") {
  // alpha of two values is 1 + 2 / ln(lambda_1 / lambda_0).
  struct Expected {
    double alpha;
    const char* warning;
  };
  for (const auto& [alpha, warning] :
       {Expected{1.999999, "over-trained"}, Expected{2.000001, ""}, Expected{5.999999, ""},
        Expected{6.000001, "under-trained"}}) {
    const LayerRow row = row_of({1.0, std::exp(2 / (alpha - 1))}, kWeightWatcher);
    CHECK(row.alpha == Approx(alpha).epsilon(1e-12));
    CHECK(row.warning == warning);
  }
}

TEST_CASE("alpha changes with the scale of the weights, as WeightWatcher's does",
          "[weightwatcher]") {
  std::vector<double> lambda = power_law_sample(100, 2.5, 1e-3, 3);
  const LayerRow one = row_of(lambda, kWeightWatcher);
  for (double& value : lambda) value *= 0x1p-10;
  const LayerRow small = row_of(lambda, kWeightWatcher);
  CHECK(one.num_fit_evals == 100);
  CHECK(small.num_fit_evals < 50);
  CHECK(small.alpha != Approx(one.alpha).epsilon(1e-6));
}
