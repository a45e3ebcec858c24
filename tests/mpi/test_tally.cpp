/// @file
/// Statistics collected while elements are read: bit-identical for every instruction set, exact
/// counts of non-finite elements, and a sum of squares within its error bound.

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/spectrum/tally.hpp"

#include "support/mpi_main.hpp"

using namespace wishart;
using namespace wishart::spectrum;
using wishart::test::world;

namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<double> noise(std::size_t count, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, 0.02);
  std::vector<double> values(count);
  for (double& value : values) value = normal(random);
  return values;
}

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

}  // namespace

TEST_CASE("every instruction set counts the same bits", "[tally]") {
  const std::vector<double> values = noise(1100, 1);
  for (std::size_t begin = 0; begin < 4; ++begin) {
    for (std::size_t count = 0; begin + count <= values.size(); ++count) {
      std::vector<double> part(values.begin() + static_cast<std::ptrdiff_t>(begin),
                               values.begin() + static_cast<std::ptrdiff_t>(begin + count));
      if (count % 5 == 4) part[count / 2] = kNaN;
      std::vector<double> copy = part;
      Tally portable(InstructionSet::portable);
      Tally best;
      portable.add(7, part);
      best.add(7, copy);
      REQUIRE(portable.hash() == best.hash());
      REQUIRE(same_bits(portable.sum_squares(), best.sum_squares()));
      REQUIRE(portable.num_nan() == best.num_nan());
      REQUIRE(std::equal(part.begin(), part.end(), copy.begin(), same_bits));
    }
  }
}

TEST_CASE("non-finite elements are counted and become 0, wherever they are", "[tally]") {
  constexpr std::size_t kCount = 1030;  // two runs of 512 and a remainder
  for (std::size_t at = 0; at < kCount; ++at) {
    std::vector<double> values(kCount, 0.5);
    values[at] = kNaN;
    values[(at + 1) % kCount] = at % 2 == 0 ? HUGE_VAL : -HUGE_VAL;
    ElementHash hash;
    hash.add(0, values);
    Tally tally;
    tally.add(0, values);
    REQUIRE(tally.num_nan() == 1);
    REQUIRE(tally.num_inf() == 1);
    REQUIRE(tally.num_elements() == kCount);
    REQUIRE(tally.hash() == hash);                        // of the values as they were stored
    REQUIRE(tally.sum_squares() == 0.25 * (kCount - 2));  // exact
    REQUIRE(values[at] == 0);
    REQUIRE(values[(at + 1) % kCount] == 0);
  }
}

TEST_CASE("the sum of squares is nearly that of a wider type", "[tally]") {
  std::vector<double> values = noise(1'000'000, 2);
  values[123'456] = 1e8;  // the others must not be lost in it
  long double expected = 0;
  for (const double value : values) expected += static_cast<long double>(value) * value;
  Tally tally;
  if (world().rank() == 0) tally.add(0, values);
  tally.combine(world());
  // Compensated between runs; within a run of 512, 32 additions a chain, 4 + 2 of the chains, and
  // the rounding of each square.
  CHECK(std::abs(tally.sum_squares() - static_cast<double>(expected)) <=
        (32 + 6 + 1) * kEps * static_cast<double>(expected));
}

TEST_CASE("a team's tally is that of one rank", "[tally]") {
  const std::vector<double> values = noise(6000, 3);
  Tally whole;
  std::vector<double> copy = values;
  whole.add(0, copy);
  Tally parts;
  const std::size_t share = values.size() / static_cast<std::size_t>(world().size());
  const std::size_t begin = share * static_cast<std::size_t>(world().rank());
  parts.add(static_cast<std::int64_t>(begin), std::span(copy).subspan(begin, share));
  parts.combine(world());
  CHECK(parts.hash() == whole.hash());
  CHECK(parts.num_elements() == 6000);
  // Two sums of positive terms, each within the bound above.
  CHECK(std::abs(parts.sum_squares() - whole.sum_squares()) <= 2 * 39 * kEps * whole.sum_squares());
}

TEST_CASE("the largest element decides whether sums of squares fit, whatever stands beside it",
          "[tally]") {
  const auto sizes = [](double one, double others) {
    std::vector<double> values(1030, others);
    values[777] = one;
    Tally tally;
    tally.add(0, values);
    return tally.sizes();
  };
  const auto fits = [](const ElementSizes& s, Precision precision) {
    try {
      require_range(s, precision);
    } catch (const Error& error) {
      CHECK(error.blame() == Blame::numerics);
      return false;
    }
    return true;
  };
  for (const double other : {0.0, 1e-320, 0x1p-451, 0x1p-60, 1.0, 0x1p60}) {
    CAPTURE(other);
    CHECK(fits(sizes(0x1p450, other), Precision::float64));
    CHECK_FALSE(fits(sizes(0x1.8p450, other), Precision::float64));
    CHECK(fits(sizes(0x1p-450, other), Precision::float64));
    CHECK(fits(sizes(0x1.8p-451, other), Precision::float64) == (other >= 0x1p-450));
    CHECK(fits(sizes(0x1p50, other), Precision::float32) == (other <= 0x1p50));
    CHECK_FALSE(fits(sizes(0x1.8p50, other), Precision::float32));
  }
  CHECK(fits(sizes(0.0, 0.0), Precision::float64));
  CHECK(fits(sizes(-0.0, 0.0), Precision::float32));
  CHECK(fits(sizes(0x1p-50, 0), Precision::float32));
  CHECK_FALSE(fits(sizes(0x1.8p-51, 0), Precision::float32));
  CHECK_FALSE(fits(sizes(std::numeric_limits<double>::max(), 1), Precision::float64));
  CHECK_FALSE(fits(sizes(std::numeric_limits<double>::denorm_min(), 0), Precision::float64));
  Tally tally;
  std::vector<double> tiny(3, 1e-300);
  tally.add(0, tiny);
  tally.begin_view();
  CHECK(fits(tally.sizes(), Precision::float64));
}
