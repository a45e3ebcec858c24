#pragma once

/// @file
/// The table of quantisation schemes: which tensors form a weight, of which types and shapes, and
/// how its numbers follow from them. What the table cannot say (sizes that a config gives) is in
/// quantised_rules.cpp. docs/formats.md shows the table with its sources.

#include <cstdint>
#include <span>
#include <string_view>

#include "wishart/record/tensor.hpp"

#include "numbers/codes.hpp"

namespace wishart::checkpoint {

/// What a checkpoint declares to be quantised by; a set of them in Scheme::methods.
namespace method {
inline constexpr std::uint32_t kNone = 1;  ///< nothing is declared
inline constexpr std::uint32_t kFp8 = 2;
inline constexpr std::uint32_t kCompressed = 4;
inline constexpr std::uint32_t kModelopt = 8;
inline constexpr std::uint32_t kGptq = 16;
inline constexpr std::uint32_t kAwq = 32;
inline constexpr std::uint32_t kBitsandbytes = 64;
inline constexpr std::uint32_t kMxfp4 = 128;
inline constexpr std::uint32_t kMlx = 256;
inline constexpr std::uint32_t kTorchao = 512;
inline constexpr std::uint32_t kBitnet = 1024;
inline constexpr std::uint32_t kHqq = 2048;
}  // namespace method

using Types = std::uint32_t;
[[nodiscard]] constexpr Types only(Dtype dtype) { return Types{1} << static_cast<unsigned>(dtype); }
[[nodiscard]] constexpr bool has_type(const Tensor& tensor, Types types) {
  return (types & only(tensor.dtype)) != 0;
}

inline constexpr Types kFloats =
    only(Dtype::f64) | only(Dtype::f32) | only(Dtype::f16) | only(Dtype::bf16);
inline constexpr Types kFloat8 = only(Dtype::f8_e4m3) | only(Dtype::f8_e5m2) |
                                 only(Dtype::f8_e4m3fnuz) | only(Dtype::f8_e5m2fnuz);
inline constexpr Types kNumbers =
    kFloats | only(Dtype::i8) | only(Dtype::u8) | only(Dtype::i16) | only(Dtype::i32);
/// Bytes that stand for powers of two. Never numbers.
inline constexpr Types kExponents = only(Dtype::u8) | only(Dtype::f8_e8m0);

/// Which elements share a scale.
enum class Grid : std::uint8_t {
  any,     ///< all, a row, or a group of a row, by the shape; blocks if the config gives their size
  one,     ///< all
  groups,  ///< `group` columns of a row
  told,    ///< as many columns of a row as the config says
};

struct Scheme {
  std::string_view name;  ///< in the column `dtype`, and in messages
  std::uint32_t methods = 0;
  // Endings of names. What precedes `scale` is the stem; the others follow the stem.
  std::string_view scale;
  std::string_view codes;
  std::string_view weight;       ///< of the resulting weight
  std::string_view zero = {};    ///< zero points
  std::string_view offset = {};  ///< added after scaling
  std::string_view global = {};  ///< a scale of the whole weight
  Types code_types = 0;
  Types scale_types = 0;
  Order order = Order::plain;
  std::int64_t bits = 8;  ///< 0: as the config says
  Meaning meaning = Meaning::number;
  bool down = false;  ///< codes of a column share words
  Grid grid = Grid::any;
  std::int64_t group = 0;
  Dtype scale_as = Dtype::f32;  ///< what scales of U8 are: F8_E8M0 or F8_E4M3; F32: not U8
  Types zero_types = kNumbers;  ///< of zero points
  bool turned = false;          ///< scales, zero points and offsets are [groups, rows]
  bool tiles = false;           ///< scales may lie in tiles for a GPU, if the file says so
  bool divide_global = false;
  std::string_view mode = {};  ///< of MLX, `_type` of torchao; empty: any
};

/// In the order in which they are tried.
[[nodiscard]] std::span<const Scheme> schemes() noexcept;

/// Words that end the names of tensors beside a quantised weight, after `.` or `_`.
[[nodiscard]] std::span<const std::string_view> companion_words() noexcept;
/// Those of them that belong to activations and never change the weight.
[[nodiscard]] std::span<const std::string_view> activation_words() noexcept;

/// A program whose quantisation is not read, and how its checkpoints can be converted.
struct Unread {
  std::string_view method;
  std::string_view remedy;
};
[[nodiscard]] std::span<const Unread> unread_methods() noexcept;

}  // namespace wishart::checkpoint
