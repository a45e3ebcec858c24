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
///     V = sum over p of y_p (P / p) - q P,   y_p = c_p (P / p)^-1 mod p,   q = round(sum y_p / p)
///
/// P / p and P are stored as the sum of a multiple of 2^shift and a rest, so that all sums of
/// products in float64 are exact.
struct Remainders {
  struct Weight {
    double modulus = 0;
    double inverse = 0;     ///< of P / p, mod p
    double reciprocal = 0;  ///< 1 / p
    double high = 0;        ///< of P / p
    double low = 0;
  };
  /// @pre 1 <= count <= kMostModuli
  explicit Remainders(int count);

  int count = 0;
  std::array<Weight, kMostModuli> weights{};
  double high = 0;  ///< of P
  double low = 0;
};

}  // namespace wishart::spectrum
