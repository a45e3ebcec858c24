#pragma once

/// @file
/// How the products of a Gram matrix are formed: in float64, or exactly from integers
/// (docs/numerics.md, "Integer products"). Shared by the plan and the engine.

#include <cstdint>
#include <optional>
#include <string_view>

#include "wishart/record/matrix.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart {

/// How the products of Method::gram are formed.
enum class Products : std::uint8_t {
  automatic,  ///< from integers where this processor gains by it
  float64,    ///< DSYRK
  integer,    ///< exactly, from products of bytes, wherever the elements allow it
};

/// `auto`, `float64`, `integer`.
[[nodiscard]] constexpr std::string_view products_name(Products products) noexcept {
  switch (products) {
    case Products::float64:
      return "float64";
    case Products::integer:
      return "integer";
    case Products::automatic:
      break;
  }
  return "auto";
}

/// How an integer becomes bytes whose products give those of integers (docs/numerics.md, "Integer
/// products").
enum class ByteCode : std::uint8_t {
  values,    ///< of a quadratic polynomial at five points
  residues,  ///< of coprime moduli
};

/// Elements as integers at the scale of their row or column of the matrix.
struct IntegerForm {
  ByteCode code = ByteCode::values;
  int bits = 0;   ///< with the sign
  int bytes = 0;  ///< that an integer becomes
};

/// How many of them are kept for a whole panel: two of five values follow from the others.
[[nodiscard]] constexpr int kept_bytes(IntegerForm form) noexcept {
  return form.code == ByteCode::values ? form.bytes - 2 : form.bytes;
}

/// The form for the elements of a tensor. Nothing if they may need more than 24 bits, as those of
/// F32 and F64, differences and products do.
///
/// `bits` is such that less than one Gaussian element in a thousand is too small to be an integer
/// beside the largest one of its row or column.
[[nodiscard]] std::optional<IntegerForm> integer_form(const Tensor& tensor) noexcept;
/// The same for the elements of a matrix, whose factor must be 1: another makes long floats of
/// short ones.
[[nodiscard]] std::optional<IntegerForm> integer_form(const Matrix& matrix) noexcept;

/// How the products of one spectrum were formed.
struct ProductRecord {
  Products products = Products::float64;  ///< never `automatic`
  std::int32_t bits = 0;                  ///< of the integers; 0 without
  std::int32_t bytes = 0;                 ///< that an integer becomes
  std::int64_t panels = 0;                ///< formed from integers
  std::int64_t float64_panels = 0;  ///< formed by DSYRK all the same, because too many elements
                                    ///< were no integers
  std::int64_t apart = 0;           ///< elements that were no integers, and were added one by one
};

template <class F>
void visit_fields(ProductRecord& v, F&& f) {
  f(v.products), f(v.bits), f(v.bytes), f(v.panels), f(v.float64_panels), f(v.apart);
}

}  // namespace wishart
