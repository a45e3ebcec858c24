/// @file
/// The element hash: it matches a second, independent implementation of its definition, every way
/// of computing it gives the same bits, and the kinds of changes that happen to weights cause no
/// collisions in many trials.

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/core/hash.hpp"

using namespace wishart;

namespace {

using Random = std::mt19937_64;

ElementHash hash_of(const std::vector<double>& values, std::uint64_t position = 0) {
  ElementHash hash;
  hash.add(position, values);
  return hash;
}

/// A float64 that came from bf16, as most weights do: only its upper 19 bits are used.
double weight(Random& random) {
  std::normal_distribution<float> normal(0.0F, 0.02F);
  const auto bits = std::bit_cast<std::uint32_t>(normal(random));
  return static_cast<double>(std::bit_cast<float>(bits & 0xFFFF0000U));
}

std::vector<double> weights(std::size_t count, Random& random) {
  std::vector<double> values(count);
  for (double& value : values) value = weight(random);
  return values;
}

std::size_t any(std::size_t count, Random& random) {
  return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
}

double with_flipped_bit(double value, unsigned bit) {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << bit));
}

/// Counts trials with equal hashes. Each of the two sums is checked on its own, which is far
/// stricter than checking the hash. The probability that a single good 64-bit sum collides in 2e5
/// trials is 1e-14.
struct Collisions {
  std::size_t first = 0;
  std::size_t second = 0;

  void compare(const ElementHash& a, const ElementHash& b) {
    if (a.first == b.first) ++first;
    if (a.second == b.second) ++second;
  }
};

/// Applies `change` to copies of matrices and counts how often the hash stays the same.
template <class Change>
Collisions collisions(std::size_t trials, std::size_t size, Random& random, Change&& change) {
  Collisions found;
  std::vector<double> values;
  std::vector<double> changed;
  for (std::size_t trial = 0; trial < trials; ++trial) {
    if (trial % 100 == 0) values = weights(size, random);
    changed = values;
    change(changed);
    if (std::equal(values.begin(), values.end(), changed.begin(), [](double a, double b) {
          return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
        })) {
      continue;  // nothing happened: two equal elements were exchanged
    }
    // Positions up to those of the largest matrices.
    const std::uint64_t position = random() >> 24U;
    found.compare(hash_of(values, position), hash_of(changed, position));
  }
  return found;
}

void check_none(const Collisions& found) {
  CHECK(found.first == 0);
  CHECK(found.second == 0);
}

constexpr std::size_t kTrials = 100'000;

}  // namespace

TEST_CASE("the hash of an element matches its definition", "[hash]") {
  const auto folded = [](std::uint64_t word) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(word)) * (word >> 32U);
  };
  const std::vector<double> values{1.0, -0.0, 0.1, HUGE_VAL, 0x1p-1074};
  ElementHash expected;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto x = std::bit_cast<std::uint64_t>(values[i]);
    const std::uint64_t w = (i + 1000 + 1) * 11400714819323198485ULL;
    const std::uint64_t k = folded(w) ^ w;
    const std::uint64_t b = (x ^ w) + folded(x ^ k);
    expected.first += b;
    expected.second += folded(b);
  }
  CHECK(hash_of(values, 1000) == expected);
  // The value when this test was written: archives store hashes, so they must not change.
  CHECK(hash_of(values, 1000).hex() == "6bff61893a51c138638ca642ce194af1");
}

