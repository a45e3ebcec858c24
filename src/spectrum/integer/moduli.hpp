#pragma once

/// @file
/// Internal: coprime moduli below 2^8, and the integer that its residues stand for.
///
/// A Gram matrix of integers is had exactly from its residues, which come from products of bytes
/// (Ozaki, Uchino, Imamura, "Ozaki Scheme II", arXiv:2504.08009).

#include <array>
#include <cstdint>
#include <span>

namespace wishart::spectrum {

/// The most moduli in use: with more, the two halves of combine() would not be exact.
inline constexpr int kMostModuli = 8;

/// Pairwise coprime. 256 comes first: its residue is the low byte. Of all others a symmetric
/// residue fits into a signed byte even if the quotient was off by one place.
inline constexpr std::array<std::int32_t, kMostModuli> kModuli{256, 253, 251, 247,
                                                               241, 239, 233, 229};

/// How many moduli the Gram matrix of `depth` rows of integers below 2^(bits - 1) needs: their
/// product exceeds 4 depth 2^(2 (bits - 1)), twice what an integer with a sign needs, so that the
/// quotient in combine() is never near a half. 0 if kMostModuli do not suffice.
[[nodiscard]] int moduli_for(int bits, std::int64_t depth) noexcept;

/// The constants of the Chinese remainder theorem for the first `count` moduli p, P their product:
///
///     V = sum over p of c_p W_p - q P,   W_p = (P / p) ((P / p)^-1 mod p),   q = round(sum c_p W_p
///     / P)
///
/// Any c_p with the residue mod p will do, so the sums of products of bytes do as they are. W_p and
/// P are stored in three parts of at most 22 bits, so that all sums of products in float64 are
/// exact: c_p has at most 26 bits with its sign (kMostIntegerDepth products of two bytes), and
/// there are at most 2^3 of them.
struct Remainders {
  /// high 2^44 + middle 2^22 + low
  struct Parts {
    double high = 0;
    double middle = 0;
    double low = 0;
  };
  struct Weight {
    Parts parts;      ///< of W_p, between -P / 2 and P / 2
    double turn = 0;  ///< W_p / P
  };
  static constexpr double kHigh = 0x1p44;
  static constexpr double kMiddle = 0x1p22;

  /// @pre 1 <= count <= kMostModuli
  explicit Remainders(int count);

  int count = 0;
  std::array<Weight, kMostModuli> weights{};
  Parts product;  ///< P
};

}  // namespace wishart::spectrum
