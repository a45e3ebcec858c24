#pragma once

/// @file
/// exp for many arguments at once, in a form that compilers can vectorise.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace wishart::fit {

/// e^x for -700 <= x <= 0 (smaller arguments count as -700), within 1e-15 of std::exp.
///
/// x = n ln 2 + r with |r| <= ln(2) / 2; e^r by its Taylor polynomial of degree 12, whose remainder
/// is below 2e-16; 2^n by its bits. There is no function call, so that a loop over it runs in
/// vector registers (deviations.cpp).
[[nodiscard]] inline double quick_exp(double x) noexcept {
  constexpr double kLog2E = 1.4426950408889634;
  constexpr double kLn2High = 0x1.62e42fee00000p-1;  // the upper 32 bits: n times it is exact
  constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
  constexpr double kShift = 0x1.8p52;  // adding it rounds to an integer, kept in the lowest bits
  x = x < -700 ? -700 : x;
  const double shifted = x * kLog2E + kShift;
  const double n = shifted - kShift;
  const double r = (x - n * kLn2High) - n * kLn2Low;
  double sum = 1.0 / 479001600;
  sum = sum * r + 1.0 / 39916800;
  sum = sum * r + 1.0 / 3628800;
  sum = sum * r + 1.0 / 362880;
  sum = sum * r + 1.0 / 40320;
  sum = sum * r + 1.0 / 5040;
  sum = sum * r + 1.0 / 720;
  sum = sum * r + 1.0 / 120;
  sum = sum * r + 1.0 / 24;
  sum = sum * r + 1.0 / 6;
  sum = sum * r + 0.5;
  sum = sum * r + 1.0;
  sum = sum * r + 1.0;
  const std::uint64_t power = (std::bit_cast<std::uint64_t>(shifted) << 52U) + (1023ULL << 52U);
  return sum * std::bit_cast<double>(power);
}

}  // namespace wishart::fit
