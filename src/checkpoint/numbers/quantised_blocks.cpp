#include "numbers/quantised_blocks.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "wishart/core/error.hpp"

#include "numbers/encodings.hpp"
#include "numbers/gguf_types.hpp"

namespace wishart::checkpoint {
namespace {

using Values = std::vector<double>;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// The bits of a word of codes that was read as a number.
std::uint32_t word(double value) {
  return static_cast<std::uint32_t>(static_cast<std::int64_t>(value));
}

/// The `bits` bits of a word starting at bit `bits` * `place`.
std::int64_t code_of(double value, std::int64_t bits, std::int64_t place) {
  return (word(value) >> static_cast<unsigned>(bits * place)) &
         ((1U << static_cast<unsigned>(bits)) - 1U);
}

/// Elements [first, last) of a part.
Values elements(ElementReader& reader, const Tensor& part, std::int64_t first, std::int64_t last) {
  Values values(at(last - first));
  reader.read_elements(part, first, values);
  return values;
}

/// A rectangle of a part.
struct Rectangle {
  Block block;
  Values values;

  Rectangle(ElementReader& reader, const Tensor& part, const Block& which)
      : block(which),
        values(at((which.row_end - which.row_begin) * (which.col_end - which.col_begin))) {
    reader.read_rectangle(part, which, values);
  }
  [[nodiscard]] double operator()(std::int64_t row, std::int64_t col) const {
    return values[at((row - block.row_begin) * (block.col_end - block.col_begin) + col -
                     block.col_begin)];
  }
};

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// DeepSeek-V3, README_WEIGHTS.md, and the schemes with a scale per row or per tensor.
void read_scaled(ElementReader& reader, const Tensor& tensor, const Block& block,
                 std::span<double> out) {
  const std::int64_t block_rows = tensor.numbers[0];
  const std::int64_t block_cols = tensor.numbers[1];
  const std::int64_t height = tensor.shape.size() < 2 ? 1 : tensor.shape[tensor.shape.size() - 2];
  const std::int64_t scale_rows = ceil_div(height, block_rows);
  const std::int64_t scale_cols = ceil_div(tensor.shape.back(), block_cols);
  reader.read_rectangle(tensor.parts[0], block, out);
  const std::int64_t first = block.col_begin / block_cols;
  const std::int64_t last = (block.col_end - 1) / block_cols + 1;
  std::int64_t held = -1;
  Values scales;
  double* to = out.data();
  for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
    const std::int64_t scale_row = i / height * scale_rows + i % height / block_rows;
    if (scale_row != held) {
      const std::int64_t begin = scale_row * scale_cols;
      scales = elements(reader, tensor.parts[1], begin + first, begin + last);
      held = scale_row;
    }
    for (std::int64_t j = block.col_begin; j < block.col_end;) {
      const std::int64_t group = j / block_cols;
      const double scale = tensor.factor * scales[at(group - first)];
      const std::int64_t end = std::min(block.col_end, (group + 1) * block_cols);
      for (; j < end; ++j) *to++ *= scale;
    }
  }
}

/// gpt-oss (openai/gpt-oss, weights.py) and NVFP4: the low half of a byte comes first.
void read_fp4(ElementReader& reader, const Tensor& tensor, const Block& block,
              std::span<double> out) {
  const std::int64_t group = tensor.numbers[0];
  const std::int64_t width = tensor.shape.back();
  double factor = tensor.factor;
  if (tensor.numbers[1] != 0) {
    const double global = elements(reader, tensor.parts[2], 0, 1).front();
    factor = tensor.numbers[1] == 1 ? factor * global : factor / global;
  }
  double* to = out.data();
  for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
    const std::int64_t first = i * width + block.col_begin;
    const std::int64_t last = i * width + block.col_end;
    const Values bytes = elements(reader, tensor.parts[0], first / 2, (last + 1) / 2);
    const Values scales = elements(reader, tensor.parts[1], first / group, (last - 1) / group + 1);
    for (std::int64_t e = first; e < last; ++e) {
      const std::uint32_t byte = word(bytes[at(e / 2 - first / 2)]);
      const double scale = factor * scales[at(e / group - first / group)];
      *to++ = scale * fp4_value((e % 2 == 0 ? byte : byte >> 4U) & 15U);
    }
  }
}

