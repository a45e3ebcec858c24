/// @file
/// Adapters: effective rank, and warnings that mean something for rank r.

#include <catch2/catch.hpp>

#include "wishart/fit/adapter.hpp"
#include "wishart/record/row_warnings.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::fit;
using namespace wishart::test;

namespace {

Tensor product_of(std::int64_t rows, std::int64_t rank, std::int64_t cols) {
  Tensor product;
  product.encoding = Encoding::product;
  product.shape = {rows, cols};
  product.num_elements = rows * cols;
  product.parts.resize(2);
  product.parts[0].shape = {rows, rank};
  product.parts[1].shape = {rank, cols};
  product.stored_as = "LoRA of rank " + std::to_string(rank) + " in F32";
  return product;
}

/// The row of a 60 x 40 adapter whose values are `sigma` and zeros, as the Gram matrix has them.
LayerRow alone(std::int64_t rank, const std::vector<double>& sigma) {
  Matrix matrix = dense(60, 40);
  matrix.tensor = product_of(60, rank, 40);
  std::vector<double> all(40, 1e-9);
  if (*std::max_element(sigma.begin(), sigma.end()) == 0) all.assign(40, 0);
  std::copy(sigma.begin(), sigma.end(), all.end() - static_cast<std::ptrdiff_t>(sigma.size()));
  Spectrum spectrum = spectrum_of(all);
  spectrum.floor_sigma = 1e-6;
  spectrum.num_below_floor = 40 - static_cast<std::int64_t>(sigma.size());
  return layer_row(matrix, spectrum, kCorrected);
}

/// The row of W + s B A with these measures of a rank-8 adapter.
LayerRow on_base(double effective_rank, double frobenius, double relative) {
  Matrix matrix = dense(60, 40);
  Tensor sum;
  sum.encoding = Encoding::sum;
  sum.shape = {60, 40};
  sum.num_elements = 2400;
  sum.stored_as = "F32 + LoRA of rank 8 in F32";
  sum.parts = {Tensor{}, product_of(60, 8, 40)};
  matrix.tensor = sum;
  std::vector<double> sigma;
  for (int i = 0; i < 40; ++i) sigma.push_back(1 + 0.1 * i);
  Spectrum spectrum = spectrum_of(sigma);
  spectrum.adapter.adapter_effective_rank = effective_rank;
  spectrum.adapter.adapter_frobenius = frobenius;
  spectrum.weights.delta_frobenius = relative;
  return layer_row(matrix, spectrum, kCorrected);
}

bool warns(const LayerRow& row, const std::string& word) {
  return (";" + row.warning + ";").find(";" + word + ";") != std::string::npos;
}

}  // namespace

TEST_CASE("the effective rank of equal, single, two and no values", "[adapter]") {
  CHECK(adapter_effective_rank(std::vector<double>(8, 0.25)) == Approx(8).epsilon(10 * kEps));
  CHECK(adapter_effective_rank(std::vector<double>{0, 0, 5}) == 1);
  CHECK(adapter_effective_rank(std::vector<double>{0, 0}) == 0);
  CHECK(adapter_effective_rank({}) == 0);
  // Shares 3/4 and 1/4: exp(H) = 4 / 3^(3/4).
  CHECK(adapter_effective_rank(std::vector<double>{1, 3}) ==
        Approx(4 / std::pow(3, 0.75)).epsilon(10 * kEps));
}

TEST_CASE("an adapter of rank 8 with eight directions has no warning", "[adapter]") {
  const LayerRow row = alone(8, {1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7});
  CHECK(row.status == "no-tail");
  CHECK(row.warning.empty());
  CHECK(row.reason == "an adapter of rank 8 has too few singular values for a fit");
  CHECK(row.adapter.adapter_rank == 8);
  CHECK(row.adapter.adapter_effective_rank > 7.8);
  CHECK(row.adapter.adapter_spectral == 1.7);
  CHECK(row.adapter.adapter_frobenius == Approx(std::sqrt(row.norm)));
  CHECK(std::isnan(row.adapter.adapter_alignment));
}

