#pragma once

/// @file
/// Internal: integers of up to 21 bits as five bytes, whose products give theirs.
///
/// With three small integers s, P and Q for each x,
///
///     x = 12097 s + 64 P - 63 Q,   bytes  f = (s, s + P, s + Q, s + 2 P + Q, s + P + 2 Q),
///
/// and for any two x and x'   x x' = sum over k of kWeights[k] f_k f'_k,   whichever s, P, Q are
/// taken: the five forms and (12097, 64, -63) lie on one conic, so that the square of the latter
/// is a combination of their squares. This is the method of Toom and Cook with three digits and
/// five points (Knuth, The Art of Computer Programming, volume 2, section 4.3.3), in a basis in
/// which three of the values, all divisible by 3, are divided by it. 12097 = 64^2 + 64 63 + 63^2
/// was found by search: none of the other points of the conic that were tried has integers of more
/// bits.
///
/// Five products serve where residues need seven, an integer is had with five multiplications, and
/// the last two bytes follow from the first three (docs/numerics.md, "Integer products").

#include <array>
#include <cstdint>

namespace wishart::spectrum {

inline constexpr int kValues = 5;
/// Those that are kept. The others are derived where they are used.
inline constexpr int kKeptValues = 3;
/// Integers with the sign.
inline constexpr int kValueBits = 21;

inline constexpr std::array<double, kValues> kWeights{146321280, 1161280, -1143135, -385056,
                                                      383040};

/// The deepest sum of products of bytes whose terms, kWeights[k] times a sum, add up exactly in
/// float64, in any order: 127^2 depth sum |kWeights| < 2^53.
inline constexpr std::int64_t kMostValueDepth = 3712;

/// The bytes of integers that are kept, in the order of kWeights.
template <class Floats>
using KeptValues = std::array<Floats, kKeptValues>;

/// The greater of each two.
template <class Floats>
__attribute__((always_inline)) inline Floats greater_of(Floats a, Floats b) {
  return a < b ? b : a;
}

/// The step t = Q - P for which the five bytes of 12097 s + r are smallest.
template <class Floats>
__attribute__((always_inline)) inline Floats value_step(Floats s, Floats r) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  return kRound - ((r + s * (1.0F / 3)) * (1.0F / 63.5F) + kRound);
}

/// The bytes of x that are kept, as floats: of one integer, or of a vector of them.
///
/// s is the nearest to x / 12097. In one case of 36 a byte would exceed 127, and then the next s
/// in the direction of t is taken.
/// @pre |x| < 2^20, integers. A search over all of them shows that no byte exceeds 127.
template <class Floats>
__attribute__((always_inline)) inline KeptValues<Floats> kept_values(Floats x) {
  constexpr float kRound = 12582912.0F;
  constexpr float kUnit = 12097.0F;
  const Floats s0 = (x * (1.0F / kUnit) + kRound) - kRound;
  const Floats r0 = x - s0 * kUnit;
  const Floats t0 = value_step(s0, r0);
  const Floats p0 = r0 + 63.0F * t0;
  const Floats b0 = s0 + p0;
  const Floats d0 = b0 + 2.0F * p0 + t0;
  const Floats most = greater_of(greater_of(greater_of(b0, -b0), greater_of(b0 + t0, -(b0 + t0))),
                                 greater_of(greater_of(d0, -d0), greater_of(d0 + t0, -(d0 + t0))));
  const Floats zero{};
  const Floats turn = t0 < zero ? zero - 1.0F : zero + 1.0F;
  const Floats s1 = s0 - turn;
  const Floats r1 = r0 + turn * kUnit;
  const Floats t1 = value_step(s1, r1);
  const Floats p1 = r1 + 63.0F * t1;
  const auto fits = most < zero + 128.0F;
  const Floats s = fits ? s0 : s1;
  const Floats t = fits ? t0 : t1;
  const Floats p = fits ? p0 : p1;
  return {s, s + p, s + p + t};
}

/// The bytes that are not kept.
template <class Bytes>
struct DerivedValues {
  Bytes third;
  Bytes fourth;
};

/// From those that are: unsigned, of one integer or a vector of them. That sums turn over at 256
/// does not matter, because the results fit.
template <class Bytes>
__attribute__((always_inline)) inline DerivedValues<Bytes> derived_values(Bytes zeroth, Bytes first,
                                                                          Bytes second) {
  const Bytes sum = first + second - zeroth - zeroth;
  return {sum + first, sum + second};
}

}  // namespace wishart::spectrum
