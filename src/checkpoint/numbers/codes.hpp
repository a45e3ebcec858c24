#pragma once

/// @file
/// Quantised weights as codes with scales: the parameters of `Encoding::codes`, and its reader.
///
/// One formula serves all schemes that have codes for single elements. With the code c of element
/// (i, j), and the group g of column j,
///
///     W(i, j) = ((m(c) - z(i, g)) s(i, g) f + b(i, g)) p(j)
///
/// m is the meaning of a code. The scale s may divide. f is the constant factor of the tensor
/// times, or divided by, a scale of the whole weight. Zero points z, offsets b and factors of
/// columns p are optional. Which scheme has which parts: quantised/schemes.hpp and docs/formats.md.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "wishart/checkpoint/element_reader.hpp"

namespace wishart::checkpoint {

/// How codes lie in words, which are the elements of a part.
enum class Order : std::int64_t {
  plain,       ///< one element a code, read by its own type
  stream,      ///< a stream of bits, lowest first; a code may lie across two words
  words,       ///< 32 / bits codes a word, lowest first, the rest of the word is not used
  awq,         ///< eight codes of 4 bits a word, in the order 0 2 4 6 1 3 5 7
  planar,      ///< GPTQModel's `gptq_p`: for 32 codes the words of the low bits, then the others
  split,       ///< code k is in word k mod n, the first n codes in the lowest bits (BitNet)
  split_high,  ///< the same, the first n codes in the highest of the bits that are used (HQQ)
};

/// What a code stands for.
enum class Meaning : std::int64_t {
  number,   ///< an element of a type that is read as it is
  natural,  ///< 0 to 2^bits - 1
  twos_complement,
  centred,  ///< code - 2^(bits - 1)
  ternary,  ///< code - 1
  fp4,      ///< OCP Microscaling Formats, 5.3.3
  f8_e4m3,
};

/// A matrix of codes, and the matrix of words that holds it. Leading dimensions count experts.
struct Packing {
  Order order = Order::plain;
  std::int64_t bits = 8;
  std::int64_t word_bits = 8;
  std::int64_t down = 0;  ///< 1: the codes of a column follow each other in words, else of a row
  std::int64_t word_rows = 0;
  std::int64_t word_cols = 0;
};

/// `Tensor::numbers` of a tensor with `Encoding::codes`. Fields that name a part are its index in
/// `Tensor::parts`, or -1; part 0 has the codes.
///
/// The tensor may have rows of another length than `cols`: then it has the elements of the rows x
/// cols matrix, in the same order (HQQ, whose groups are rows or columns of that matrix).
struct CodesLayout {
  Packing codes;
  Meaning meaning = Meaning::number;
  std::int64_t transposed = 0;  ///< 1: the matrix of codes is columns x rows of the weight
  std::int64_t rows = 0;        ///< of the weight of one expert
  std::int64_t cols = 0;
  std::int64_t block_rows = 1;  ///< rows and columns that share a scale
  std::int64_t block_cols = 1;
  std::int64_t groups = 1;             ///< of columns
  std::int64_t scales_transposed = 0;  ///< 1: scales and offsets are [groups, rows of blocks]
  /// 1: scales are in tiles of 128 rows x 4 groups, each stored as 32 x 16 (torchao, to_blocked in
  /// prototype/mx_formats/utils.py; NVIDIA, cuBLAS, "1D block scaling factors layout"). Rows are
  /// counted over all experts.
  std::int64_t scales_in_tiles = 0;
  std::int64_t divide = 0;  ///< 1: by the scale
  std::int64_t divide_global = 0;
  Packing zeros;
  Meaning zero_meaning = Meaning::number;
  std::int64_t zero_added = 0;  ///< to a packed zero, modulo 2^bits
  std::int64_t zeros_transposed = 0;
  std::int64_t scale = -1;
  std::int64_t zero = -1;
  std::int64_t offset = -1;
  std::int64_t group_of = -1;  ///< the group of each column; -1 in it: by position
  std::int64_t global = -1;    ///< one number, or one for each expert
  std::int64_t column = -1;    ///< p(j)
};

/// m in the formula above: the value of each code of this many bits.
[[nodiscard]] std::vector<double> code_values(Meaning meaning, std::int64_t bits);

[[nodiscard]] std::vector<std::int64_t> numbers_of(const CodesLayout& layout);
/// @throws Error with Blame::bug if there are not as many numbers as the layout has
[[nodiscard]] CodesLayout codes_layout(const std::vector<std::int64_t>& numbers);

/// The number of words for `count` codes that follow each other. `split`: of word rows.
[[nodiscard]] std::int64_t words_for(const Packing& packing, std::int64_t count);

/// A tile of scales: see CodesLayout::scales_in_tiles.
inline constexpr std::int64_t kTileRows = 128;
inline constexpr std::int64_t kTileGroups = 4;

/// Tensor::scale_bits of a tensor with this layout: the significant bits of its scales if elements
/// are (code - zero) times a scale times one number for the whole tensor, code and zero are short
/// integers (or elements of an 8-bit float with a power of two as scale), and no more than 16
/// significant bits come together. Else -1.
[[nodiscard]] std::int32_t short_scale_bits(const CodesLayout& layout,
                                            const std::vector<Tensor>& parts);

/// f in the formula above: the number for the weight of an expert, or for the whole tensor.
/// @throws Error with Blame::input if it is not a number
[[nodiscard]] double whole_factor(ElementReader& reader, const Tensor& tensor,
                                  const CodesLayout& layout, std::int64_t expert);

/// Refuses scales that are not numbers, with their number.
/// @pre one of them is NaN
[[noreturn]] void refuse_scales(ElementReader& reader, const Tensor& part);

/// Reads a block of a tensor with `Encoding::codes`.
/// @throws Error with Blame::input if scales are not numbers, with their number, or a group index
///         names a group that does not exist
void read_codes(ElementReader& reader, const Tensor& tensor, const Block& block,
                std::span<double> out);

}  // namespace wishart::checkpoint
