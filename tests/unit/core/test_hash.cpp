/// @file
/// The hashes of byte strings.

#include <catch2/catch.hpp>

#include "wishart/core/hash.hpp"

using namespace wishart;

TEST_CASE("byte hashes are XXH3", "[hash]") {
  // Value of XXH3-64 of the empty input with seed 0, from the xxHash specification.
  CHECK(hash64({}) == 0x2d06800538d394c2ULL);
  CHECK(hash_hex("") == "99aa06d3014798d86001c324468d497f");
}
