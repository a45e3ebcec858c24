/// @file
/// Decoding: every code of the 8- and 16-bit types is compared with a second implementation of the
/// format's definition.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/decode.hpp"

#include "numbers/decode_loops.hpp"
#include "support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;

namespace {

template <class Code>
std::vector<double> decode_codes(Dtype dtype, const std::vector<Code>& codes) {
  std::vector<double> out(codes.size());
  decode(dtype, std::as_bytes(std::span(codes)), out);
  return out;
}

std::vector<std::uint8_t> all_8() {
  std::vector<std::uint8_t> codes(256);
  std::iota(codes.begin(), codes.end(), std::uint8_t{0});
  return codes;
}

std::vector<std::uint16_t> all_16() {
  std::vector<std::uint16_t> codes(65536);
  std::iota(codes.begin(), codes.end(), std::uint16_t{0});
  return codes;
}

/// Equal bit for bit; all NaNs count as equal.
bool same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

/// The formula of a small binary float with `e` exponent and `m` mantissa bits, no special codes.
double plain_value(unsigned code, int e, int m, int bias) {
  const int sign = (code >> static_cast<unsigned>(e + m)) & 1U ? -1 : 1;
  const int exponent =
      static_cast<int>((code >> static_cast<unsigned>(m)) & ((1U << static_cast<unsigned>(e)) - 1));
  const double mantissa = static_cast<double>(code & ((1U << static_cast<unsigned>(m)) - 1));
  const double fraction = std::ldexp(mantissa, -m);
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
  return std::copysign(magnitude, sign);
}

template <class Code, class Expected>
std::size_t count_wrong(Dtype dtype, const std::vector<Code>& codes, Expected&& expected) {
  const std::vector<double> values = decode_codes(dtype, codes);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < codes.size(); ++i)
    wrong += same(values[i], expected(codes[i])) ? 0U : 1U;
  return wrong;
}

constexpr double kInf = HUGE_VAL;

}  // namespace

TEST_CASE("F8_E4M3 has NaN at 0x7F and 0xFF and no infinity", "[checkpoint][decode]") {
  CHECK(count_wrong(Dtype::f8_e4m3, all_8(), [](unsigned code) {
          return (code & 0x7FU) == 0x7F ? NAN : plain_value(code, 4, 3, 7);
        }) == 0);
  CHECK(decode_codes<std::uint8_t>(Dtype::f8_e4m3, {0x7E, 0xFE, 0x01, 0x38}) ==
        std::vector<double>{448, -448, 0x1p-9, 1});
}

TEST_CASE("F8_E5M2 has the special values of IEEE", "[checkpoint][decode]") {
  CHECK(count_wrong(Dtype::f8_e5m2, all_8(), [](unsigned code) {
          if ((code & 0x7CU) != 0x7C) return plain_value(code, 5, 2, 15);
          if ((code & 0x03U) != 0) return static_cast<double>(NAN);
          return code < 0x80 ? kInf : -kInf;
        }) == 0);
  CHECK(decode_codes<std::uint8_t>(Dtype::f8_e5m2, {0x7B, 0x01, 0xFC, 0x3C}) ==
        std::vector<double>{57344, 0x1p-16, -kInf, 1});
}

TEST_CASE("the fnuz types have one NaN and no negative zero", "[checkpoint][decode]") {
  CHECK(count_wrong(Dtype::f8_e4m3fnuz, all_8(), [](unsigned code) {
          return code == 0x80 ? NAN : plain_value(code, 4, 3, 8);
        }) == 0);
  CHECK(count_wrong(Dtype::f8_e5m2fnuz, all_8(), [](unsigned code) {
          return code == 0x80 ? NAN : plain_value(code, 5, 2, 16);
        }) == 0);
  CHECK(decode_codes<std::uint8_t>(Dtype::f8_e4m3fnuz, {0x7F, 0x01}) ==
        std::vector<double>{240, 0x1p-10});
  CHECK(decode_codes<std::uint8_t>(Dtype::f8_e5m2fnuz, {0x7F, 0x01}) ==
        std::vector<double>{57344, 0x1p-17});
}

