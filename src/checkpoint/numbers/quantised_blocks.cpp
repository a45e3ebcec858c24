#include "numbers/quantised_blocks.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "wishart/core/error.hpp"

#include "numbers/gguf_types.hpp"

namespace wishart::checkpoint {
namespace {

using Values = std::vector<double>;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// The bits of a word of codes that was read as a number.
std::uint32_t word(double value) {
  return static_cast<std::uint32_t>(static_cast<std::int64_t>(value));
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
    case Encoding::bnb4:
      return read_bnb4(reader, tensor, block, out);
    case Encoding::gguf:
      return read_gguf(reader, tensor, block, out);
    case Encoding::plain:
    case Encoding::codes:
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
