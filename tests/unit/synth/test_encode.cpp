/// @file
/// Converting numbers to bytes: the nearest number of the type, ties to even.

#include <cmath>
#include <cstring>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/synth/planted_spectrum.hpp"

#include "encode.hpp"
#include "position_random.hpp"

using namespace wishart;
using namespace wishart::synth;

namespace {

template <class Stored>
Stored encoded(Dtype dtype, double value) {
  std::array<std::byte, sizeof(Stored)> bytes{};
  encode(dtype, std::span(&value, 1), bytes);
  Stored stored{};
  std::memcpy(&stored, bytes.data(), sizeof(Stored));
  return stored;
}

/// Value of a 16-bit pattern with so many fraction bits.
double value_of(std::uint16_t bits, int fraction) {
  const int exponent_bits = 15 - fraction;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits & 0x7fff) >> fraction;
  const int mantissa = bits & ((1 << fraction) - 1);
  const double magnitude = exponent == 0
                               ? std::ldexp(mantissa, 1 - bias - fraction)
                               : std::ldexp(mantissa + (1 << fraction), exponent - bias - fraction);
  return bits >> 15 != 0 ? -magnitude : magnitude;
}

}  // namespace

TEST_CASE("patterns of well-known numbers", "[encode]") {
  CHECK(encoded<std::uint16_t>(Dtype::bf16, 1.0) == 0x3f80);
  CHECK(encoded<std::uint16_t>(Dtype::bf16, -2.5) == 0xc020);
  CHECK(encoded<std::uint16_t>(Dtype::bf16, 0.0) == 0);
  CHECK(encoded<std::uint16_t>(Dtype::bf16, 1 + 0x1p-8) == 0x3f80);            // tie to even
  CHECK(encoded<std::uint16_t>(Dtype::bf16, 1 + 3 * 0x1p-8) == 0x3f82);        // tie to even
  CHECK(encoded<std::uint16_t>(Dtype::bf16, 1 + 0x1p-8 + 0x1p-40) == 0x3f81);  // not through float
  CHECK(encoded<std::uint16_t>(Dtype::bf16, 2 - 0x1p-20) == 0x4000);           // carries
  CHECK(encoded<std::uint16_t>(Dtype::f16, 1.0) == 0x3c00);
  CHECK(encoded<std::uint16_t>(Dtype::f16, 0x1p-14) == 0x0400);  // smallest normal
  CHECK(encoded<std::uint16_t>(Dtype::f16, 0x1p-24) == 0x0001);  // smallest
  CHECK(encoded<std::uint16_t>(Dtype::f16, -0x1p-15) == 0x8200);
  CHECK(encoded<std::uint16_t>(Dtype::f16, 0x1p-14 - 0x1p-30) == 0x0400);
  CHECK(encoded<float>(Dtype::f32, 0.1) == 0.1F);
}

TEST_CASE("every number becomes one of the two nearest, the nearer one", "[encode]") {
  const PositionRandom random(3, 3);
  for (const auto& [dtype, fraction] : {std::pair{Dtype::bf16, 7}, std::pair{Dtype::f16, 10}}) {
    for (std::uint64_t i = 0; i < 20'000; ++i) {
      const double uniform = static_cast<double>(random.bits(2 * i) >> 11U) * 0x1p-53 - 0.5;
      const double value = std::ldexp(uniform, -static_cast<int>(random.bits(2 * i + 1) % 16));
      const auto bits = encoded<std::uint16_t>(dtype, value);
      const double error = std::abs(value_of(bits, fraction) - value);
      const double below =
          std::abs(value_of(static_cast<std::uint16_t>(bits - 1), fraction) - value);
      const double above =
          std::abs(value_of(static_cast<std::uint16_t>(bits + 1), fraction) - value);
      CHECK((bits % 0x8000 == 0 || error <= below));
      CHECK(error <= above);
      CHECK((error <= std::ldexp(std::abs(value), -precision_bits(dtype)) ||
             std::abs(value) < 0x1p-14));
    }
  }
}