TEST_CASE("F16 is IEEE binary16", "[checkpoint][decode]") {
  CHECK(count_wrong(Dtype::f16, all_16(), [](unsigned code) {
          if ((code & 0x7C00U) != 0x7C00) return plain_value(code, 5, 10, 15);
          if ((code & 0x03FFU) != 0) return static_cast<double>(NAN);
          return code < 0x8000 ? kInf : -kInf;
        }) == 0);
  CHECK(decode_codes<std::uint16_t>(Dtype::f16, {0x7BFF, 0x0001, 0x03FF, 0x3C00, 0x3555}) ==
        std::vector<double>{65504, 0x1p-24, 1023 * 0x1p-24, 1, 0.333251953125});
}

TEST_CASE("BF16 is the upper half of an F32", "[checkpoint][decode]") {
  CHECK(count_wrong(Dtype::bf16, all_16(), [](unsigned code) {
          if ((code & 0x7F80U) != 0x7F80) return plain_value(code, 8, 7, 127);
          if ((code & 0x007FU) != 0) return static_cast<double>(NAN);
          return code < 0x8000 ? kInf : -kInf;
        }) == 0);
  CHECK(decode_codes<std::uint16_t>(Dtype::bf16, {0x3F80, 0x4049, 0x0001, 0xFF80}) ==
        std::vector<double>{1, 3.140625, 0x1p-133, -kInf});
}