TEST_CASE("an adapter of rank 32 with a fit has no warnings of whole weights", "[adapter]") {
  std::vector<double> sigma;
  for (int i = 0; i < 32; ++i) sigma.push_back(std::pow(1.05, i));
  const LayerRow row = alone(32, sigma);
  CHECK(row.status == "success");
  CHECK(row.warning.empty());
}

TEST_CASE("zero and collapsed adapters are told, rank 1 cannot collapse", "[adapter]") {
  const LayerRow zero = alone(8, std::vector<double>(8, 0.0));
  CHECK(zero.status == "no-tail");
  CHECK(zero.warning == "adapter-zero");
  CHECK(zero.reason == "the adapter is zero");
  CHECK(zero.adapter.adapter_effective_rank == 0);
  CHECK(alone(8, {1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1}).warning == "adapter-collapsed");
  CHECK(alone(1, {1}).warning.empty());
  // The limit itself: 1 + (r - 1) / 2. Rank 2 with shares p and 1 - p reaches 1.5 at p = 0.14.
  CHECK(alone(2, {0.13, 0.87}).warning == "adapter-collapsed");
  CHECK(alone(2, {0.15, 0.85}).warning.empty());
  // Beyond 16 the limit is that of 16, 8.5 directions: training may use a part of a large rank.
  const auto part_of = [](std::size_t rank, std::size_t used) {
    std::vector<double> sigma(rank, 1e-4);
    std::fill(sigma.end() - static_cast<std::ptrdiff_t>(used), sigma.end(), 1.0);
    return warns(alone(static_cast<std::int64_t>(rank), sigma), "adapter-collapsed");
  };
  CHECK(part_of(16, 8));
  CHECK_FALSE(part_of(16, 9));
  CHECK(part_of(32, 8));
  CHECK_FALSE(part_of(32, 9));
  CHECK(part_of(40, 2));
}

TEST_CASE("an adapter on its base keeps the warnings of whole weights", "[adapter]") {
  const LayerRow good = on_base(7.5, 1, 0.5);
  CHECK(good.adapter.adapter_rank == 8);
  CHECK_FALSE(warns(good, "adapter-collapsed"));
  CHECK_FALSE(warns(good, "adapter-dominates"));
  const LayerRow bad = on_base(4.4, 1, 1.01 * kDominatingChange);
  CHECK(warns(bad, "adapter-collapsed"));
  CHECK(warns(bad, "adapter-dominates"));
  CHECK(bad.warning ==
        "adapter-dominates;adapter-collapsed" + (good.warning.empty() ? "" : ";" + good.warning));
  CHECK(warns(on_base(0, 0, 0), "adapter-zero"));
  CHECK_FALSE(warns(on_base(0, 0, 0), "adapter-collapsed"));
  // Of an archive that does not know the measures: no warning without a number.
  CHECK(on_base(kNan, kNan, kNan).warning == good.warning);
}

TEST_CASE("a refit gives the rows of old archives the measures of an adapter alone", "[adapter]") {
  LayerRow row = alone(8, {1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7});
  StoredSpectrum stored;
  stored.sigma.assign(40, 1e-9);
  for (int i = 0; i < 8; ++i) stored.sigma[static_cast<std::size_t>(32 + i)] = 1 + 0.1 * i;
  const AdapterMeasures now = row.adapter;
  row.adapter = {};
  row.warning = "fit-failed;rank-collapse";
  row.status = "failed";
  const LayerRow refitted = refitted_row(row, stored, kCorrected);
  CHECK(refitted.adapter.adapter_rank == 8);
  CHECK(refitted.adapter.adapter_effective_rank == now.adapter_effective_rank);
  CHECK(refitted.warning.empty());
  CHECK(refitted.status == "no-tail");
}

TEST_CASE("compat mode judges an adapter as WeightWatcher would", "[adapter]") {
  Matrix matrix = dense(60, 40);
  matrix.tensor = product_of(60, 8, 40);
  const LayerRow row = layer_row(matrix, spectrum_of({0, 0, 0, 1, 2, 3}), kWeightWatcher);
  CHECK(row.adapter.adapter_rank == 8);
  CHECK(std::isnan(row.adapter.adapter_effective_rank));
}
