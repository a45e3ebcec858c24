/// @file
/// Codes in words: read as bytes or through numbers, with every instruction set, in any block, they
/// are the same.

#include <algorithm>
#include <cstring>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/decode.hpp"

#include "numbers/codes.hpp"
#include "numbers/decode_loops.hpp"
#include "numbers/encodings.hpp"
#include "quantised_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;

namespace {

/// Parts in memory. Bytes as they are stored are given out only if `stored`.
class PartsReader final : public ElementReader {
public:
  explicit PartsReader(bool stored) : stored_(stored) {}

  Tensor add(const std::string& name, Dtype dtype, std::vector<std::int64_t> shape,
             const std::string& bytes) {
    Tensor tensor = encoded_tensor(name, std::move(shape), Encoding::plain, {}, {}, "");
    tensor.dtype = dtype;
    bytes_[name] = bytes;
    return tensor;
  }
  void read_elements(const Tensor& tensor, std::int64_t first, std::span<double> out) override {
    const std::int64_t size = dtype_bits(tensor.dtype) / 8;
    decode(tensor.dtype,
           std::as_bytes(std::span(bytes_.at(tensor.name)))
               .subspan(static_cast<std::size_t>(first * size),
                        out.size() * static_cast<std::size_t>(size)),
           out);
  }
  bool read_stored(const Tensor& tensor, std::int64_t width, const Block& block,
                   std::span<std::byte> out) override {
    if (!stored_) return false;
    const std::int64_t size = dtype_bits(tensor.dtype) / 8;
    const std::int64_t row_bytes = (block.col_end - block.col_begin) * size;
    std::byte* to = out.data();
    for (std::int64_t i = block.row_begin; i < block.row_end; ++i, to += row_bytes) {
      std::memcpy(to, bytes_.at(tensor.name).data() + (i * width + block.col_begin) * size,
                  static_cast<std::size_t>(row_bytes));
    }
    return true;
  }

private:
  bool stored_;
  std::map<std::string, std::string> bytes_;
};

constexpr std::int64_t kRows = 6;
constexpr std::int64_t kCols = 96;

/// A weight of kRows x kCols with scales of `group` columns, from the same random bytes each time.
Tensor weight_of(PartsReader& reader, const Packing& packing, Meaning meaning, Dtype words,
                 std::int64_t group, bool zeros) {
  std::mt19937 random(17);
  CodesLayout layout;
  layout.codes = packing;
  layout.codes.word_rows = packing.down == 0 ? kRows : words_for(packing, kRows);
  layout.codes.word_cols = packing.down == 0 ? words_for(packing, kCols) : kCols;
  if (packing.order == Order::split) {
    layout.codes.word_rows = words_for(packing, kRows);
    layout.codes.word_cols = kCols;
  }
  layout.meaning = meaning;
  layout.rows = kRows;
  layout.cols = kCols;
  layout.block_cols = group;
  layout.groups = (kCols + group - 1) / group;
  layout.scale = 1;
  const std::int64_t count = layout.codes.word_rows * layout.codes.word_cols;
  std::vector<Tensor> parts;
  parts.push_back(reader.add("codes", words, {layout.codes.word_rows, layout.codes.word_cols},
                             test::random_bytes(count * dtype_bits(words) / 8, random)));
  parts.push_back(reader.add("scales", Dtype::f32, {kRows, layout.groups},
                             test::scale_bytes(Dtype::f32, kRows * layout.groups, random)));
  if (zeros) {
    layout.zero = 2;
    parts.push_back(reader.add("zeros", Dtype::f32, {kRows, layout.groups},
                               test::scale_bytes(Dtype::f32, kRows * layout.groups, random)));
  }
  return encoded_tensor("w", {kRows, kCols}, Encoding::codes, std::move(parts), numbers_of(layout),
                        "codes");
}

std::vector<double> block_of(PartsReader& reader, const Tensor& weight, const Block& block) {
  std::vector<double> values(static_cast<std::size_t>((block.row_end - block.row_begin) *
                                                      (block.col_end - block.col_begin)));
  read_encoded(reader, weight, block, values);
  return values;
}

bool same_bits(std::span<const double> a, std::span<const double> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

/// Blocks whose values are not those of single elements, which are read through numbers.
int wrong_blocks(const Packing& packing, Meaning meaning, Dtype words, std::int64_t group,
                 bool zeros) {
  PartsReader bytes(true);
  PartsReader numbers(false);
  const Tensor weight = weight_of(bytes, packing, meaning, words, group, zeros);
  const Tensor same = weight_of(numbers, packing, meaning, words, group, zeros);
  std::vector<double> all;
  for (std::int64_t i = 0; i < kRows; ++i) {
    for (std::int64_t j = 0; j < kCols; ++j) {
      all.push_back(block_of(numbers, same, {i, i + 1, j, j + 1})[0]);
    }
  }
  int wrong = 0;
  for (const Block& block : {Block{0, kRows, 0, kCols}, Block{1, 5, 1, 95}, Block{2, 3, 32, 64},
                             Block{0, 2, 7, 20}, Block{5, 6, 88, 96}, Block{3, 4, 94, 96}}) {
    std::vector<double> expected;
    for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
      const auto row = all.begin() + i * kCols;
      expected.insert(expected.end(), row + block.col_begin, row + block.col_end);
    }
    wrong += same_bits(block_of(bytes, weight, block), expected) ? 0 : 1;
    wrong += same_bits(block_of(numbers, same, block), expected) ? 0 : 1;
  }
  return wrong;
}

}  // namespace

