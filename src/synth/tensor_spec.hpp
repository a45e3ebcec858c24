#pragma once

/// @file
/// The tensors of a model: names, shapes and the spectra planted in them.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/record/tensor.hpp"
#include "wishart/synth/model_shape.hpp"

namespace wishart::synth {

/// A flaw that a report should find.
enum class Flaw : std::uint8_t {
  none,
  heavy_tail,  ///< an exponent below 2
  no_tail,     ///< noise alone
  low_rank,    ///< all rows after the first (short side / 4) are zero
};

struct TensorSpec {
  enum class Content : std::uint8_t { matrices, ones, zeros };

  std::string name;
  std::vector<std::int64_t> shape;  ///< two dimensions, or three: a stack of matrices
  Content content = Content::matrices;
  Dtype dtype = Dtype::bf16;
  std::int64_t block = -1;  ///< -1: outside the blocks
  double rms = 0.02;        ///< root mean square of the elements of a matrix
  Flaw flaw = Flaw::none;
  /// Of a stack of experts that wishart analyses as single weights: the names of the matrices in a
  /// slice, whose columns alternate. Empty: a slice is one matrix.
  std::vector<std::string> parts;

  [[nodiscard]] std::int64_t num_elements() const;
  [[nodiscard]] std::int64_t num_bytes() const;
  [[nodiscard]] std::int64_t num_slices() const { return shape.size() == 3 ? shape[0] : 1; }
  /// Matrices in a slice.
  [[nodiscard]] std::int64_t num_parts() const;
  [[nodiscard]] std::int64_t num_matrices() const;
  // Of each matrix:
  [[nodiscard]] std::int64_t rows() const { return shape[shape.size() - 2]; }
  [[nodiscard]] std::int64_t cols() const { return shape.back() / num_parts(); }
  /// Rows that are not zero.
  [[nodiscard]] std::int64_t active_rows() const;
  /// The key of matrix number `part` of a slice, as wishart names it.
  [[nodiscard]] std::string key(std::int64_t slice, std::int64_t part) const;
};

/// The tensors of a model, in the model's order.
[[nodiscard]] std::vector<TensorSpec> tensors_of(const ModelShape& shape, Dtype dtype, bool flaws);

/// config.json with the field names of the family.
[[nodiscard]] std::string config_json(const ModelShape& shape, Dtype dtype);

}  // namespace wishart::synth
