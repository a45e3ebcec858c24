#include "wishart/record/products.hpp"

#include <algorithm>

namespace wishart {
namespace {

// src/spectrum/integer/values.hpp and moduli.hpp.
constexpr IntegerForm kShort{.code = ByteCode::values, .bits = 21, .bytes = 5};
constexpr IntegerForm kLong{.code = ByteCode::residues, .bits = 24, .bytes = 8};

std::optional<IntegerForm> form_of(Dtype dtype) noexcept {
  if (dtype == Dtype::bf16) return kShort;
  if (dtype == Dtype::f16) return kLong;
  if (is_weight_dtype(dtype) && dtype_bits(dtype) == 8) return kShort;
  return std::nullopt;
}

bool is_plain(const Tensor& tensor) noexcept { return tensor.encoding == Encoding::plain; }

}  // namespace

std::optional<IntegerForm> integer_form(const Tensor& tensor) noexcept {
  if (tensor.encoding == Encoding::plain) return form_of(tensor.dtype);
  if (tensor.encoding == Encoding::rows && tensor.parts.size() == 2) {
    const bool alike = is_plain(tensor.parts[0]) && is_plain(tensor.parts[1]) &&
                       tensor.parts[0].dtype == tensor.parts[1].dtype;
    return alike ? form_of(tensor.parts[0].dtype) : std::nullopt;
  }
  if (tensor.encoding == Encoding::rows || tensor.encoding == Encoding::view) {
    return tensor.parts.empty() ? std::nullopt : integer_form(tensor.parts.front());
  }
  if (tensor.encoding != Encoding::codes || tensor.parts.empty()) return std::nullopt;
  if (is_weight_dtype(tensor.parts.front().dtype)) {
    return tensor.scale_bits == 0 ? std::optional(kShort) : std::nullopt;
  }
  // Of longer scales more bits of an element are used. Each form leaves room for scales of blocks
  // that differ in a row or column: by a factor of 16 for codes of 8 bits with scales of 8, of more
  // than 100 for others.
  switch (tensor.scale_bits) {
    case 0:  // powers of two: MXFP4
    case 4:  // F8_E4M3: NVFP4
    case 8:  // BF16
      return kShort;
    case 11:  // F16: GPTQ, AWQ
      return kLong;
    default:
      return std::nullopt;
  }
}

namespace {

bool is_stored_plainly(const Tensor& tensor) noexcept {
  if (is_plain(tensor)) return true;
  const bool part = tensor.encoding == Encoding::rows || tensor.encoding == Encoding::view;
  return part && !tensor.parts.empty() &&
         std::all_of(tensor.parts.begin(), tensor.parts.end(), is_stored_plainly);
}

}  // namespace

std::optional<IntegerForm> integer_form(const Matrix& matrix) noexcept {
  if (matrix.w_norm != 1.0) return std::nullopt;
  // Rounding to float32 leaves short floats as they are, but not their products with scales.
  if (matrix.float32_arithmetic && !is_stored_plainly(matrix.tensor)) return std::nullopt;
  return integer_form(matrix.tensor);
}

}  // namespace wishart
