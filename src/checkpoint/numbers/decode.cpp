#include "wishart/checkpoint/decode.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "wishart/core/error.hpp"

#include "numbers/decode_loops.hpp"
#include "numbers/format8.hpp"

namespace wishart::checkpoint {
namespace {

/// An element at any address. Compiles to a single load.
template <class T>
T load(const std::byte* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

float from_bf16(std::uint16_t code) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(code) << 16U);
}

/// Converts IEEE binary16 without branches, so that loops vectorise.
float from_f16(std::uint16_t code) noexcept {
  constexpr std::uint32_t kRebias = 112U << 23U;  // 127 - 15, at the exponent of a float
  // Conditions as masks of all ones or zeros, because the compiler would turn `?:` on floats into
  // branches.
  const auto mask = [](bool condition) { return std::uint32_t{0} - std::uint32_t{condition}; };
  const std::uint32_t magnitude = code & 0x7FFFU;
  // Exponent 31 means infinity or NaN. Applying the same step again turns it into 255.
  const std::uint32_t normal =
      (magnitude << 13U) + kRebias + (kRebias & mask(magnitude >= 0x7C00U));
  // A subnormal is magnitude * 2^-24, and 2^-24 is the last place of floats in [0.5, 1).
  const float subnormal = std::bit_cast<float>(magnitude + (126U << 23U)) - 0.5F;
  const std::uint32_t small = mask(magnitude < 0x400U);
  const std::uint32_t bits = (std::bit_cast<std::uint32_t>(subnormal) & small) | (normal & ~small);
  return std::bit_cast<float>(bits | (static_cast<std::uint32_t>(code & 0x8000U) << 16U));
}

constexpr double power_of_two(int exponent) {
  double value = 1;
  for (; exponent > 0; --exponent) value *= 2;
  for (; exponent < 0; ++exponent) value /= 2;
  return value;
}

constexpr double value_of(Format8 format, int code) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const int steps = 1 << format.mantissa_bits;
  const int exponent = (code & 0x7F) / steps;
  const int mantissa = code & (steps - 1);
  const double sign = code >= 0x80 ? -1 : 1;
  switch (format.special) {
    case Format8::Special::all_ones_nan:
      if ((code & 0x7F) == 0x7F) return kNaN;
      break;
    case Format8::Special::ieee:
      if (exponent == 0x7F / steps) return mantissa == 0 ? sign * kInfinity : kNaN;
      break;
    case Format8::Special::fnuz:
      if (code == 0x80) return kNaN;
      break;
  }
  const double last_place = power_of_two((exponent == 0 ? 1 : exponent) - format.bias) / steps;
  return sign * last_place * (exponent == 0 ? mantissa : steps + mantissa);
}

constexpr std::array<double, 256> table_of(Format8 format) {
  std::array<double, 256> table{};
  for (int code = 0; code < 256; ++code) {
    table[static_cast<std::size_t>(code)] = value_of(format, code);
  }
  return table;
}

/// Powers of two: 2^(code - 127), and NaN for 0xFF (OCP Microscaling Formats, 5.4.1).
constexpr std::array<double, 256> scale_table() {
  std::array<double, 256> table{};
  for (int code = 0; code < 255; ++code) {
    table[static_cast<std::size_t>(code)] = power_of_two(code - 127);
  }
  table[255] = std::numeric_limits<double>::quiet_NaN();
  return table;
}

template <class T, class Convert>
void convert_all(const std::byte* raw, std::span<double> out, Convert&& convert) {
  double* to = out.data();
  const std::size_t count = out.size();
  for (std::size_t i = 0; i < count; ++i) to[i] = convert(load<T>(raw + i * sizeof(T)));
}

template <Format8 kFormat>
void look_up(const std::byte* raw, std::span<double> out) {
  static constexpr std::array<double, 256> kTable = table_of(kFormat);
  convert_all<std::uint8_t>(raw, out, [](std::uint8_t code) { return kTable[code]; });
}