/// compressed-tensors, pack_quantized.py: code - 2^(b-1), both of values and of zero points.
void read_packed_int(ElementReader& reader, const Tensor& tensor, const Block& block,
                     std::span<double> out) {
  const std::int64_t bits = tensor.numbers[0];
  const std::int64_t group = tensor.numbers[1];
  const bool has_zeros = tensor.numbers[2] != 0;
  const bool has_groups = tensor.numbers[3] != 0;
  const std::int64_t per_word = 32 / bits;
  const std::int64_t groups = tensor.parts[1].shape.back();
  const Rectangle words(reader, tensor.parts[0],
                        {block.row_begin, block.row_end, block.col_begin / per_word,
                         (block.col_end - 1) / per_word + 1});
  const Rectangle scales(reader, tensor.parts[1], {block.row_begin, block.row_end, 0, groups});
  Values zeros;
  const std::int64_t zero_first = block.row_begin / per_word;
  if (has_zeros) {
    zeros = elements(reader, tensor.parts[2], zero_first * groups,
                     ((block.row_end - 1) / per_word + 1) * groups);
  }
  Values group_of;
  if (has_groups) {
    group_of = elements(reader, tensor.parts[has_zeros ? 3 : 2], block.col_begin, block.col_end);
  }
  const std::int64_t middle = std::int64_t{1} << (bits - 1);
  double* to = out.data();
  for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
    for (std::int64_t j = block.col_begin; j < block.col_end; ++j) {
      std::int64_t g =
          has_groups ? static_cast<std::int64_t>(group_of[at(j - block.col_begin)]) : -1;
      if (g < 0) g = j / group;  // also for the file's -1, which means no reordering
      g = std::clamp<std::int64_t>(g, 0, groups - 1);
      std::int64_t zero = 0;
      if (has_zeros) {
        zero = code_of(zeros[at((i / per_word - zero_first) * groups + g)], bits, i % per_word) -
               middle;
      }
      const std::int64_t code = code_of(words(i, j / per_word), bits, j % per_word) - middle;
      *to++ = static_cast<double>(code - zero) * scales(i, g);
    }
  }
}

/// AutoGPTQ, qlinear_cuda_old.py. Row i of the weight is an output, column j an input.
void read_gptq(ElementReader& reader, const Tensor& tensor, const Block& block,
               std::span<double> out) {
  const std::int64_t bits = tensor.numbers[0];
  const std::int64_t group = tensor.numbers[1];
  const std::int64_t added = tensor.numbers[2];
  const std::int64_t per_word = 32 / bits;
  const std::int64_t mask = (std::int64_t{1} << bits) - 1;
  const std::int64_t groups = tensor.parts[2].shape.front();
  const Rectangle words(reader, tensor.parts[0],
                        {block.col_begin / per_word, (block.col_end - 1) / per_word + 1,
                         block.row_begin, block.row_end});
  const Rectangle zeros(
      reader, tensor.parts[1],
      {0, groups, block.row_begin / per_word, (block.row_end - 1) / per_word + 1});
  const Rectangle scales(reader, tensor.parts[2], {0, groups, block.row_begin, block.row_end});
  Values group_of;
  if (tensor.numbers[3] != 0) {
    group_of = elements(reader, tensor.parts[3], block.col_begin, block.col_end);
  }
  double* to = out.data();
  for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
    for (std::int64_t j = block.col_begin; j < block.col_end; ++j) {
      std::int64_t g = group_of.empty()
                           ? j / group
                           : static_cast<std::int64_t>(group_of[at(j - block.col_begin)]);
      g = std::clamp<std::int64_t>(g, 0, groups - 1);
      const std::int64_t zero =
          (code_of(zeros(g, i / per_word), bits, i % per_word) + added) & mask;
      const std::int64_t code = code_of(words(j / per_word, i), bits, j % per_word);
      *to++ = scales(g, i) * static_cast<double>(code - zero);
    }
  }
}

/// AutoAWQ, packing_utils.py: eight outputs a word, in the order 0 2 4 6 1 3 5 7.
void read_awq(ElementReader& reader, const Tensor& tensor, const Block& block,
              std::span<double> out) {
  constexpr std::array<std::int64_t, 8> kPlace{0, 4, 1, 5, 2, 6, 3, 7};
  const std::int64_t group = tensor.numbers[0];
  const std::int64_t word_begin = block.row_begin / 8;
  const std::int64_t word_end = (block.row_end - 1) / 8 + 1;
  const std::int64_t group_begin = block.col_begin / group;
  const std::int64_t group_end = (block.col_end - 1) / group + 1;
  const Rectangle words(reader, tensor.parts[0],
                        {block.col_begin, block.col_end, word_begin, word_end});
  const Rectangle zeros(reader, tensor.parts[1], {group_begin, group_end, word_begin, word_end});
  const Rectangle scales(reader, tensor.parts[2],
                         {group_begin, group_end, block.row_begin, block.row_end});
  double* to = out.data();
  for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
    const std::int64_t place = kPlace[at(i % 8)];
    for (std::int64_t j = block.col_begin; j < block.col_end; ++j) {
      const std::int64_t code = code_of(words(j, i / 8), 4, place);
      const std::int64_t zero = code_of(zeros(j / group, i / 8), 4, place);
      *to++ = scales(j / group, i) * static_cast<double>(code - zero);
    }
  }
}

