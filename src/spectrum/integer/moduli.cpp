#include "integer/moduli.hpp"

#include <cmath>

#include "wishart/core/error.hpp"

namespace wishart::spectrum {
namespace {

constexpr unsigned kPartBits = 22;
constexpr std::uint64_t kPartMask = (std::uint64_t{1} << kPartBits) - 1;

Remainders::Parts parts_of(std::uint64_t value) {
  return {static_cast<double>(value >> (2 * kPartBits)),
          static_cast<double>((value >> kPartBits) & kPartMask),
          static_cast<double>(value & kPartMask)};
}

std::int64_t inverse_mod(std::uint64_t value, std::int64_t modulus) {
  const auto m = static_cast<std::uint64_t>(modulus);
  for (std::int64_t candidate = 1; candidate < modulus; ++candidate) {
    if (value % m * static_cast<std::uint64_t>(candidate) % m == 1) return candidate;
  }
  throw Error(Blame::bug, "two moduli have a common divisor");
}

}  // namespace

int moduli_for(int bits, std::int64_t depth) noexcept {
  const double needed = 2 + std::log2(static_cast<double>(depth)) + 2.0 * (bits - 1);
  double have = 0;
  for (int count = 1; count <= kMostModuli; ++count) {
    have += std::log2(static_cast<double>(kModuli[static_cast<std::size_t>(count - 1)]));
    if (have > needed) return count;
  }
  return 0;
}

Remainders::Remainders(int number) : count(number) {
  require(number >= 1 && number <= kMostModuli, "so many moduli are not available");
  std::uint64_t all = 1;  // below 2^64: eight factors of at most 2^8, seven of them smaller
  for (int k = 0; k < count; ++k) {
    all *= static_cast<std::uint64_t>(kModuli[static_cast<std::size_t>(k)]);
  }
  product = parts_of(all);
  for (int k = 0; k < count; ++k) {
    const std::int64_t p = kModuli[static_cast<std::size_t>(k)];
    const std::uint64_t others = all / static_cast<std::uint64_t>(p);
    // Symmetric, as the residues are: |W_p| <= P / 2.
    const std::int64_t inverse = inverse_mod(others, p);
    const bool below = inverse > p / 2;
    const std::uint64_t weight = others * static_cast<std::uint64_t>(below ? p - inverse : inverse);
    const double sign = below ? -1 : 1;
    const Parts parts = parts_of(weight);
    weights[static_cast<std::size_t>(k)] = {
        {sign * parts.high, sign * parts.middle, sign * parts.low},
        sign * static_cast<double>(weight) / static_cast<double>(all)};
  }
}

}  // namespace wishart::spectrum
