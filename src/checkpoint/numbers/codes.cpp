#include "numbers/codes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>

#include "wishart/checkpoint/decode.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "numbers/encodings.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

using Values = std::vector<double>;
using Codes = std::vector<std::uint8_t>;

/// Elements of a block that are decoded at a time, unless words run down columns: 2 MiB.
constexpr std::int64_t kPieceElements = std::int64_t{1} << 18;
/// Codes that share the words of a planar layout.
constexpr std::int64_t kPlanarRun = 32;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }
std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t rows_of(const Block& block) { return block.row_end - block.row_begin; }
std::int64_t cols_of(const Block& block) { return block.col_end - block.col_begin; }

/// A rectangle of a part, seen as a matrix of `cols` columns whatever its shape.
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
      if (begin / packing.word_rows == (end - 1) / packing.word_rows) {
        return {begin % packing.word_rows, (end - 1) % packing.word_rows + 1};
      }
      return {0, packing.word_rows};
  }
  return {begin, end};
}

/// A block of a matrix of packed codes, row-major.
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

/// The value of each code.
Values meanings(Meaning meaning, std::int64_t bits) {
  const std::int64_t count = std::int64_t{1} << bits;
  Values values(at(count));
  for (std::int64_t c = 0; c < count; ++c) {
    double& value = values[at(c)];
    value = static_cast<double>(c);
    if (meaning == Meaning::signed_ && c >= count / 2) value -= static_cast<double>(count);
    if (meaning == Meaning::centred) value -= static_cast<double>(count / 2);
    if (meaning == Meaning::ternary) value -= 1;
    if (meaning == Meaning::fp4) value = fp4_value(static_cast<unsigned>(c));
    if (meaning == Meaning::f8_e4m3) {
      const auto byte = static_cast<std::byte>(c);
      decode(Dtype::f8_e4m3, {&byte, 1}, {&value, 1});
    }
  }
  return values;
}

[[noreturn]] void refuse_scales(ElementReader& reader, const Tensor& part) {
  std::int64_t bad = 0;
  Values values;
  for (std::int64_t first = 0; first < part.num_elements; first += kPieceElements) {
    values.resize(at(std::min(kPieceElements, part.num_elements - first)));
    reader.read_elements(part, first, values);
    bad += std::count_if(values.begin(), values.end(), [](double v) { return std::isnan(v); });
  }
  throw Error(Blame::input, std::to_string(bad) + " of the " + std::to_string(part.num_elements) +
                                " scales in " + in_quotes(part.name) +
                                " are not numbers (NaN). The program that quantised the weights "
                                "wrote them: quantise again");
}

/// What applies to groups: scales, zero points and offsets of a block, row-major by blocks of rows.
class Groups {
public:
  Groups(ElementReader& reader, const Tensor& tensor, const CodesLayout& layout,
         std::int64_t expert, const Block& block)
      : layout_(layout) {
    first_ = block.col_begin / layout.block_cols;
    last_ = (block.col_end - 1) / layout.block_cols + 1;
    if (layout.group_of >= 0) {
      first_ = 0;
      last_ = layout.groups;
      find_groups(reader, tensor.parts[at(layout.group_of)], block);
    }
    row_first_ = block.row_begin / layout.block_rows;
    const Block grid{row_first_, (block.row_end - 1) / layout.block_rows + 1, first_, last_};
    factors(reader, tensor, expert, grid);
    if (layout.zero >= 0) zeros_ = zeros(reader, tensor.parts[at(layout.zero)], expert, grid);
    if (layout.offset >= 0) {
      offsets_ = on_grid(reader, tensor.parts[at(layout.offset)], expert, grid);
    }
  }