void look_up_scale(const std::byte* raw, std::span<double> out) {
  static constexpr std::array<double, 256> kTable = scale_table();
  convert_all<std::uint8_t>(raw, out, [](std::uint8_t code) { return kTable[code]; });
}

template <class T>
void convert_integers(const std::byte* raw, std::span<double> out) {
  convert_all<T>(raw, out, [](T value) { return static_cast<double>(value); });
}

void decode_portable(Dtype dtype, std::span<const std::byte> raw, std::span<double> out) {
  switch (dtype) {
    case Dtype::f64:
      if (!out.empty()) std::memmove(out.data(), raw.data(), raw.size());
      return;
    case Dtype::f32:
      return convert_all<float>(raw.data(), out, [](float value) { return value; });
    case Dtype::f16:
      return convert_all<std::uint16_t>(raw.data(), out, from_f16);
    case Dtype::bf16:
      return convert_all<std::uint16_t>(raw.data(), out, from_bf16);
    case Dtype::f8_e4m3:
      return look_up<kE4M3>(raw.data(), out);
    case Dtype::f8_e5m2:
      return look_up<kE5M2>(raw.data(), out);
    case Dtype::f8_e4m3fnuz:
      return look_up<kE4M3Fnuz>(raw.data(), out);
    case Dtype::f8_e5m2fnuz:
      return look_up<kE5M2Fnuz>(raw.data(), out);
    case Dtype::f8_e8m0:
      return look_up_scale(raw.data(), out);
    case Dtype::boolean:
    case Dtype::u8:
      return convert_integers<std::uint8_t>(raw.data(), out);
    case Dtype::i8:
      return convert_integers<std::int8_t>(raw.data(), out);
    case Dtype::i16:
      return convert_integers<std::int16_t>(raw.data(), out);
    case Dtype::u16:
      return convert_integers<std::uint16_t>(raw.data(), out);
    case Dtype::i32:
      return convert_integers<std::int32_t>(raw.data(), out);
    case Dtype::u32:
      return convert_integers<std::uint32_t>(raw.data(), out);
    case Dtype::f6_e2m3:
    case Dtype::f6_e3m2:
    case Dtype::f4:
    case Dtype::i64:
    case Dtype::u64:
    case Dtype::c64:
      break;
  }
}

std::size_t checked_element_bytes(Dtype dtype, std::span<const std::byte> raw,
                                  std::span<double> out) {
  require(can_decode(dtype), "elements of this dtype cannot be converted to numbers");
  const auto element_bytes = static_cast<std::size_t>(dtype_bits(dtype) / 8);
  require(raw.size() == out.size() * element_bytes,
          "the input and the output must have the same number of elements");
  return element_bytes;
}

}  // namespace

bool can_decode(Dtype dtype) noexcept {
  constexpr std::array kOthers{Dtype::f8_e8m0, Dtype::boolean, Dtype::i8,  Dtype::u8,
                               Dtype::i16,     Dtype::u16,     Dtype::i32, Dtype::u32};
  return is_weight_dtype(dtype) ||
         std::find(kOthers.begin(), kOthers.end(), dtype) != kOthers.end();
}

void decode_with(InstructionSet set, Dtype dtype, std::span<const std::byte> raw,
                 std::span<double> out) {
  const std::size_t element_bytes = checked_element_bytes(dtype, raw, out);
  const std::size_t done = decode_vectors(set, dtype, raw, out);
  decode_portable(dtype, raw.subspan(done * element_bytes), out.subspan(done));
}

void decode_scaled(InstructionSet set, Dtype dtype, std::span<const std::byte> raw, double factor,
                   std::span<double> out) {
  const std::size_t element_bytes = checked_element_bytes(dtype, raw, out);
  const std::size_t done = decode_scaled_vectors(set, dtype, raw, factor, out);
  const std::span<double> rest = out.subspan(done);
  decode_portable(dtype, raw.subspan(done * element_bytes), rest);
  for (double& value : rest) value *= factor;
}

void decode(Dtype dtype, std::span<const std::byte> raw, std::span<double> out) {
  decode_with(best_instruction_set(), dtype, raw, out);
}

}  // namespace wishart::checkpoint