TEST_CASE("F32 and F64 keep every value", "[checkpoint][decode]") {
  std::mt19937_64 random(20260501);
  std::vector<std::uint32_t> codes(10'000);
  for (std::uint32_t& code : codes) code = static_cast<std::uint32_t>(random());
  codes.insert(codes.end(), {0, 0x80000000U, 1, 0x007FFFFF, 0x7F800000, 0xFF800000, 0x7FC00001});
  CHECK(count_wrong(Dtype::f32, codes, [](std::uint32_t code) {
          return static_cast<double>(std::bit_cast<float>(code));
        }) == 0);
  std::vector<std::uint64_t> wide(10'000);
  for (std::uint64_t& code : wide) code = random();
  CHECK(count_wrong(Dtype::f64, wide,
                    [](std::uint64_t code) { return std::bit_cast<double>(code); }) == 0);
}

TEST_CASE("elements may start at any byte", "[checkpoint][decode]") {
  const std::vector<float> values{1.5F, -2.25F, 1e-30F};
  const std::string bytes = "x" + test::bytes_of(std::span(values));
  std::vector<double> out(3);
  decode(Dtype::f32, std::as_bytes(std::span(bytes)).subspan(1), out);
  CHECK(out == std::vector<double>{1.5, -2.25, static_cast<double>(1e-30F)});
}

TEST_CASE("every instruction set decodes every code to the same bits", "[checkpoint][decode]") {
  // No structured binding: lambdas cannot capture one before clang 16.
  const auto entry = GENERATE(table<Dtype, std::size_t>({
      {Dtype::bf16, 2},
      {Dtype::f16, 2},
      {Dtype::f32, 4},
      {Dtype::f64, 8},
      {Dtype::f8_e4m3, 1},
      {Dtype::f8_e5m2, 1},
      {Dtype::f8_e4m3fnuz, 1},
      {Dtype::f8_e5m2fnuz, 1},
  }));
  const Dtype dtype = std::get<0>(entry);
  const std::size_t bytes = std::get<1>(entry);
  const InstructionSet set = GENERATE(InstructionSet::avx2, InstructionSet::avx512);
  if (set > best_instruction_set()) return;
  CAPTURE(dtype_bits(dtype), static_cast<int>(set));
  // All codes of the 16-bit types in order, which include all 8-bit ones. For other types random
  // codes, some with exponents of all ones (both kinds of NaN).
  std::vector<std::uint16_t> codes = all_16();
  std::mt19937_64 random(5);
  if (bytes > 2) {
    for (std::uint16_t& code : codes) {
      code = static_cast<std::uint16_t>(random() % 4 == 0 ? random() | 0x7F80U : random());
    }
  }
  const std::span<const std::byte> raw = std::as_bytes(std::span(codes));
  const auto wrong = [&](std::size_t begin_bytes, std::size_t count) {
    const std::span<const std::byte> part = raw.subspan(begin_bytes, count * bytes);
    // At any distance from a cache line, with guard elements at both ends.
    const std::size_t lead = 1 + begin_bytes % 8;
    std::vector<double> portable(lead + count + 1, -1);
    std::vector<double> vectors = portable;
    decode_with(InstructionSet::portable, dtype, part, std::span(portable).subspan(lead, count));
    decode_with(set, dtype, part, std::span(vectors).subspan(lead, count));
    // Also in place, from the end of the output.
    std::vector<double> in_place(lead + count + 1, -1);
    const std::span<double> middle = std::span(in_place).subspan(lead, count);
    const std::span<std::byte> end = std::as_writable_bytes(middle).last(part.size());
    std::copy(part.begin(), part.end(), end.begin());
    decode_with(begin_bytes % 2 == 0 ? set : InstructionSet::portable, dtype, end, middle);
    return std::memcmp(portable.data(), in_place.data(), portable.size() * sizeof(double)) != 0 ||
           std::memcmp(portable.data(), vectors.data(), portable.size() * sizeof(double)) != 0 ||
           std::count(vectors.begin(), vectors.begin() + static_cast<std::ptrdiff_t>(lead), -1.0) !=
               static_cast<std::ptrdiff_t>(lead) ||
           vectors.back() != -1;
  };
  CHECK_FALSE(wrong(0, raw.size() / bytes));
  std::size_t num_wrong = 0;
  for (std::size_t begin = 0; begin < 16; ++begin) {
    for (std::size_t count = 0; count < 70; ++count) num_wrong += wrong(begin, count) ? 1U : 0U;
  }
  CHECK(num_wrong == 0);
}

TEST_CASE("a signalling NaN stays a NaN in vectors and in the remainder", "[checkpoint][decode]") {
  for (const InstructionSet set : {InstructionSet::portable, best_instruction_set()}) {
    for (const auto& [dtype, code] :
         {std::pair{Dtype::bf16, 0x7F81U}, std::pair{Dtype::bf16, 0xFF81U},
          std::pair{Dtype::f16, 0x7C01U}, std::pair{Dtype::f16, 0xFC01U}}) {
      const std::vector<std::uint16_t> codes(21, static_cast<std::uint16_t>(code));
      std::vector<double> out(codes.size());
      decode_with(set, dtype, std::as_bytes(std::span(codes)), out);
      CHECK(std::all_of(out.begin(), out.end(), [](double value) { return std::isnan(value); }));
    }
  }
}

TEST_CASE("nothing decodes to nothing", "[checkpoint][decode]") {
  CHECK(test::error_of([] { decode(Dtype::f64, {}, {}); }) == "nothing was thrown");
}

TEST_CASE("decode refuses other types and lengths that do not match", "[checkpoint][decode]") {
  const std::vector<std::byte> raw(8);
  std::vector<double> out(4);
  CHECK(test::error_of([&] { decode(Dtype::f6_e2m3, raw, out); }, Blame::bug) ==
        "elements of this dtype cannot be converted to numbers. This is a bug in wishart");
  CHECK(test::error_of([&] { decode(Dtype::f32, raw, out); }, Blame::bug) ==
        "the input and the output must have the same number of elements. This is a bug in "
        "wishart");
}