  /// Applies them to one row of codes; `row` counts in the weight.
  void apply(std::int64_t row, std::int64_t col_begin, std::span<double> values) const {
    const std::int64_t width = last_ - first_;
    const std::int64_t place = (row / layout_.block_rows - row_first_) * width;
    const double* scale = scales_.data() + place;
    const double* zero = zeros_.empty() ? nullptr : zeros_.data() + place;
    const double* offset = offsets_.empty() ? nullptr : offsets_.data() + place;
    const auto count = static_cast<std::int64_t>(values.size());
    for (std::int64_t j = 0; j < count;) {
      std::int64_t group = 0;
      std::int64_t end = count;
      if (!group_of_.empty()) {
        group = group_of_[at(j)];
        end = j + 1;
      } else {
        group = (col_begin + j) / layout_.block_cols;
        end = std::min(count, (group + 1) * layout_.block_cols - col_begin);
      }
      const std::int64_t g = group - first_;
      const double factor = scale[g];
      double* v = values.data();
      if (zero != nullptr) {
        const double z = zero[g];
        for (std::int64_t k = j; k < end; ++k) v[k] = (v[k] - z) * factor;
      } else {
        for (std::int64_t k = j; k < end; ++k) v[k] *= factor;
      }
      if (offset != nullptr) {
        const double b = offset[g];
        for (std::int64_t k = j; k < end; ++k) v[k] += b;
      }
      j = end;
    }
  }

private:
  void find_groups(ElementReader& reader, const Tensor& part, const Block& block) {
    Values values(at(cols_of(block)));
    reader.read_elements(part, block.col_begin, values);
    group_of_.reserve(values.size());
    for (std::int64_t j = 0; j < cols_of(block); ++j) {
      const auto told = static_cast<std::int64_t>(values[at(j)]);
      // -1 means that columns were not reordered (compressed-tensors).
      const std::int64_t group = told == -1 ? (block.col_begin + j) / layout_.block_cols : told;
      if (group < 0 || group >= layout_.groups) {
        throw Error(Blame::input, "its index of groups names group " + std::to_string(told) +
                                      ", expected less than " + std::to_string(layout_.groups));
      }
      group_of_.push_back(group);
    }
  }

  /// A block of a part with one number for each place of the grid of scales.
  Values on_grid(ElementReader& reader, const Tensor& part, std::int64_t expert,
                 const Block& grid) const {
    const std::int64_t grid_rows = ceil_div(layout_.rows, layout_.block_rows);
    if (layout_.scales_transposed == 0) {
      const std::int64_t shift = expert * grid_rows;
      return rectangle(
          reader, part, layout_.groups,
          {shift + grid.row_begin, shift + grid.row_end, grid.col_begin, grid.col_end});
    }
    const std::int64_t shift = expert * layout_.groups;
    return transpose(
        rectangle(reader, part, grid_rows,
                  {shift + grid.col_begin, shift + grid.col_end, grid.row_begin, grid.row_end}),
        cols_of(grid), rows_of(grid));
  }

  static Values transpose(const Values& values, std::int64_t rows, std::int64_t cols) {
    Values result(values.size());
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) result[at(j * rows + i)] = values[at(i * cols + j)];
    }
    return result;
  }

  void factors(ElementReader& reader, const Tensor& tensor, std::int64_t expert,
               const Block& grid) {
    double factor = tensor.factor;
    if (layout_.global >= 0) {
      const Tensor& part = tensor.parts[at(layout_.global)];
      double global = 0;
      reader.read_elements(part, part.num_elements > 1 ? expert : 0, {&global, 1});
      if (std::isnan(global)) refuse_scales(reader, part);
      factor = layout_.divide_global == 0 ? factor * global : factor / global;
    }
    if (layout_.scale < 0) {
      scales_.assign(at(rows_of(grid) * cols_of(grid)), factor);
      return;
    }
    const Tensor& part = tensor.parts[at(layout_.scale)];
    scales_ = on_grid(reader, part, expert, grid);
    for (double& scale : scales_) {
      if (std::isnan(scale)) refuse_scales(reader, part);
      scale = layout_.divide == 0 ? factor * scale : factor / scale;
    }
  }

  Values zeros(ElementReader& reader, const Tensor& part, std::int64_t expert,
               const Block& grid) const {
    const Packing& packing = layout_.zeros;
    if (packing.order == Order::plain) return on_grid(reader, part, expert, grid);
    const bool turned = layout_.zeros_transposed != 0;
    const Block stored =
        turned ? Block{grid.col_begin, grid.col_end, grid.row_begin, grid.row_end} : grid;
    const Codes codes = unpacked(reader, part, packing, expert, stored);
    const Values table = meanings(layout_.zero_meaning, packing.bits);
    const std::uint32_t mask = (std::uint32_t{1} << static_cast<unsigned>(packing.bits)) - 1U;
    Values values(codes.size());
    std::transform(codes.begin(), codes.end(), values.begin(), [&](std::uint8_t code) {
      return table[(code + static_cast<std::uint32_t>(layout_.zero_added)) & mask];
    });
    return turned ? transpose(values, rows_of(stored), cols_of(stored)) : values;
  }

  const CodesLayout& layout_;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
  std::int64_t row_first_ = 0;
  std::vector<std::int64_t> group_of_;
  Values scales_;
  Values zeros_;
  Values offsets_;
};

