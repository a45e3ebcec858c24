/// @file
/// Convolutions: pooled, slice by slice, in WeightWatcher's two channel orders, and tensors that
/// are not convolutions.

#include <cmath>

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace wishart;
using namespace wishart::model;
using namespace wishart::test;

namespace {

Selection select(const Tensor& one, bool pool, bool weightwatcher = false) {
  SelectionOptions options;
  options.pool = pool;
  options.weightwatcher = weightwatcher;
  options.min_evals = 1;
  return select_matrices(catalogue({one}), options);
}

/// Element (i, j) of a view, as a position in the tensor.
std::int64_t position(const View& view, std::int64_t i, std::int64_t j) {
  return view.first + i * view.row_stride + j * view.col_stride;
}

}  // namespace

TEST_CASE("a pooled convolution is one matrix with a view for each kernel offset", "[conv]") {
  const bool weightwatcher = GENERATE(false, true);
  const Selection selection =
      select(tensor("features.conv.weight", {24, 16, 3, 5}), true, weightwatcher);
  REQUIRE(selection.matrices.size() == 1);
  const Matrix& matrix = selection.matrices[0];
  CHECK(matrix.key == "features.conv.weight");
  CHECK(matrix.layer_type == "conv2d");
  CHECK(matrix.role == "conv");
  CHECK(matrix.rows == 24);
  CHECK(matrix.cols == 16);
  CHECK(matrix.num_views() == 15);
  CHECK(matrix.num_values() == 240);
  CHECK(matrix.receptive_field == 15);
  CHECK(matrix.slice == 0);
  CHECK(matrix.w_norm == std::sqrt(0.5));
  CHECK(matrix.float32_arithmetic == weightwatcher);
  // T[a, b, p, q] is at ((16 a + b) 3 + p) 5 + q.
  CHECK(position(matrix.views[7], 2, 3) == ((16 * 2 + 3) * 3 + 1) * 5 + 2);
}

TEST_CASE("a convolution slice by slice is a matrix for each kernel offset", "[conv]") {
  const Selection pooled = select(tensor("c.conv.weight", {24, 16, 3, 5}), true);
  const Selection selection = select(tensor("c.conv.weight", {24, 16, 3, 5}), false);
  REQUIRE(selection.matrices.size() == 15);
  for (std::size_t k = 0; k < 15; ++k) {
    const Matrix& matrix = selection.matrices[k];
    CHECK(matrix.key == "c.conv.weight[" + std::to_string(k) + "]");
    CHECK(matrix.slice == static_cast<std::int64_t>(k));
    CHECK(matrix.receptive_field == 15);
    CHECK(matrix.w_norm == std::sqrt(15 / 2.0));
    CHECK(matrix.num_views() == 1);
    CHECK(matrix.expert == -1);
    CHECK(matrix.views[0].first == pooled.matrices[0].views[k].first);
    CHECK(matrix.views[0].row_stride == pooled.matrices[0].views[k].row_stride);
    CHECK(matrix.views[0].col_stride == pooled.matrices[0].views[k].col_stride);
  }
}

TEST_CASE("kernels before channels are told by the larger pair", "[conv]") {
  const Selection selection = select(tensor("conv.kernel", {3, 3, 16, 24}), true);
  REQUIRE(selection.matrices.size() == 1);
  const Matrix& matrix = selection.matrices[0];
  CHECK(matrix.rows == 16);
  CHECK(matrix.cols == 24);
  CHECK(matrix.num_views() == 9);
  CHECK(position(matrix.views[4], 2, 3) == 4 * 16 * 24 + 2 * 24 + 3);
  // A tie goes to channels first.
  CHECK(select(tensor("conv.weight", {4, 4, 3, 5}), true).matrices.at(0).num_views() == 15);
}

TEST_CASE("a kernel of 1 x 1 keeps WeightWatcher's factor", "[conv]") {
  const Matrix matrix = select(tensor("conv.weight", {24, 16, 1, 1}), true).matrices.at(0);
  CHECK(matrix.num_views() == 1);
  CHECK(matrix.w_norm == std::sqrt(0.5));
  CHECK(matrix.receptive_field == 1);
}

TEST_CASE("slices that are too small are skipped one by one", "[conv]") {
  SelectionOptions options;
  options.min_evals = 10;
  const Tensor t = tensor("conv.weight", {24, 4, 2, 2});
  CHECK(select_matrices(catalogue({t}), options).matrices.size() == 1);  // 4 x 4 values pooled
  options.pool = false;
  const Selection selection = select_matrices(catalogue({t}), options);
  CHECK(selection.matrices.empty());
  CHECK(selection.skipped.size() == 4);
  CHECK(selection.skipped[3].tensor == "conv.weight[3]");
}

TEST_CASE("a patch embedding is the linear map that it is", "[conv]") {
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{64, 3, 4, 4}, std::vector<std::int64_t>{64, 3, 2, 4, 2}}) {
    const Matrix matrix =
        select(tensor("visual.patch_embed.proj.weight", shape), true).matrices.at(0);
    CHECK(matrix.role == "vision.patch");
    CHECK(matrix.layer_type == "dense");
    CHECK(matrix.rows == 64);
    CHECK(matrix.cols == 48);
    CHECK(matrix.num_views() == 1);
    CHECK(matrix.views[0].row_stride == 48);
    CHECK(matrix.w_norm == 1);
  }
  // WeightWatcher sees a convolution.
  const Matrix compat =
      select(tensor("visual.patch_embed.proj.weight", {64, 3, 4, 4}), true, true).matrices.at(0);
  CHECK(compat.layer_type == "conv2d");
  CHECK(compat.num_views() == 16);
}

TEST_CASE("a convolution over one dimension is cut like one over two, without a factor", "[conv]") {
  const Matrix pooled = select(tensor("encoder.conv2.weight", {32, 24, 3}), true).matrices.at(0);
  CHECK(pooled.layer_type == "conv1d");
  CHECK(pooled.rows == 32);
  CHECK(pooled.cols == 24);
  CHECK(pooled.num_views() == 3);
  CHECK(pooled.w_norm == 1);
  CHECK(position(pooled.views[2], 5, 7) == (5 * 24 + 7) * 3 + 2);
  const Selection slices = select(tensor("encoder.conv2.weight", {32, 24, 3}), false);
  REQUIRE(slices.matrices.size() == 3);
  CHECK(slices.matrices[2].slice == 2);
  CHECK(slices.matrices[2].w_norm == 1);
  // A narrow last dimension also identifies a convolution if the name does not.
  CHECK(select(tensor("filters.weight", {32, 24, 3}), true).matrices.at(0).layer_type == "conv1d");
  CHECK(select(tensor("blobs.weight", {4, 32, 24}), true).matrices.size() == 4);
}

TEST_CASE("compat mode analyses a depthwise convolution as WeightWatcher does", "[conv]") {
  const Selection selection = select(tensor("conv.weight", {64, 1, 3, 3}), true, true);
  REQUIRE(selection.matrices.size() == 1);
  CHECK(selection.matrices[0].num_values() == 9);
}
