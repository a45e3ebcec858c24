#pragma once

/// @file
/// The element types of GGUF: the size of their blocks, and the conversion of a block to numbers.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// A ggml type (ggml.h, `ggml_type`), by its number in files.
struct GgufType {
  std::int64_t number = 0;
  std::string_view name;
  std::int64_t block_elements = 1;  ///< a row consists of whole blocks
  std::int64_t block_bytes = 0;
  std::optional<Dtype> dtype;  ///< if blocks are single elements
  bool is_read = true;         ///< false: only its size is known
};

/// The longest block.
inline constexpr std::int64_t kMaxGgufBlock = 256;

/// The type with this number, or nullptr.
[[nodiscard]] const GgufType* gguf_type(std::int64_t number) noexcept;

/// Computes the elements of one block of a supported type without a dtype.
/// @pre `block` and `out` have the lengths of the type's block
void decode_gguf_block(const GgufType& type, std::span<const std::uint8_t> block,
                       std::span<double> out);

}  // namespace wishart::checkpoint
