#pragma once

/// @file
/// The matrix: a two-dimensional view of (part of) a tensor that gets a spectrum.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/record/tensor.hpp"

namespace wishart {

/// A rows x cols view of a tensor's elements, by strides counted in elements.
///
/// Element (i, j) is element `first + i * row_stride + j * col_stride` of the tensor in row-major
/// order. A tensor of two dimensions as stored is {0, cols, 1}.
struct View {
  std::int64_t first = 0;
  std::int64_t row_stride = 0;
  std::int64_t col_stride = 1;
};

/// A matrix to analyse: one spectrum, one row of the layer table.
///
/// Most have one view. A pooled convolution has one view for each kernel offset, all of the same
/// shape; its spectrum is the union of theirs.
struct Matrix {
  std::string key;  ///< unique in the checkpoint: tensor name, plus `[3]` for an expert or slice
  Tensor tensor;    ///< where the elements are
  std::vector<std::string> aliases;  ///< other names of the same tensor (tied weights)
  std::string layer_type;            ///< WeightWatcher's: `dense`, `embedding`, `conv1d`, `conv2d`
  std::string role;   ///< `attention.q`, `mlp.up`, `embedding.token`, `head`, `router`, `other`...
  std::string stack;  ///< the name before the block index: `model`, `encoder`, `visual`...
  std::int64_t block = -1;   ///< block (transformer layer) index, -1 if none
  std::int64_t expert = -1;  ///< expert index, -1 if none
  std::int64_t slice = 0;    ///< kernel offset of a convolution analysed slice by slice, else 0
  std::int64_t receptive_field = 1;  ///< kernel offsets of a convolution: WeightWatcher's `rf`
  std::int64_t rows = 0;             ///< of each view
  std::int64_t cols = 0;
  std::vector<View> views;
  double w_norm = 1.0;  ///< factor applied to every element: WeightWatcher's conv2d_norm
  /// Compat mode: elements are rounded to float32, and multiplied by the factor in float32.
  bool float32_arithmetic = false;

  [[nodiscard]] std::int64_t long_side() const noexcept { return rows > cols ? rows : cols; }
  [[nodiscard]] std::int64_t short_side() const noexcept { return rows > cols ? cols : rows; }
  [[nodiscard]] std::int64_t num_views() const noexcept {
    return static_cast<std::int64_t>(views.size());
  }
  /// Number of singular values over all views.
  [[nodiscard]] std::int64_t num_values() const noexcept { return short_side() * num_views(); }
};

template <class F>
void visit_fields(View& v, F&& f) {
  f(v.first), f(v.row_stride), f(v.col_stride);
}
template <class F>
void visit_fields(Matrix& v, F&& f) {
  f(v.key), f(v.tensor), f(v.aliases), f(v.layer_type), f(v.role), f(v.stack), f(v.block),
      f(v.expert), f(v.slice), f(v.receptive_field), f(v.rows), f(v.cols), f(v.views), f(v.w_norm),
      f(v.float32_arithmetic);
}

}  // namespace wishart