TEST_CASE("any block of codes in words has the bits of its elements", "[quantised][words]") {
  struct Case {
    Order order;
    std::int64_t bits;
    std::int64_t down;
    Dtype words;
  };
  std::vector<Case> cases{{Order::awq, 4, 0, Dtype::i32}, {Order::split, 2, 1, Dtype::u8}};
  for (const std::int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8}) {
    for (const std::int64_t down : {0, 1}) {
      cases.push_back({Order::stream, bits, down, Dtype::u8});
      cases.push_back({Order::stream, bits, down, Dtype::u32});
      cases.push_back({Order::words, bits, down, Dtype::i32});
      cases.push_back({Order::planar, bits == 1 ? 2 : bits, down, Dtype::i32});
    }
  }
  for (const Case& one : cases) {
    for (const std::int64_t group : {16, 32, 24, 96, 128}) {
      for (const bool zeros : {false, true}) {
        const Packing packing{one.order, one.bits, dtype_bits(one.words), one.down};
        CAPTURE(static_cast<int>(one.order), one.bits, one.down, dtype_bits(one.words), group,
                zeros);
        CHECK(wrong_blocks(packing, Meaning::centred, one.words, group, zeros) == 0);
      }
    }
  }
  // Fewer zeros than others: -0 of FP4, NaN of F8_E4M3.
  for (const Dtype words : {Dtype::u8, Dtype::u32, Dtype::i8}) {
    CHECK(wrong_blocks({Order::stream, 4, dtype_bits(words), 0}, Meaning::fp4, words, 32, false) ==
          0);
    CHECK(wrong_blocks({Order::stream, 8, dtype_bits(words), 0}, Meaning::f8_e4m3, words, 32,
                       false) == 0);
  }
}

TEST_CASE("any block of codes that are elements has the bits of its elements",
          "[quantised][words]") {
  for (const Dtype type : {Dtype::f8_e4m3, Dtype::f8_e5m2, Dtype::f8_e4m3fnuz, Dtype::i8}) {
    for (const std::int64_t group : {1, 32, 33, 96, 128}) {
      for (const bool zeros : {false, true}) {
        CAPTURE(dtype_name(type), group, zeros);
        CHECK(wrong_blocks({Order::plain, 8, 8, 0}, Meaning::number, type, group, zeros) == 0);
      }
    }
  }
}

