#include "encode.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "wishart/core/error.hpp"

namespace wishart::synth {
namespace {

constexpr unsigned kDoubleFraction = 52;
constexpr std::uint64_t kDoubleBias = 1023;

/// A 16-bit float with `Fraction` stored bits of significand.
template <unsigned Fraction>
std::uint16_t narrow_float(double value) {
  constexpr unsigned kShift = kDoubleFraction - Fraction;
  constexpr unsigned kExponentBits = 15 - Fraction;
  constexpr std::uint64_t kBias = (std::uint64_t{1} << (kExponentBits - 1)) - 1;
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const std::uint64_t sign = bits >> 63U << 15U;
  const std::uint64_t magnitude = bits & ~(std::uint64_t{1} << 63U);
  if (magnitude >> kDoubleFraction < kDoubleBias - kBias + 1) {
    // Subnormals are multiples of the smallest one. Those of BF16 are smaller than any weight.
    if constexpr (Fraction == 7) return static_cast<std::uint16_t>(sign);
    const double steps = std::ldexp(std::abs(value), static_cast<int>(kBias) - 1 + Fraction);
    return static_cast<std::uint16_t>(sign | static_cast<std::uint64_t>(std::nearbyint(steps)));
  }
  const std::uint64_t half = (std::uint64_t{1} << (kShift - 1)) - 1;
  const std::uint64_t rounded = (magnitude + half + (magnitude >> kShift & 1U)) >> kShift;
  return static_cast<std::uint16_t>(sign | (rounded - ((kDoubleBias - kBias) << Fraction)));
}

template <class Stored, class Convert>
void convert_all(std::span<const double> values, std::span<std::byte> out, Convert&& convert) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Stored stored = convert(values[i]);
    std::memcpy(out.data() + i * sizeof(Stored), &stored, sizeof(Stored));
  }
}

}  // namespace

int precision_bits(Dtype dtype) {
  if (dtype == Dtype::bf16) return 8;
  if (dtype == Dtype::f16) return 11;
  require(dtype == Dtype::f32, "synth writes F32, BF16 and F16");
  return 24;
}

void encode(Dtype dtype, std::span<const double> values, std::span<std::byte> out) {
  const auto width = static_cast<std::size_t>(dtype_bits(dtype) / 8);
  require(out.size() == values.size() * width,
          "encode: the output must have room for each element");
  if (precision_bits(dtype) == 24) {
    convert_all<float>(values, out, [](double x) { return static_cast<float>(x); });
  } else if (dtype == Dtype::bf16) {
    convert_all<std::uint16_t>(values, out, narrow_float<7>);
  } else {
    convert_all<std::uint16_t>(values, out, narrow_float<10>);
  }
}

}  // namespace wishart::synth
