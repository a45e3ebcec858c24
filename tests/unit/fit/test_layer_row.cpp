/// @file
/// The row of the layer table: data about the matrix, and about a spectrum that is not ok.

#include <catch2/catch.hpp>

#include "wishart/core/pack.hpp"
#include "wishart/record/layer_status.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::fit;
using namespace wishart::test;

namespace {

/// The names of the columns of a row that hold a number other than "not known".
std::vector<std::string> known_metrics(const LayerRow& row) {
  std::vector<std::string> names;
  const auto note = [&](const char* name, double value) {
    if (!std::isnan(value)) names.emplace_back(name);
  };
  note("D", row.D), note("alpha", row.alpha), note("alpha_weighted", row.alpha_weighted);
  note("entropy", row.entropy), note("lambda_max", row.lambda_max);
  note("log_alpha_norm", row.log_alpha_norm), note("log_norm", row.log_norm);
  note("log_spectral_norm", row.log_spectral_norm), note("norm", row.norm);
  note("sigma", row.sigma), note("spectral_norm", row.spectral_norm);
  note("stable_rank", row.stable_rank), note("sv_max", row.sv_max), note("sv_min", row.sv_min);
  note("xmax", row.xmax), note("xmin", row.xmin), note("fit_floor", row.fit_floor);
  const auto count = [&](const char* name, std::int64_t value) {
    if (value != -1) names.emplace_back(name);
  };
  count("matrix_rank", row.matrix_rank), count("num_pl_spikes", row.num_pl_spikes);
  count("rank_loss", row.rank_loss), count("weak_rank_loss", row.weak_rank_loss);
  count("num_fit_evals", row.num_fit_evals);
  return names;
}

}  // namespace

TEST_CASE("a row says what the matrix is, in both modes", "[layer_row]") {
  const bool weightwatcher = GENERATE(false, true);
  Matrix matrix = dense(20, 50, "encoder.layers.7.experts.3.w1.weight");
  matrix.key = "encoder.layers.7.experts.3.w1.weight[2]";
  matrix.tensor.dtype = Dtype::bf16;
  matrix.aliases = {"a.weight", "b.weight"};
  matrix.role = "expert.gate";
  matrix.stack = "encoder";
  matrix.block = 7;
  matrix.expert = 3;
  matrix.slice = 2;
  matrix.receptive_field = 9;
  matrix.w_norm = 0.5;
  Spectrum spectrum = spectrum_of_eigenvalues(power_law_sample(20, 3, 1, 1));
  spectrum.team_size = 4;
  spectrum.hash = "00ff";
  spectrum.seconds = 1.5;
  spectrum.sum_squares_error = 1e-17;
  const LayerRow row = layer_row(matrix, spectrum, {.weightwatcher = weightwatcher});
  CHECK(row.layer_id == -1);
  CHECK(row.longname == "encoder.layers.7.experts.3.w1.weight");
  CHECK(row.name == "encoder.layers.7.experts.3.w1");
  CHECK(row.key == "encoder.layers.7.experts.3.w1.weight[2]");
  CHECK(row.aliases == "a.weight, b.weight");
  CHECK(row.role == "expert.gate");
  CHECK(row.stack == "encoder");
  CHECK(row.block == 7);
  CHECK(row.expert == 3);
  CHECK(row.N == 50);
  CHECK(row.M == 20);
  CHECK(row.Q == 2.5);
  CHECK(row.rows == 20);
  CHECK(row.cols == 50);
  CHECK(row.num_params == 1000);
  CHECK(row.num_evals == 20);
  CHECK(row.rf == 9);
  CHECK(row.slice_id == 2);
  CHECK(row.w_norm == 0.5);
  CHECK(row.dtype == "BF16");
  CHECK(row.layer_type == "dense");
  CHECK(row.method == "svd");
  CHECK(row.solver == "dgesdd");
  CHECK(row.team_size == 4);
  CHECK(row.hash == "00ff");
  CHECK(row.seconds == 1.5);
  CHECK(row.sum_squares_error == 1e-17);
  CHECK(row.status == "success");
  CHECK(row.has_esd);
}

