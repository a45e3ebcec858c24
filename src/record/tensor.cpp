#include "wishart/record/tensor.hpp"

#include <array>

namespace wishart {
namespace {

struct DtypeFacts {
  Dtype dtype;
  std::string_view name;
  std::int64_t bits;
  bool weight;
};

/// In the order of the enumeration. Names and widths: safetensors, tensor.rs.
constexpr std::array<DtypeFacts, 22> kFacts{{
    {Dtype::f64, "F64", 64, true},
    {Dtype::f32, "F32", 32, true},
    {Dtype::f16, "F16", 16, true},
    {Dtype::bf16, "BF16", 16, true},
    {Dtype::f8_e4m3, "F8_E4M3", 8, true},
    {Dtype::f8_e5m2, "F8_E5M2", 8, true},
    {Dtype::f8_e4m3fnuz, "F8_E4M3FNUZ", 8, true},
    {Dtype::f8_e5m2fnuz, "F8_E5M2FNUZ", 8, true},
    {Dtype::f8_e8m0, "F8_E8M0", 8, false},
    {Dtype::f6_e2m3, "F6_E2M3", 6, false},
    {Dtype::f6_e3m2, "F6_E3M2", 6, false},
    {Dtype::f4, "F4", 4, false},
    {Dtype::boolean, "BOOL", 8, false},
    {Dtype::i8, "I8", 8, false},
    {Dtype::u8, "U8", 8, false},
    {Dtype::i16, "I16", 16, false},
    {Dtype::u16, "U16", 16, false},
    {Dtype::i32, "I32", 32, false},
    {Dtype::u32, "U32", 32, false},
    {Dtype::i64, "I64", 64, false},
    {Dtype::u64, "U64", 64, false},
    {Dtype::c64, "C64", 64, false},
}};

const DtypeFacts& facts(Dtype dtype) noexcept { return kFacts[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::string_view dtype_name(Dtype dtype) noexcept { return facts(dtype).name; }

std::optional<Dtype> dtype_from_name(std::string_view name) noexcept {
  for (const DtypeFacts& entry : kFacts) {
    if (entry.name == name) return entry.dtype;
  }
  return std::nullopt;
}

std::int64_t dtype_bits(Dtype dtype) noexcept { return facts(dtype).bits; }

bool is_weight_dtype(Dtype dtype) noexcept { return facts(dtype).weight; }

bool has_weights(const Tensor& tensor) noexcept {
  return tensor.encoding != Encoding::plain || is_weight_dtype(tensor.dtype);
}

std::string storage_text(const Tensor& tensor) {
  return tensor.stored_as.empty() ? std::string(dtype_name(tensor.dtype)) : tensor.stored_as;
}

std::int64_t rank_bound(const Tensor& tensor) noexcept {
  if (tensor.encoding != Encoding::product || tensor.parts.size() != 2) return -1;
  return tensor.parts[0].shape.empty() ? -1 : tensor.parts[0].shape.back();
}

}  // namespace wishart
