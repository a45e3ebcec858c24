/// @file
/// The element hash does not depend on who read what, and sees every change.

#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/core/hash.hpp"

using namespace wishart;

TEST_CASE("the hash of a matrix does not depend on the order of reading", "[hash]") {
  std::mt19937_64 random(1);
  std::vector<double> values(1000);
  for (double& value : values) value = static_cast<double>(random()) * 1e-19;
  ElementHash whole;
  whole.add(0, values);
  ElementHash tail;
  tail.add(400, std::span(values).subspan(400));
  ElementHash parts;
  parts.add(100, std::span(values).subspan(100, 300));
  parts.add(tail);
  parts.add(0, std::span(values).first(100));
  CHECK(parts == whole);
  CHECK(whole.hex().size() == 32);
}

TEST_CASE("a changed, moved or negated element changes the hash", "[hash]") {
  std::vector<double> values{0.0, 1.0, 2.0, 3.0};
  ElementHash before;
  before.add(0, values);
  const auto hash_of = [](std::vector<double> other, std::uint64_t position) {
    ElementHash hash;
    hash.add(position, other);
    return hash;
  };
  CHECK_FALSE(hash_of({1.0, 0.0, 2.0, 3.0}, 0) == before);
  CHECK_FALSE(hash_of({-0.0, 1.0, 2.0, 3.0}, 0) == before);
  CHECK_FALSE(hash_of({0.0, 1.0, 2.0, 4.0}, 0) == before);
  CHECK_FALSE(hash_of(values, 1) == before);
}

TEST_CASE("byte hashes are XXH3", "[hash]") {
  // Value of XXH3-64 of the empty input with seed 0, from the xxHash specification.
  CHECK(hash64({}) == 0x2d06800538d394c2ULL);
  CHECK(hash_hex("") == "99aa06d3014798d86001c324468d497f");
}