TEST_CASE("only a trailing .weight is taken off the name", "[layer_row]") {
  const Spectrum spectrum = spectrum_of(std::vector<double>(12, 1.0));
  CHECK(layer_row(dense(12, 12, "experts.gate_up_proj"), spectrum, kCorrected).name ==
        "experts.gate_up_proj");
  CHECK(layer_row(dense(12, 12, "a.weight_g"), spectrum, kCorrected).name == "a.weight_g");
  CHECK(layer_row(dense(12, 12, "a.weight.weight"), spectrum, kCorrected).name == "a.weight");
}

TEST_CASE("a spectrum that is not ok gives a row without metrics", "[layer_row]") {
  const bool weightwatcher = GENERATE(false, true);
  Spectrum failed;
  failed.status = SpectrumStatus::not_computed;
  failed.reason = "model.safetensors: cannot be read";
  const LayerRow error = layer_row(dense(64, 32), failed, {.weightwatcher = weightwatcher});
  CHECK(error.status == "error");
  CHECK(error.warning == "error");
  CHECK(error.reason == "model.safetensors: cannot be read");
  CHECK_FALSE(error.has_esd);
  CHECK(known_metrics(error).empty());
  CHECK(error.num_evals == 32);

  Spectrum nonfinite;
  nonfinite.status = SpectrumStatus::nonfinite;
  nonfinite.num_nan = 3;
  nonfinite.num_inf = 1;
  const LayerRow row = layer_row(dense(64, 32), nonfinite, {.weightwatcher = weightwatcher});
  CHECK(row.status == "nonfinite");
  CHECK(row.warning == "nonfinite");
  CHECK(row.num_nan == 3);
  CHECK(row.num_inf == 1);
  CHECK_FALSE(row.has_esd);
  CHECK(known_metrics(row).empty());
}

TEST_CASE("a good spectrum leaves no metric unknown", "[layer_row]") {
  const bool weightwatcher = GENERATE(false, true);
  CHECK(known_metrics(row_of(power_law_sample(60, 3, 1, 2), {.weightwatcher = weightwatcher}))
            .size() == 22);
}

TEST_CASE("norms are sums of eigenvalues, which are squares of singular values", "[layer_row]") {
  const bool weightwatcher = GENERATE(false, true);
  const Spectrum spectrum = spectrum_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const LayerRow row = layer_row(dense(12, 12), spectrum, {.weightwatcher = weightwatcher});
  CHECK(row.norm == 650);  // 12 * 13 * 25 / 6
  CHECK(row.lambda_max == 144);
  CHECK(row.spectral_norm == 144);
  CHECK(row.sv_max == 12);
  CHECK(row.stable_rank == 650.0 / 144);
  CHECK(row.log_norm == std::log10(650.0));
  CHECK(row.log_spectral_norm == std::log10(144.0));
  CHECK(row.matrix_rank == 12);
  CHECK(row.alpha_weighted == row.alpha * row.log_spectral_norm);
}