TEST_CASE("every instruction set gives the same hash", "[hash]") {
  Random random(20261124);
  std::vector<double> values(300);
  for (double& value : values) value = std::bit_cast<double>(random());
  std::size_t wrong = 0;
  for (std::size_t begin = 0; begin < 5; ++begin) {
    for (std::size_t count = 0; begin + count <= values.size(); ++count) {
      const std::span<const double> part = std::span(values).subspan(begin, count);
      const std::uint64_t position = random() >> 16U;
      ElementHash portable;
      ElementHash best;
      portable.add(position, part, InstructionSet::portable);
      best.add(position, part, best_instruction_set());
      if (!(portable == best)) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("the hash of a matrix does not depend on the order of reading", "[hash]") {
  Random random(1);
  const std::vector<double> values = weights(1000, random);
  const ElementHash whole = hash_of(values);
  for (int trial = 0; trial < 1000; ++trial) {
    std::vector<std::size_t> cuts{0, values.size()};
    for (int cut = 0; cut < 20; ++cut) cuts.push_back(any(values.size(), random));
    std::sort(cuts.begin(), cuts.end());
    std::vector<std::size_t> parts(cuts.size() - 1);
    for (std::size_t part = 0; part < parts.size(); ++part) parts[part] = part;
    std::shuffle(parts.begin(), parts.end(), random);
    ElementHash here;
    ElementHash there;
    for (const std::size_t part : parts) {
      const auto piece = std::span(values).subspan(cuts[part], cuts[part + 1] - cuts[part]);
      (random() % 2 == 0 ? here : there).add(cuts[part], piece);
    }
    here.add(there);
    REQUIRE(here == whole);
  }
  CHECK(whole.hex().size() == 32);
}

TEST_CASE("equal values of different types hash alike, the two zeros do not", "[hash]") {
  CHECK(hash_of({static_cast<double>(0.5F), 1}) == hash_of({0.5, 1}));
  CHECK_FALSE(hash_of({0.0, 1}) == hash_of({-0.0, 1}));
  CHECK_FALSE(hash_of({0.0, 1}) == hash_of({0.0, 1, 0.0}));
}

TEST_CASE("one changed element changes the hash", "[hash]") {
  Random random(2);
  check_none(collisions(kTrials, 50, random, [&](std::vector<double>& values) {
    double& value = values[any(values.size(), random)];
    switch (random() % 4) {
      case 0:
        value = -value;
        return;
      case 1:
        value = with_flipped_bit(value, 45);
        return;  // the last place of bf16
      case 2:
        value = with_flipped_bit(value, static_cast<unsigned>(random() % 64));
        return;
      default:
        value = std::nextafter(value, 1);
        return;
    }
  }));
}

TEST_CASE("two exchanged elements change the hash", "[hash]") {
  Random random(3);
  check_none(collisions(2 * kTrials, 50, random, [&](std::vector<double>& values) {
    std::swap(values[any(values.size(), random)], values[any(values.size(), random)]);
  }));
}

TEST_CASE("changes that would cancel in a linear hash change this one", "[hash]") {
  // Signs or last places flipped at two opposite corners of a rectangle, or at the other two: if
  // keys were linear in the position, or sums of a row's and a column's, the differences of equal
  // elements would cancel.
  Random random(4);
  constexpr std::size_t kCols = 16;
  Collisions found;
  std::vector<double> values(kCols * 16);
  for (std::size_t trial = 0; trial < kTrials; ++trial) {
    const double value = weight(random);
    const double flipped = with_flipped_bit(value, trial % 2 == 0 ? 63 : 45);
    const std::size_t at = any(kCols * 7, random);
    const std::size_t step = 1 + any(kCols * 3 - 1, random);
    const std::size_t other = random() % 2 == 0 ? 2 * step : step + 1 + any(kCols * 3 - 1, random);
    std::fill(values.begin(), values.end(), value);
    const std::uint64_t position = random() >> 24U;
    values[at] = values[at + step + other] = flipped;
    const ElementHash one = hash_of(values, position);
    values[at] = values[at + step + other] = value;
    values[at + step] = values[at + other] = flipped;
    found.compare(one, hash_of(values, position));
  }
  check_none(found);
}

TEST_CASE("exchanged rows and columns and a transposition change the hash", "[hash]") {
  Random random(5);
  constexpr std::size_t kRows = 16;  // a power of two, as most widths are
  constexpr std::size_t kCols = 16;
  check_none(collisions(kTrials, kRows * kCols, random, [&](std::vector<double>& values) {
    const std::size_t a = any(kRows, random);
    const std::size_t b = (a + 1 + any(kRows - 1, random)) % kRows;
    switch (random() % 4) {
      case 0:
        for (std::size_t k = 0; k < kCols; ++k)
          std::swap(values[a * kCols + k], values[b * kCols + k]);
        return;
      case 1:
        for (std::size_t k = 0; k < kRows; ++k)
          std::swap(values[k * kCols + a], values[k * kCols + b]);
        return;
      case 2:
        for (std::size_t r = 0; r < kRows; ++r) {
          for (std::size_t c = 0; c < r; ++c)
            std::swap(values[r * kCols + c], values[c * kCols + r]);
        }
        return;
      default:
        std::rotate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(a * kCols + b),
                    values.end());
    }
  }));
}

TEST_CASE("constant matrices, and small ones moved within them, hash differently", "[hash]") {
  Random random(6);
  std::set<std::uint64_t> first;
  std::set<std::uint64_t> second;
  std::size_t count = 0;
  const auto insert = [&](const ElementHash& hash) {
    first.insert(hash.first);
    second.insert(hash.second);
    ++count;
  };
  for (const double constant : {0.0, -0.0, 1.0, -1.0, 0.5, 0x1p-9}) {
    ElementHash fill;
    for (std::uint64_t size = 0; size < 20'000; ++size) {  // of every size
      if (size > 0) insert(fill);
      fill.add(size, std::span(&constant, 1));
    }
  }
  // The elements of a small matrix replace those of the constant one, one step further each time.
  const std::vector<double> small{0.25, -0.25, 0.125, 0.25};
  for (const double constant : {0.0, 1.0}) {
    const std::vector<double> padding(small.size(), constant);
    ElementHash whole;
    const std::vector<double> all(100'000, constant);
    whole.add(0, all);
    for (std::uint64_t shift = 0; shift + small.size() <= all.size(); ++shift) {
      ElementHash moved = whole;
      const ElementHash removed = hash_of(padding, shift);
      moved.first -= removed.first;
      moved.second -= removed.second;
      moved.add(hash_of(small, shift));
      insert(moved);
    }
  }
  CHECK(count > 3 * kTrials);
  CHECK(first.size() == count);
  CHECK(second.size() == count);
}

TEST_CASE("a changed element changes bits all over the hash", "[hash]") {
  // A change in the last place of bf16, which the products must spread. The ideal is half of the
  // bits, 32; in a product of two 32-bit words the highest and lowest bits change somewhat less
  // often.
  Random random(7);
  constexpr int kChanges = 10'000;
  double flipped = 0;
  for (int change = 0; change < kChanges; ++change) {
    const double value = weight(random);
    const std::uint64_t position = random() >> 24U;
    const ElementHash a = hash_of({value}, position);
    const ElementHash b = hash_of({with_flipped_bit(value, 45)}, position);
    flipped += std::popcount(a.second ^ b.second);
  }
  CHECK(flipped / kChanges > 29);
}
