#include "numbers/code_words.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "wishart/core/error.hpp"

#include "numbers/block_sizes.hpp"
#include "numbers/decode_loops.hpp"

namespace wishart::checkpoint {
namespace {

/// Codes that share the words of a planar layout.
constexpr std::int64_t kPlanarRun = 32;

/// Words of a part that were read as numbers, as bytes again.
void store_words(const Values& values, std::int64_t word_bytes, std::span<std::byte> out) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto word = static_cast<std::uint32_t>(static_cast<std::int64_t>(values[i]));
    std::memcpy(out.data() + i * at(word_bytes), &word, at(word_bytes));
  }
}

/// A bit plane of `gptq_p`: GPTQModel, utils/planar_packing.py.
struct Plane {
  std::int64_t width;
  std::int64_t place;  ///< of its lowest bit in the code
};
std::span<const Plane> planes(std::int64_t bits) {
  static constexpr std::array<Plane, 1> kTwo{{{2, 0}}};
  static constexpr std::array<Plane, 2> kThree{{{2, 0}, {1, 2}}};
  static constexpr std::array<Plane, 1> kFour{{{4, 0}}};
  static constexpr std::array<Plane, 2> kFive{{{4, 0}, {1, 4}}};
  static constexpr std::array<Plane, 2> kSix{{{4, 0}, {2, 4}}};
  static constexpr std::array<Plane, 3> kSeven{{{4, 0}, {2, 4}, {1, 6}}};
  static constexpr std::array<Plane, 1> kEight{{{8, 0}}};
  switch (bits) {
    case 2:
      return kTwo;
    case 3:
      return kThree;
    case 4:
      return kFour;
    case 5:
      return kFive;
    case 6:
      return kSix;
    case 7:
      return kSeven;
    default:
      return kEight;
  }
}

/// Code number k of a run of words. `word(w)` is word w.
template <class Word>
std::uint32_t code_in(const Packing& packing, std::int64_t k, Word&& word) {
  constexpr std::array<std::int64_t, 8> kAwqPlace{0, 4, 1, 5, 2, 6, 3, 7};
  const std::int64_t bits = packing.bits;
  const std::uint32_t mask = (std::uint32_t{1} << static_cast<unsigned>(bits)) - 1U;
  const std::int64_t per_word = packing.word_bits / bits;
  switch (packing.order) {
    case Order::plain:
      break;
    case Order::stream: {
      const std::int64_t w = k * bits / packing.word_bits;
      const std::int64_t shift = k * bits % packing.word_bits;
      std::uint64_t value = std::uint64_t{word(w)} >> static_cast<unsigned>(shift);
      if (shift + bits > packing.word_bits) {
        value |= std::uint64_t{word(w + 1)} << static_cast<unsigned>(packing.word_bits - shift);
      }
      return static_cast<std::uint32_t>(value) & mask;
    }
    case Order::words:
      return (word(k / per_word) >> static_cast<unsigned>(k % per_word * bits)) & mask;
    case Order::awq:
      return (word(k / 8) >> static_cast<unsigned>(kAwqPlace[at(k % 8)] * 4)) & mask;
    case Order::planar: {
      std::int64_t first = k / kPlanarRun * bits;
      const std::int64_t place = k % kPlanarRun;
      std::uint32_t code = 0;
      for (const Plane& plane : planes(bits)) {
        const std::int64_t per = 32 / plane.width;
        const std::uint32_t part =
            (word(first + place / per) >> static_cast<unsigned>(place % per * plane.width)) &
            ((std::uint32_t{1} << static_cast<unsigned>(plane.width)) - 1U);
        code |= part << static_cast<unsigned>(plane.place);
        first += plane.width;
      }
      return code;
    }
    case Order::split:
      return (word(k % packing.word_rows) >> static_cast<unsigned>(k / packing.word_rows * bits)) &
             mask;
    case Order::split_high:
      return (word(k % packing.word_rows) >>
              static_cast<unsigned>((per_word - 1 - k / packing.word_rows) * bits)) &
             mask;
  }
  require(false, "plain codes are not in words");
  return 0;
}