/// A block of one expert, whose rows count from its own first.
void read_expert(ElementReader& reader, const Tensor& tensor, const CodesLayout& layout,
                 std::int64_t expert, const Block& block, std::span<double> out) {
  const std::int64_t rows = rows_of(block);
  const std::int64_t cols = cols_of(block);
  const Tensor& part = tensor.parts[0];
  if (layout.codes.order == Order::plain) {
    const std::int64_t shift = expert * layout.rows;
    const Values values =
        rectangle(reader, part, layout.cols,
                  {shift + block.row_begin, shift + block.row_end, block.col_begin, block.col_end});
    std::copy(values.begin(), values.end(), out.begin());
  } else {
    const bool turned = layout.transposed != 0;
    const Block stored =
        turned ? Block{block.col_begin, block.col_end, block.row_begin, block.row_end} : block;
    const Codes codes = unpacked(reader, part, layout.codes, expert, stored);
    const Values table = meanings(layout.meaning, layout.codes.bits);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) {
        out[at(i * cols + j)] = table[codes[at(turned ? j * rows + i : i * cols + j)]];
      }
    }
  }
  const Groups groups(reader, tensor, layout, expert, block);
  Values columns;
  if (layout.column >= 0) {
    columns.resize(at(cols));
    reader.read_elements(tensor.parts[at(layout.column)], block.col_begin, columns);
  }
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::span<double> row = out.subspan(at(i * cols), at(cols));
    groups.apply(block.row_begin + i, block.col_begin, row);
    for (std::size_t j = 0; j < columns.size(); ++j) row[j] *= columns[j];
  }
}

/// A block of rows counted over all experts, in pieces.
void read_rows(ElementReader& reader, const Tensor& tensor, const CodesLayout& layout,
               const Block& block, std::span<double> out) {
  const std::int64_t cols = cols_of(block);
  // Words that run down a column are read once for all of a block's rows.
  const bool whole = layout.transposed != 0 || layout.codes.down != 0;
  const std::int64_t step =
      whole ? rows_of(block) : std::max<std::int64_t>(1, kPieceElements / cols);
  for (std::int64_t row = block.row_begin; row < block.row_end;) {
    const std::int64_t expert = row / layout.rows;
    const std::int64_t begin = row % layout.rows;
    const std::int64_t end = std::min({layout.rows, begin + block.row_end - row, begin + step});
    const std::size_t count = at((end - begin) * cols);
    read_expert(reader, tensor, layout, expert, {begin, end, block.col_begin, block.col_end},
                out.first(count));
    out = out.subspan(count);
    row += end - begin;
  }
}

}  // namespace

std::vector<std::int64_t> numbers_of(const CodesLayout& layout) {
  static_assert(std::is_trivially_copyable_v<CodesLayout>);
  static_assert(sizeof(CodesLayout) % sizeof(std::int64_t) == 0);
  std::vector<std::int64_t> numbers(sizeof(CodesLayout) / sizeof(std::int64_t));
  std::memcpy(numbers.data(), &layout, sizeof(CodesLayout));
  return numbers;
}

CodesLayout codes_layout(const std::vector<std::int64_t>& numbers) {
  require(numbers.size() == sizeof(CodesLayout) / sizeof(std::int64_t),
          "an encoding by codes does not have its parameters");
  CodesLayout layout;
  std::memcpy(static_cast<void*>(&layout), numbers.data(), sizeof(CodesLayout));
  return layout;
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
      return ceil_div(count, per_word);
  }
  return 0;
}

void read_codes(ElementReader& reader, const Tensor& tensor, const Block& block,
                std::span<double> out) {
  const CodesLayout layout = codes_layout(tensor.numbers);
  read_rows(reader, tensor, layout, block, out);
}

}  // namespace wishart::checkpoint
