#include "numbers/code_words.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "wishart/core/error.hpp"

#include "numbers/block_sizes.hpp"

namespace wishart::checkpoint {
namespace {

/// Codes that share the words of a planar layout.
constexpr std::int64_t kPlanarRun = 32;

/// Words read as numbers, as bits again.
std::vector<std::uint32_t> words_in(const Values& values, std::int64_t word_bits) {
  const std::uint32_t mask = word_bits == 32
                                 ? ~std::uint32_t{0}
                                 : (std::uint32_t{1} << static_cast<unsigned>(word_bits)) - 1U;
  std::vector<std::uint32_t> words(values.size());
  std::transform(values.begin(), values.end(), words.begin(), [mask](double value) {
    return static_cast<std::uint32_t>(static_cast<std::int64_t>(value)) & mask;
  });
  return words;
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

}  // namespace

Values rectangle(ElementReader& reader, const Tensor& part, std::int64_t cols, const Block& block) {
  Values values(at(rows_of(block) * cols_of(block)));
  if (!part.shape.empty() && part.shape.back() == cols) {
    reader.read_rectangle(part, block, values);
    return values;
  }
  const bool whole = cols_of(block) == cols;
  const std::int64_t step = whole ? rows_of(block) : 1;
  std::span<double> left(values);
  for (std::int64_t row = block.row_begin; row < block.row_end; row += step) {
    const std::size_t count = at(step * cols_of(block));
    reader.read_elements(part, row * cols + block.col_begin, left.first(count));
    left = left.subspan(count);
  }
  return values;
}

Codes unpacked(ElementReader& reader, const Tensor& part, const Packing& packing,
               std::int64_t expert, const Block& block) {
  const std::int64_t rows = rows_of(block);
  const std::int64_t cols = cols_of(block);
  const std::int64_t shift = expert * packing.word_rows;
  Codes codes(at(rows * cols));
  std::uint8_t* to = codes.data();
  if (packing.down == 0) {
    const auto [first, last] = touched(packing, block.col_begin, block.col_end);
    const auto words =
        words_in(rectangle(reader, part, packing.word_cols,
                           {shift + block.row_begin, shift + block.row_end, first, last}),
                 packing.word_bits);
    const std::int64_t width = last - first;
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::uint32_t* row = words.data() + i * width;
      for (std::int64_t k = block.col_begin; k < block.col_end; ++k) {
        *to++ = static_cast<std::uint8_t>(
            code_in(packing, k, [row, first = first](std::int64_t w) { return row[w - first]; }));
      }
    }
    return codes;
  }
  const auto [first, last] = touched(packing, block.row_begin, block.row_end);
  const auto words =
      words_in(rectangle(reader, part, packing.word_cols,
                         {shift + first, shift + last, block.col_begin, block.col_end}),
               packing.word_bits);
  for (std::int64_t k = block.row_begin; k < block.row_end; ++k) {
    for (std::int64_t j = 0; j < cols; ++j) {
      *to++ = static_cast<std::uint8_t>(code_in(packing, k, [&, first = first](std::int64_t w) {
        return words[at((w - first) * cols + j)];
      }));
    }
  }
  return codes;
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
