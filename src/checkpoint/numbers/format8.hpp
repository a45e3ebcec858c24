#pragma once

/// @file
/// What distinguishes the 8-bit floats (Micikevicius et al. 2022, arXiv:2209.05433; Noune et al.
/// 2022, arXiv:2206.02915 for fnuz).

#include <cstdint>

namespace wishart::checkpoint {

struct Format8 {
  int mantissa_bits;
  int bias;
  enum class Special : std::uint8_t {
    all_ones_nan,  ///< only the codes 0x7F and 0xFF are NaN, nothing is infinite
    ieee,          ///< the largest exponent means infinity or NaN
    fnuz,          ///< only 0x80 is NaN, nothing is infinite, no negative zero
  } special;
};

inline constexpr Format8 kE4M3{3, 7, Format8::Special::all_ones_nan};
inline constexpr Format8 kE5M2{2, 15, Format8::Special::ieee};
inline constexpr Format8 kE4M3Fnuz{3, 8, Format8::Special::fnuz};
inline constexpr Format8 kE5M2Fnuz{2, 16, Format8::Special::fnuz};

}  // namespace wishart::checkpoint
