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
  CHECK(moduli_for(22, 1024) == 7);
  CHECK(moduli_for(24, 1024) == 8);
  CHECK(moduli_for(18, 1024) == 6);
  CHECK(moduli_for(14, 1024) == 5);
  CHECK(moduli_for(2, 1) == 1);
  CHECK(moduli_for(40, 1024) == 0);
  // Their product is more than twice what the largest integer of either sign needs.
  for (int bits = 2; bits <= 24; ++bits) {
    const int count = moduli_for(bits, 1000);
    long double product = 1;
    for (int k = 0; k < count; ++k) product *= kModuli[static_cast<std::size_t>(k)];
    CHECK(product >= 4 * 1000 * std::ldexp(1.0L, 2 * (bits - 1)));
  }
}

TEST_CASE("the weights of the Chinese remainder theorem are exact", "[moduli]") {
  __extension__ using Wide = __int128;
  const auto whole = [](const Remainders::Parts& parts) {
    for (const double part : {parts.high, parts.middle, parts.low}) {
      CHECK(std::abs(part) < 0x1p22);
      CHECK(part == std::trunc(part));
    }
    return static_cast<Wide>(parts.high) * static_cast<Wide>(Remainders::kHigh) +
           static_cast<Wide>(parts.middle) * static_cast<Wide>(Remainders::kMiddle) +
           static_cast<Wide>(parts.low);
  };
  for (int count = 1; count <= kMostModuli; ++count) {
    const Remainders crt(count);
    Wide product = 1;
    for (int k = 0; k < count; ++k)
      product *= static_cast<Wide>(kModuli[static_cast<std::size_t>(k)]);
    CHECK(whole(crt.product) == product);
    for (int k = 0; k < count; ++k) {
      const auto& w = crt.weights[static_cast<std::size_t>(k)];
      const Wide weight = whole(w.parts);
      CHECK(2 * std::abs(static_cast<double>(weight)) <= static_cast<double>(product));
      CHECK(w.turn ==
            Approx(static_cast<double>(weight) / static_cast<double>(product)).epsilon(1e-15));
      for (int other = 0; other < count; ++other) {
        const auto p = static_cast<Wide>(kModuli[static_cast<std::size_t>(other)]);
        CAPTURE(count, k, other);
        CHECK(static_cast<int>((weight % p + p) % p) == (other == k ? 1 : 0));
      }
    }
  }
}

}  // namespace