TEST_CASE("weak_rank_loss counts what is below the tolerance, not at it", "[layer_row]") {
  const bool weightwatcher = GENERATE(false, true);
  const Spectrum spectrum = spectrum_of({0x1p-11, 0x1p-10, 0x1p-9, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  FitOptions options{.weightwatcher = weightwatcher, .tolerance = 0x1p-20};
  CHECK(layer_row(dense(12, 12), spectrum, options).weak_rank_loss == 1);
  options.tolerance = std::nextafter(0x1p-20, 1);
  CHECK(layer_row(dense(12, 12), spectrum, options).weak_rank_loss == 2);
  options.tolerance = 0;
  CHECK(layer_row(dense(12, 12), spectrum, options).weak_rank_loss == 0);
}

TEST_CASE("the tail of a row is counted on all eigenvalues, ties with xmin too", "[layer_row]") {
  const bool weightwatcher = GENERATE(false, true);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::vector<double> lambda = power_law_sample(80, 2.5, 1, seed);
    for (double& value : lambda) value = std::ceil(value * 2);
    for (double& value : lambda) value *= value;  // squares of whole numbers: exact roots
    const LayerRow row = row_of(lambda, {.weightwatcher = weightwatcher});
    REQUIRE(row.status == "success");
    CHECK(row.num_pl_spikes ==
          std::count_if(lambda.begin(), lambda.end(), [&](double l) { return l >= row.xmin; }));
  }
}

TEST_CASE("singular values whose squares do not fit into float64 are no zeros and give no metric",
          "[layer_row]") {
  for (const double scale : {1e-200, 1e200}) {
    Spectrum spectrum;
    spectrum.status = SpectrumStatus::ok;
    for (int i = 1; i <= 20; ++i) spectrum.sigma.push_back(i * scale);
    spectrum.view_sigma_min = {spectrum.sigma.front()};
    spectrum.view_sigma_max = {spectrum.sigma.back()};
    spectrum.view_rank_loss = {0};
    const LayerRow row = layer_row(dense(20, 50, "w.weight"), spectrum, {});
    CHECK(row.status == "failed");
    CHECK(row.reason ==
          (scale < 1 ? "the squares of singular values up to 2e-199 do not fit into float64"
                     : "the squares of singular values up to 2e+201 do not fit into float64"));
    CHECK(known_metrics(row) == std::vector<std::string>{"sv_max"});
    CHECK(row.warning == "fit-failed");
  }
}

TEST_CASE("all that describes a matrix is described anew for an equal one", "[layer_row]") {
  const Spectrum spectrum = spectrum_of_eigenvalues(squares_over_ten());
  const Matrix plain = dense(20, 50, "w.weight");
  Matrix other = plain;
  other.key = "w.weight[3]";
  other.tensor.name = "model.w.weight";
  other.tensor.dtype = Dtype::bf16;
  other.aliases = {"lm_head.weight", "v.weight"};
  other.layer_type = "embedding";
  other.role = "head";
  other.stack = "visual";
  other.block = 7;
  other.expert = 3;
  other.slice = 2;
  other.receptive_field = 9;
  std::swap(other.rows, other.cols);
  other.w_norm = 0.5;
  // The interval of alpha depends on the key.
  LayerRow expected = layer_row(other, spectrum, {.bootstrap = 0});
  LayerRow row = layer_row(plain, spectrum, {.bootstrap = 0});
  CHECK(packed(row) != packed(expected));
  describe(row, other);
  CHECK(packed(row) == packed(expected));
}

TEST_CASE("what the status of a row says, and what a word of another program says", "[layer_row]") {
  struct Case {
    const char* status;
    bool spectrum, fitted, without_tail, without_fit, nonfinite, not_computed;
  };
  const Case one = GENERATE(Case{"success", true, true, false, false, false, false},
                            Case{"no-tail", true, false, true, false, false, false},
                            Case{"failed", true, false, false, true, false, false},
                            Case{"nonfinite", false, false, false, false, true, false},
                            Case{"error", false, false, false, false, false, true},
                            Case{"of another program", true, false, false, false, false, false},
                            Case{"", true, false, false, false, false, false});
  LayerRow row;
  row.status = one.status;
  CAPTURE(row.status);
  CHECK(has_spectrum(row) == one.spectrum);
  CHECK(is_fitted(row) == one.fitted);
  CHECK(is_without_tail(row) == one.without_tail);
  CHECK(is_without_fit(row) == one.without_fit);
  CHECK(is_nonfinite(row) == one.nonfinite);
  CHECK(is_not_computed(row) == one.not_computed);
}
