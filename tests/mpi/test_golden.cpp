/// @file
/// WeightWatcher's golden matrices G2 and G3 (reference/weightwatcher.md, section 9): selection,
/// engine and fit together, in compat mode, on one rank and on teams.

#include <cmath>
#include <functional>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/fit/metrics.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "support/mpi_main.hpp"

using namespace wishart;
using wishart::test::world;

namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

/// Singular values are known to about eps * sigma_max, alpha to that over the gaps of logarithms in
/// the tail: 1e-12 is 5000 eps. Reference values with fewer digits are compared to those digits.
constexpr double kGolden = 5000 * kEps;

/// A tensor given by a function of the row-major position of the element.
class FormulaSource : public spectrum::ElementSource {
public:
  FormulaSource(const Matrix& matrix, std::function<double(std::int64_t)> element)
      : matrix_(&matrix), element_(std::move(element)) {}
  void read(std::int64_t view, std::int64_t row_begin, std::int64_t row_end, std::int64_t col_begin,
            std::int64_t col_end, std::span<double> out) override {
    const View& v = matrix_->views[static_cast<std::size_t>(view)];
    std::size_t k = 0;
    for (std::int64_t i = row_begin; i < row_end; ++i) {
      for (std::int64_t j = col_begin; j < col_end; ++j) {
        out[k++] = matrix_->w_norm * element_(v.first + i * v.row_stride + j * v.col_stride);
      }
    }
  }

private:
  const Matrix* matrix_;
  std::function<double(std::int64_t)> element_;
};

Matrix selected(const std::string& name, const std::vector<std::int64_t>& shape) {
  checkpoint::Catalogue catalogue;
  Tensor tensor;
  tensor.name = name;
  tensor.dtype = Dtype::f64;
  tensor.shape = shape;
  tensor.num_elements = 1;
  for (const std::int64_t extent : shape) tensor.num_elements *= extent;
  catalogue.tensors = {tensor};
  model::SelectionOptions options;
  options.weightwatcher = true;
  const model::Selection selection = model::select_matrices(catalogue, options);
  REQUIRE(selection.matrices.size() == 1);
  return selection.matrices.front();
}

/// The row on rank 0, made by all ranks as one team. Collective over the world.
LayerRow row_on_all(const Matrix& matrix, const std::function<double(std::int64_t)>& element) {
  FormulaSource source(matrix, element);
  spectrum::Team team(world());
  spectrum::SolveOptions options;
  options.method = Method::svd;
  spectrum::Workspace workspace;
  const Spectrum values = spectrum::compute_spectrum(matrix, source, team, options, workspace);
  return fit::layer_row(matrix, values, {.weightwatcher = true});
}

/// G2: W_ij = sin(0.37 i j) + 0.5 cos(0.11 i^2 + j), i = 1..96, j = 1..64.
double g2(std::int64_t position) {
  const auto i = static_cast<double>(position / 64 + 1);
  const auto j = static_cast<double>(position % 64 + 1);
  return std::sin(0.37 * i * j) + 0.5 * std::cos(0.11 * i * i + j);
}

/// G3: T[a,b,p,q] = sin(0.3 (a+1) (b+2) + 0.7 p + 1.1 q) + 0.2 cos(a - b/2 + p q), 12 x 20 x 3 x 3.
double g3(std::int64_t position) {
  const auto q = static_cast<double>(position % 3);
  const auto p = static_cast<double>(position / 3 % 3);
  const auto b = static_cast<double>(position / 9 % 20);
  const auto a = static_cast<double>(position / 180);
  return std::sin(0.3 * (a + 1) * (b + 2) + 0.7 * p + 1.1 * q) + 0.2 * std::cos(a - b / 2 + p * q);
}

}  // namespace

TEST_CASE("G2 has WeightWatcher's numbers", "[golden]") {
  const LayerRow row = row_on_all(selected("g2", {96, 64}), g2);
  if (world().rank() != 0) return;
  CHECK(row.status == "success");
  CHECK(row.warning.empty());
  CHECK(row.N == 96);
  CHECK(row.M == 64);
  CHECK(row.Q == 1.5);
  CHECK(row.num_evals == 64);
  CHECK(row.num_fit_evals == 53);
  CHECK(row.norm == Approx(3841.29463204535).epsilon(kGolden));
  CHECK(row.lambda_max == Approx(505.90515515341923).epsilon(kGolden));
  CHECK(row.spectral_norm == row.lambda_max);
  CHECK(row.weak_rank_loss == 9);
  CHECK(row.rank_loss == 0);
  CHECK(row.matrix_rank == 64);
  CHECK(row.alpha == Approx(2.4560449149009687).epsilon(kGolden));
  CHECK(row.xmin == Approx(86.9064733077052).epsilon(kGolden));
  CHECK(row.D == Approx(0.18042640733112603).epsilon(kGolden));
  CHECK(row.sigma == Approx(0.33403961270050536).epsilon(kGolden));
  CHECK(row.num_pl_spikes == 19);
  CHECK(row.alpha_weighted == Approx(6.641315174568126).epsilon(kGolden));
  CHECK(row.log_alpha_norm == Approx(7.085930873826902).epsilon(kGolden));
  CHECK(row.log_norm == Approx(3.584477619366199).epsilon(kGolden));
  CHECK(row.stable_rank == Approx(7.592914586688588).epsilon(kGolden));
  CHECK(row.entropy == Approx(0.7176668883175117).epsilon(kGolden));
}

TEST_CASE("G3, a pooled convolution, has WeightWatcher's numbers", "[golden]") {
  Matrix matrix = selected("g3", {12, 20, 3, 3});
  // The list was made from a float64 array; compat mode rounds to float32 as torch would have.
  matrix.float32_arithmetic = false;
  CHECK(matrix.layer_type == "conv2d");
  CHECK(matrix.w_norm == std::sqrt(0.5));
  const LayerRow row = row_on_all(matrix, g3);
  if (world().rank() != 0) return;
  // Six decimals in the list: half of the last one, and nothing else.
  const auto near = [](double value) { return Approx(value).epsilon(0).margin(0.5001e-6); };
  CHECK(row.status == "success");
  CHECK(row.N == 20);
  CHECK(row.M == 12);
  CHECK(row.rf == 9);
  CHECK(row.num_evals == 108);
  CHECK(row.norm == near(559.193506));
  CHECK(row.lambda_max == near(11.208087));
  CHECK(row.alpha == near(4.240747));
  CHECK(row.xmin == near(5.236364));
  CHECK(row.D == near(0.111378));
  CHECK(row.num_pl_spikes == 42);
  CHECK(row.stable_rank == near(49.891965));
  CHECK(row.entropy == near(0.971270));
  CHECK(row.sv_max == near(3.347848));
  CHECK(row.sv_min == near(1.566339));
}