/// bitsandbytes, functional.py: the high half of a byte comes first; absmax may be quantised too.
void read_bnb4(ElementReader& reader, const Tensor& tensor, const Block& block,
               std::span<double> out) {
  const std::int64_t run = tensor.numbers[0];
  const std::int64_t nested = tensor.numbers[1];
  const std::int64_t width = tensor.shape.back();
  const Values map = elements(reader, tensor.parts[2], 0, 16);
  Values nested_map;
  if (nested > 0) nested_map = elements(reader, tensor.parts[4], 0, 256);
  double* to = out.data();
  for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
    const std::int64_t first = i * width + block.col_begin;
    const std::int64_t last = i * width + block.col_end;
    const Values bytes = elements(reader, tensor.parts[0], first / 2, (last + 1) / 2);
    const std::int64_t run_first = first / run;
    const std::int64_t run_last = (last - 1) / run + 1;
    Values absmax = elements(reader, tensor.parts[1], run_first, run_last);
    if (nested > 0) {
      const Values outer =
          elements(reader, tensor.parts[3], run_first / nested, (run_last - 1) / nested + 1);
      for (std::int64_t r = run_first; r < run_last; ++r) {
        double& value = absmax[at(r - run_first)];
        value = nested_map[word(value) & 255U] * outer[at(r / nested - run_first / nested)] +
                tensor.factor;
      }
    }
    for (std::int64_t e = first; e < last; ++e) {
      const std::uint32_t byte = word(bytes[at(e / 2 - first / 2)]);
      *to++ = map[(e % 2 == 0 ? byte >> 4U : byte) & 15U] * absmax[at(e / run - run_first)];
    }
  }
}

/// Rows of whole blocks, each block with its scales in it.
void read_gguf(ElementReader& reader, const Tensor& tensor, const Block& block,
               std::span<double> out) {
  const GgufType* type = gguf_type(tensor.numbers[0]);
  require(type != nullptr, "a tensor has an unknown GGUF type");
  const std::int64_t first = block.col_begin / type->block_elements;
  const std::int64_t last = (block.col_end - 1) / type->block_elements + 1;
  const Rectangle stored(
      reader, tensor.parts[0],
      {block.row_begin, block.row_end, first * type->block_bytes, last * type->block_bytes});
  std::vector<std::uint8_t> bytes(at(type->block_bytes));
  Values values(at(type->block_elements));
  const double* from = stored.values.data();
  double* to = out.data();
  for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
    for (std::int64_t b = first; b < last; ++b, from += type->block_bytes) {
      std::transform(from, from + type->block_bytes, bytes.begin(),
                     [](double byte) { return static_cast<std::uint8_t>(byte); });
      decode_gguf_block(*type, bytes, values);
      const std::int64_t begin = b * type->block_elements;
      const std::int64_t col_begin = std::max(block.col_begin, begin);
      const std::int64_t col_end = std::min(block.col_end, begin + type->block_elements);
      to = std::copy(values.data() + (col_begin - begin), values.data() + (col_end - begin), to);
    }
  }
}

}  // namespace

void read_quantised(ElementReader& reader, const Tensor& tensor, const Block& block,
                    std::span<double> out) {
  if (out.empty()) return;
  switch (tensor.encoding) {
    case Encoding::scaled:
      return read_scaled(reader, tensor, block, out);
    case Encoding::fp4:
      return read_fp4(reader, tensor, block, out);
    case Encoding::packed_int:
      return read_packed_int(reader, tensor, block, out);
    case Encoding::gptq:
      return read_gptq(reader, tensor, block, out);
    case Encoding::awq:
      return read_awq(reader, tensor, block, out);
    case Encoding::bnb4:
      return read_bnb4(reader, tensor, block, out);
    case Encoding::gguf:
      return read_gguf(reader, tensor, block, out);
    case Encoding::plain:
    case Encoding::product:
    case Encoding::sum:
    case Encoding::rescaled_rows:
    case Encoding::rows:
    case Encoding::varint:
    case Encoding::affine:
    case Encoding::view:
      break;
  }
  require(false, "a tensor has an encoding without a reader");
}

}  // namespace wishart::checkpoint