TEST_CASE("codes of a stream lie lowest bits first", "[quantised][words]") {
  for (const std::int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8}) {
    for (const Dtype words : {Dtype::u8, Dtype::u32}) {
      PartsReader reader(true);
      const Tensor weight = weight_of(reader, {Order::stream, bits, dtype_bits(words), 0},
                                      Meaning::natural, words, 32, false);
      std::mt19937 random(17);
      const std::int64_t row_bytes =
          words_for({Order::stream, bits, dtype_bits(words), 0}, kCols) * dtype_bits(words) / 8;
      const std::string codes = test::random_bytes(kRows * row_bytes, random);
      const std::string scales = test::scale_bytes(Dtype::f32, kRows * 3, random);
      const std::vector<double> values = block_of(reader, weight, {0, kRows, 0, kCols});
      int wrong = 0;
      for (std::int64_t i = 0; i < kRows; ++i) {
        for (std::int64_t j = 0; j < kCols; ++j) {
          float scale = 0;
          std::memcpy(&scale, scales.data() + 4 * (i * 3 + j / 32), 4);
          const unsigned code = test::bits_at(codes, i * row_bytes * 8 + j * bits, bits);
          const double expected = static_cast<double>(code) * static_cast<double>(scale);
          wrong += values[static_cast<std::size_t>(i * kCols + j)] == expected ? 0 : 1;
        }
      }
      CAPTURE(bits, dtype_bits(words));
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("every instruction set scales and looks up to the same bits", "[quantised][words]") {
  const InstructionSet set = GENERATE(InstructionSet::avx2, InstructionSet::avx512);
  if (set > best_instruction_set()) return;
  std::mt19937 random(3);
  const std::string bytes = test::random_bytes(1024, random);
  const auto raw = std::as_bytes(std::span(bytes));
  int wrong = 0;
  for (const Dtype dtype : {Dtype::f8_e4m3, Dtype::f8_e5m2, Dtype::f8_e4m3fnuz, Dtype::f8_e5m2fnuz,
                            Dtype::bf16, Dtype::f16, Dtype::f32}) {
    for (std::size_t begin = 0; begin < 9; ++begin) {
      for (std::size_t count = 0; count < 70; ++count) {
        const auto size = count * static_cast<std::size_t>(dtype_bits(dtype) / 8);
        std::vector<double> apart(count + begin + 1, -1);
        std::vector<double> at_once = apart;
        const auto to = std::span(apart).subspan(begin, count);
        decode_with(InstructionSet::portable, dtype, raw.subspan(begin, size), to);
        for (double& value : to) value *= 0.3;
        decode_scaled(set, dtype, raw.subspan(begin, size), 0.3,
                      std::span(at_once).subspan(begin, count));
        wrong += same_bits(apart, at_once) ? 0 : 1;
      }
    }
  }
  CHECK(wrong == 0);

  std::array<float, 16> table{};
  for (std::size_t code = 0; code < 16; ++code) {
    table[code] = static_cast<float>(fp4_value(static_cast<unsigned>(code)));
  }
  for (std::size_t count = 0; count < 70; ++count) {
    std::vector<double> found(count + 1, -1);
    const std::size_t done =
        look_up_vectors(set, raw.data() + count, table, 0.3, std::span(found).first(count));
    CHECK(done == count / 8 * 8);
    for (std::size_t k = 0; k < done; ++k) {
      const auto byte = static_cast<unsigned>(raw[count + k / 2]);
      const double expected = fp4_value(k % 2 == 0 ? byte & 15U : byte >> 4U) * 0.3;
      if (std::memcmp(&expected, &found[k], sizeof(double)) != 0) ++wrong;
    }
    CHECK(found[done] == -1);
  }
  CHECK(wrong == 0);
  CHECK(look_up_vectors(InstructionSet::portable, raw.data(), table, 1, {}) == 0);
}

TEST_CASE("elements of short scales are short floats times one number", "[codes]") {
  const Tensor plain8 = encoded_tensor("p", {2, 2}, Encoding::plain, {}, {}, "");
  const auto part = [&](Dtype dtype, std::int64_t elements = 4) {
    Tensor tensor = plain8;
    tensor.dtype = dtype;
    tensor.num_elements = elements;
    return tensor;
  };
  CodesLayout layout;
  layout.codes.bits = 4;
  layout.meaning = Meaning::fp4;
  layout.scale = 1;
  const auto bits_of = [&](Dtype codes, Dtype scale) {
    return short_scale_bits(layout, {part(codes), part(scale)});
  };
  CHECK(bits_of(Dtype::u8, Dtype::f8_e8m0) == 0);
  CHECK(bits_of(Dtype::u8, Dtype::f8_e4m3) == 4);
  CHECK(bits_of(Dtype::u8, Dtype::bf16) == 8);
  CHECK(bits_of(Dtype::i32, Dtype::f16) == 11);
  CHECK(bits_of(Dtype::u8, Dtype::f32) == -1);
  CHECK(bits_of(Dtype::f8_e4m3, Dtype::f8_e8m0) == 0);
  CHECK(bits_of(Dtype::f8_e4m3, Dtype::bf16) == -1);
  CHECK(bits_of(Dtype::f32, Dtype::f8_e8m0) == -1);
  // A code of 8 bits and a scale of 11 are more than 16 bits together.
  layout.codes.bits = 8;
  CHECK(bits_of(Dtype::i8, Dtype::f16) == -1);
  CHECK(bits_of(Dtype::i8, Dtype::bf16) == 8);
  layout.codes.bits = 4;
  // Zero points are integers, offsets and divisors are nothing short, and one number is for all.
  layout.zero = 2;
  CHECK(short_scale_bits(layout, {part(Dtype::u8), part(Dtype::f16), part(Dtype::i32)}) == 11);
  CHECK(short_scale_bits(layout, {part(Dtype::u8), part(Dtype::f16), part(Dtype::f16)}) == -1);
  layout.zero = -1;
  layout.global = 2;
  const std::vector<Tensor> three{part(Dtype::u8), part(Dtype::f8_e4m3), part(Dtype::f32, 1)};
  CHECK(short_scale_bits(layout, three) == 4);
  CHECK(short_scale_bits(layout, {three[0], three[1], part(Dtype::f32, 3)}) == -1);
  layout.divide_global = 1;
  CHECK(short_scale_bits(layout, three) == -1);
  layout.divide_global = 0;
  layout.divide = 1;
  CHECK(short_scale_bits(layout, three) == -1);
  layout.divide = 0;
  layout.offset = 2;
  CHECK(short_scale_bits(layout, three) == -1);
}

TEST_CASE("NVFP4 divided by its unit needs no more than eight bits", "[codes]") {
  PartsReader reader(true);
  std::mt19937 random(5);
  CodesLayout layout;
  layout.codes = {Order::stream, 4, 8, 0, kRows, kCols / 2};
  layout.meaning = Meaning::fp4;
  layout.rows = kRows;
  layout.cols = kCols;
  layout.block_cols = 16;
  layout.groups = kCols / 16;
  layout.scale = 1;
  layout.global = 2;
  std::string scales(static_cast<std::size_t>(kRows * layout.groups), '\0');
  for (char& scale : scales) scale = static_cast<char>(random() % 0x7EU);  // no NaN
  const float global = 0.00123F;
  std::string global_bytes(sizeof(global), '\0');
  std::memcpy(global_bytes.data(), &global, sizeof(global));
  std::vector<Tensor> parts;
  parts.push_back(reader.add("codes", Dtype::u8, {kRows, kCols / 2},
                             test::random_bytes(kRows * kCols / 2, random)));
  parts.push_back(reader.add("scales", Dtype::f8_e4m3, {kRows, layout.groups}, scales));
  parts.push_back(reader.add("global", Dtype::f32, {1}, global_bytes));
  Tensor weight = encoded_tensor("w", {kRows, kCols}, Encoding::codes, std::move(parts),
                                 numbers_of(layout), "NVFP4");
  weight.factor = 0.5;
  REQUIRE(weight.scale_bits == 4);
  const double unit = unit_of(reader, weight);
  CHECK(unit == 0.5 * static_cast<double>(global));
  const Tensor rows = encoded_tensor("r", {2, kCols}, Encoding::rows, {weight}, {1, 2, 2}, "");
  CHECK(unit_of(reader, rows) == unit);
  std::vector<double> too_long;
  for (const double value : block_of(reader, weight, {0, kRows, 0, kCols})) {
    const double part = value / unit * 0x1p14;  // 2^-9 is the least scale, 1/8 of it its last bit
    int exponent = 0;
    const double fraction = std::frexp(part, &exponent) * 256;
    if (part != std::trunc(part) || fraction != std::trunc(fraction)) too_long.push_back(value);
  }
  CAPTURE(weight.name, unit);
  CHECK(too_long == std::vector<double>{});
}
