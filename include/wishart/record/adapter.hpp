#pragma once

/// @file
/// What is known about a LoRA adapter: the change s B A of one matrix, and how tensors hold it.

#include <cstdint>
#include <limits>
#include <string_view>

#include "wishart/record/matrix.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart {

/// Measures of s B A. docs/adapters.md defines every column.
///
/// Doubles that are not known are NaN; counts that are not known are -1.
struct AdapterMeasures {
  static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

  std::int64_t adapter_rank = -1;  ///< r; -1: the matrix has no adapter
  double adapter_effective_rank = kUnknown;
  double adapter_frobenius = kUnknown;
  double adapter_spectral = kUnknown;
  double adapter_alignment = kUnknown;
};

/// Calls `f(name, member)` for every column, in order.
template <class F>
void visit_columns(AdapterMeasures& m, F&& f) {
  f("adapter_rank", m.adapter_rank), f("adapter_effective_rank", m.adapter_effective_rank);
  f("adapter_frobenius", m.adapter_frobenius), f("adapter_spectral", m.adapter_spectral);
  f("adapter_alignment", m.adapter_alignment);
}

template <class F>
void visit_fields(AdapterMeasures& m, F&& f) {
  visit_columns(m, [&](const char*, auto& value) { f(value); });
}

/// The parts of a tensor that holds an adapter. They belong to the tensor.
struct AdapterParts {
  const Tensor* product = nullptr;  ///< s B A; nullptr: the tensor holds no adapter
  const Tensor* base = nullptr;     ///< W; nullptr: the adapter alone
  bool rescaled = false;            ///< DoRA: the rows of W + s B A have other lengths
};

/// s B A alone, W + s B A, either with DoRA's magnitudes, and rows of these.
[[nodiscard]] AdapterParts adapter_parts(const Tensor& tensor) noexcept;

/// r of the tensor's adapter, -1 if it has none.
[[nodiscard]] std::int64_t adapter_rank(const Tensor& tensor) noexcept;

/// The same from the column `dtype` of the layer table, for archives without `adapter_rank`.
[[nodiscard]] std::int64_t adapter_rank_in(std::string_view dtype) noexcept;

/// True for the `dtype` of an adapter alone: `LoRA of rank 8 in F32`.
[[nodiscard]] bool is_adapter_alone(std::string_view dtype) noexcept;

/// True if the matrix is the tensor as a whole, not a part of it, a slice or several views.
[[nodiscard]] bool is_whole_tensor(const Matrix& matrix) noexcept;

/// True if the matrix can be compared with its base: W - W_base, or W_base + s B A as a whole.
[[nodiscard]] bool has_base(const Matrix& matrix) noexcept;

}  // namespace wishart
