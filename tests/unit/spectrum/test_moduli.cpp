/// @file
/// Moduli, and integers put together from their residues.

#include <cmath>
#include <numeric>

#include <catch2/catch.hpp>

#include "integer/moduli.hpp"

namespace {

using namespace wishart::spectrum;

TEST_CASE("the moduli have no common divisors", "[moduli]") {
  for (std::size_t a = 0; a < kModuli.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) CHECK(std::gcd(kModuli[a], kModuli[b]) == 1);
  }
}

TEST_CASE("the number of moduli follows from bits and depth", "[moduli]") {
  CHECK(moduli_for(22, 2048) == 7);
  CHECK(moduli_for(24, 2048) == 8);
  CHECK(moduli_for(18, 2048) == 6);
  CHECK(moduli_for(14, 2048) == 5);
  CHECK(moduli_for(2, 1) == 1);
  CHECK(moduli_for(40, 2048) == 0);
  // Their product is more than twice what the largest integer of either sign needs.
  for (int bits = 2; bits <= 24; ++bits) {
    const int count = moduli_for(bits, 1000);
    long double product = 1;
    for (int k = 0; k < count; ++k) product *= kModuli[static_cast<std::size_t>(k)];
    CHECK(product >= 4 * 1000 * std::ldexp(1.0L, 2 * (bits - 1)));
  }
}

TEST_CASE("the weights of the Chinese remainder theorem are exact", "[moduli]") {
  for (int count = 1; count <= kMostModuli; ++count) {
    const Remainders crt(count);
    __extension__ using Wide = unsigned __int128;
    Wide product = 1;
    for (int k = 0; k < count; ++k)
      product *= static_cast<Wide>(kModuli[static_cast<std::size_t>(k)]);
    CHECK(static_cast<Wide>(crt.high) + static_cast<Wide>(crt.low) == product);
    for (int k = 0; k < count; ++k) {
      const auto& w = crt.weights[static_cast<std::size_t>(k)];
      const auto p = static_cast<Wide>(kModuli[static_cast<std::size_t>(k)]);
      const Wide others = static_cast<Wide>(w.high) + static_cast<Wide>(w.low);
      CHECK(others * p == product);
      const auto inverse = static_cast<std::int64_t>(w.inverse);
      const auto positive =
          static_cast<Wide>(inverse < 0 ? inverse + static_cast<std::int64_t>(p) : inverse);
      CAPTURE(count, kModuli[static_cast<std::size_t>(k)], w.inverse);
      CHECK(static_cast<std::int64_t>(others * positive % p) == 1);
      CHECK(std::abs(w.inverse) <= 128);
    }
  }
}

}  // namespace
