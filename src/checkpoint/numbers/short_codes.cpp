/// @file
/// Which coded tensors have short elements, whose products integers can form exactly
/// (docs/numerics.md, "Integer products").

#include "wishart/checkpoint/element_reader.hpp"

#include "numbers/codes.hpp"

namespace wishart::checkpoint {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

bool is_integer(Dtype dtype) {
  return !is_weight_dtype(dtype) && dtype != Dtype::f8_e8m0 && dtype != Dtype::f4 &&
         dtype != Dtype::f6_e2m3 && dtype != Dtype::f6_e3m2 && dtype != Dtype::c64;
}

/// Of a scale; -1 if they are too many.
std::int32_t significant_bits(Dtype dtype) {
  if (dtype == Dtype::f8_e8m0) return 0;
  if (dtype == Dtype::f8_e4m3) return 4;
  if (dtype == Dtype::bf16) return 8;
  return dtype == Dtype::f16 ? 11 : -1;
}

}  // namespace

std::int32_t short_scale_bits(const CodesLayout& layout, const std::vector<Tensor>& parts) {
  if (layout.divide != 0 || layout.divide_global != 0 || layout.offset >= 0 || layout.column >= 0 ||
      (layout.global >= 0 && parts[at(layout.global)].num_elements != 1) ||
      (layout.zero >= 0 && !is_integer(parts[at(layout.zero)].dtype))) {
    return -1;
  }
  if (parts.front().encoding != Encoding::plain) return -1;
  const bool float_code =
      is_weight_dtype(parts.front().dtype) || layout.meaning == Meaning::f8_e4m3;
  if (float_code && dtype_bits(parts.front().dtype) > 8) return -1;
  const std::int32_t bits = layout.scale < 0 ? 0 : significant_bits(parts[at(layout.scale)].dtype);
  // A difference with a zero point has one bit more than the code.
  constexpr std::int64_t kMostBits = 16;
  const std::int64_t code_bits = layout.codes.bits + (layout.zero >= 0 ? 1 : 0);
  if (float_code) return bits == 0 ? 0 : -1;
  return bits >= 0 && code_bits + bits <= kMostBits ? bits : -1;
}

double unit_of(ElementReader& reader, const Tensor& tensor) {
  const bool part = tensor.encoding == Encoding::rows || tensor.encoding == Encoding::view;
  if (part && tensor.parts.size() == 1) return unit_of(reader, tensor.parts.front());
  return tensor.scale_bits < 0 ? 1.0
                               : whole_factor(reader, tensor, codes_layout(tensor.numbers), 0);
}

}  // namespace wishart::checkpoint
