#pragma once

/// @file
/// Catalogues without files, and helpers to inspect a selection.

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/model/matrices.hpp"

namespace wishart::test {

inline Tensor tensor(const std::string& name, const std::vector<std::int64_t>& shape,
                     Dtype dtype = Dtype::f32) {
  Tensor t;
  t.name = name;
  t.dtype = dtype;
  t.shape = shape;
  t.num_elements =
      std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  t.size_bytes = t.num_elements * dtype_bits(dtype) / 8;
  return t;
}

inline checkpoint::Catalogue catalogue(std::vector<Tensor> tensors) {
  checkpoint::Catalogue c;
  c.format = "safetensors";
  c.tensors = std::move(tensors);
  return c;
}

inline std::vector<std::string> keys_of(const model::Selection& selection) {
  std::vector<std::string> keys;
  for (const Matrix& matrix : selection.matrices) keys.push_back(matrix.key);
  return keys;
}

/// `name: reason` of what is skipped, in order.
inline std::vector<std::string> skipped_of(const model::Selection& selection) {
  std::vector<std::string> rows;
  for (const SkippedRow& row : selection.skipped) rows.push_back(row.tensor + ": " + row.reason);
  return rows;
}

/// How often each element of its tensor is in a view of the matrix; adds to `counts`.
inline void count_elements(const Matrix& matrix, std::vector<int>& counts) {
  for (const View& view : matrix.views) {
    for (std::int64_t i = 0; i < matrix.rows; ++i) {
      for (std::int64_t j = 0; j < matrix.cols; ++j) {
        ++counts.at(
            static_cast<std::size_t>(view.first + i * view.row_stride + j * view.col_stride));
      }
    }
  }
}

}  // namespace wishart::test
