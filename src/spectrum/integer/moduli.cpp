#include "integer/moduli.hpp"

#include <cmath>

#include "wishart/core/error.hpp"

namespace wishart::spectrum {
namespace {

/// Bits of the high parts: 40, with 8 bits of y_p and 4 of the number of moduli, are 52.
constexpr int kHighBits = 40;

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
  std::uint64_t product = 1;  // below 2^64: eight factors of at most 2^8, seven of them smaller
  for (int k = 0; k < count; ++k) {
    product *= static_cast<std::uint64_t>(kModuli[static_cast<std::size_t>(k)]);
  }
  int shift = 0;
  while ((product >> static_cast<unsigned>(shift)) >> static_cast<unsigned>(kHighBits) != 0) {
    ++shift;
  }
  const auto split = [&](std::uint64_t value, double& upper, double& lower) {
    const std::uint64_t above = value >> static_cast<unsigned>(shift);
    upper = std::ldexp(static_cast<double>(above), shift);
    lower = static_cast<double>(value - (above << static_cast<unsigned>(shift)));
  };
  for (int k = 0; k < count; ++k) {
    const std::int64_t p = kModuli[static_cast<std::size_t>(k)];
    const std::uint64_t others = product / static_cast<std::uint64_t>(p);
    Weight& weight = weights[static_cast<std::size_t>(k)];
    weight.modulus = static_cast<double>(p);
    weight.reciprocal = 1.0 / static_cast<double>(p);
    // Symmetric, as the residues are.
    const std::int64_t inverse = inverse_mod(others, p);
    weight.inverse = static_cast<double>(inverse > p / 2 ? inverse - p : inverse);
    split(others, weight.high, weight.low);
  }
  split(product, high, low);
}

}  // namespace wishart::spectrum