/// The words [first, second) that codes [begin, end) of a run touch.
std::pair<std::int64_t, std::int64_t> touched(const Packing& packing, std::int64_t begin,
                                              std::int64_t end) {
  const std::int64_t bits = packing.bits;
  const std::int64_t per_word = packing.word_bits / bits;
  switch (packing.order) {
    case Order::plain:
      break;
    case Order::stream:
      return {begin * bits / packing.word_bits, ceil_div(end * bits, packing.word_bits)};
    case Order::words:
    case Order::awq:
      return {begin / per_word, (end - 1) / per_word + 1};
    case Order::planar:
      return {begin / kPlanarRun * bits, ((end - 1) / kPlanarRun + 1) * bits};
    case Order::split:
    case Order::split_high:
      if (begin / packing.word_rows == (end - 1) / packing.word_rows) {
        return {begin % packing.word_rows, (end - 1) % packing.word_rows + 1};
      }
      return {0, packing.word_rows};
  }
  return {begin, end};
}

/// Little-endian words with the lowest bits first are a stream of bits in bytes, whatever their
/// length. `bit` is where the first code begins.
/// @pre a byte follows the last one that has codes
void look_up_stream(const std::byte* row, std::int64_t bit, std::int64_t bits,
                    const CodeTable& table, double factor, std::span<double> out) {
  const std::byte* from = row + bit / 8;
  std::size_t k = 0;
  if (bits == 8) {
    for (; k < out.size(); ++k) out[k] = table[static_cast<std::size_t>(from[k])] * factor;
    return;
  }
  if (bits == 4 && bit % 8 == 0) {
    if (table.floats()) {
      k = look_up_vectors(best_instruction_set(), from, *table.floats(), factor, out);
    }
    const double* pairs = table.pairs().data();
    for (; k + 2 <= out.size(); k += 2) {
      const double* pair = pairs + 2 * static_cast<std::size_t>(from[k / 2]);
      out[k] = pair[0] * factor;
      out[k + 1] = pair[1] * factor;
    }
    bit += static_cast<std::int64_t>(k) * 4;
  }
  const std::uint32_t mask = (std::uint32_t{1} << static_cast<unsigned>(bits)) - 1U;
  for (; k < out.size(); ++k, bit += bits) {
    std::uint16_t two = 0;  // a code of at most 8 bits lies in two bytes
    std::memcpy(&two, row + bit / 8, sizeof(two));
    out[k] = table[(std::uint32_t{two} >> static_cast<unsigned>(bit % 8)) & mask] * factor;
  }
}

}  // namespace

void read_rectangle(ElementReader& reader, const Tensor& part, std::int64_t cols,
                    const Block& block, std::span<double> out) {
  if (!part.shape.empty() && part.shape.back() == cols) {
    return reader.read_rectangle(part, block, out);
  }
  const bool whole = cols_of(block) == cols;
  const std::int64_t step = whole ? rows_of(block) : 1;
  for (std::int64_t row = block.row_begin; row < block.row_end; row += step) {
    const std::size_t count = at(step * cols_of(block));
    reader.read_elements(part, row * cols + block.col_begin, out.first(count));
    out = out.subspan(count);
  }
}

Values rectangle(ElementReader& reader, const Tensor& part, std::int64_t cols, const Block& block) {
  Values values(at(rows_of(block) * cols_of(block)));
  read_rectangle(reader, part, cols, block, values);
  return values;
}

CodeTable::CodeTable(Values values) : values_(std::move(values)) {
  if (values_.size() != 16) return;
  pairs_.reserve(512);
  for (std::size_t byte = 0; byte < 256; ++byte) {
    pairs_.push_back(values_[byte % 16]);
    pairs_.push_back(values_[byte / 16]);
  }
  std::array<float, 16> floats{};
  bool exact = true;
  for (std::size_t code = 0; code < floats.size(); ++code) {
    floats[code] = static_cast<float>(values_[code]);
    exact = exact && static_cast<double>(floats[code]) == values_[code];
  }
  if (exact) floats_ = floats;
}

CodeBlock::CodeBlock(ElementReader& reader, const Tensor& part, const Packing& packing,
                     std::int64_t expert, const Block& block, std::vector<std::byte>& storage)
    : packing_(packing), block_(block), word_bytes_(packing.word_bits / 8) {
  const std::int64_t shift = expert * packing.word_rows;
  Block stored = block;
  if (packing.down == 0) {
    const auto [first, last] = touched(packing, block.col_begin, block.col_end);
    first_ = first;
    stored = {shift + block.row_begin, shift + block.row_end, first, last};
  } else {
    const auto [first, last] = touched(packing, block.row_begin, block.row_end);
    first_ = first;
    stored = {shift + first, shift + last, block.col_begin, block.col_end};
  }
  width_ = cols_of(stored);
  const std::size_t size = at(rows_of(stored) * width_ * word_bytes_);
  if (storage.size() < size + 1) storage.resize(size + 1);
  bytes_ = std::span(storage).first(size + 1);
  const std::span<std::byte> words = std::span(storage).first(size);
  const bool same_words = dtype_bits(part.dtype) == packing.word_bits;
  if (!same_words || !reader.read_stored(part, packing.word_cols, stored, words)) {
    store_words(rectangle(reader, part, packing.word_cols, stored), word_bytes_, words);
  }
}

std::uint32_t CodeBlock::word(std::int64_t row, std::int64_t col) const {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes_.data() + (row * width_ + col) * word_bytes_, at(word_bytes_));
  return value;
}

Codes CodeBlock::codes() const {
  Codes codes(at(rows_of(block_) * cols_of(block_)));
  std::uint8_t* to = codes.data();
  for (std::int64_t i = block_.row_begin; i < block_.row_end; ++i) {
    for (std::int64_t j = block_.col_begin; j < block_.col_end; ++j) {
      const std::int64_t row = i - block_.row_begin;
      const std::int64_t col = j - block_.col_begin;
      const std::uint32_t code =
          packing_.down == 0
              ? code_in(packing_, j, [&](std::int64_t w) { return word(row, w - first_); })
              : code_in(packing_, i, [&](std::int64_t w) { return word(w - first_, col); });
      *to++ = static_cast<std::uint8_t>(code);
    }
  }
  return codes;
}

void CodeBlock::look_up(std::int64_t row, std::int64_t col, const CodeTable& table, double factor,
                        std::span<double> out) const {
  const std::int64_t begin = block_.col_begin + col;
  if (packing_.order == Order::stream) {
    const std::int64_t bit = begin * packing_.bits - first_ * packing_.word_bits;
    return look_up_stream(bytes_.data() + row * width_ * word_bytes_, bit, packing_.bits, table,
                          factor, out);
  }
  for (std::size_t k = 0; k < out.size(); ++k) {
    const auto code = code_in(packing_, begin + static_cast<std::int64_t>(k),
                              [&](std::int64_t w) { return word(row, w - first_); });
    out[k] = table[code] * factor;
  }
}

std::int64_t words_for(const Packing& packing, std::int64_t count) {
  const std::int64_t per_word = packing.word_bits / packing.bits;
  switch (packing.order) {
    case Order::plain:
      return count;
    case Order::stream:
      return ceil_div(count * packing.bits, packing.word_bits);
    case Order::planar:
      return ceil_div(count, kPlanarRun) * packing.bits;
    case Order::words:
    case Order::awq:
    case Order::split:
    case Order::split_high:
      return ceil_div(count, per_word);
  }
  return 0;
}

}  // namespace wishart::checkpoint
