/// @file
/// Products of bytes: vectors, where the processor has them, tiles, emulated where it has none, and
/// portable code against 64-bit integers.

#include <catch2/catch.hpp>

#include "integer/byte_products.hpp"
#include "integer/packed_products.hpp"
#include "support/emulated_tiles.hpp"

namespace {

using namespace wishart;
using namespace wishart::spectrum;

std::vector<std::int8_t> bytes(std::int64_t lines, std::int64_t stride, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> any(-128, 127);
  std::vector<std::int8_t> out(static_cast<std::size_t>(lines * stride));
  for (auto& byte : out) byte = static_cast<std::int8_t>(any(random));
  return out;
}

/// Products of `rows` lines with held ones, of which those from `skipped` on are wanted.
struct Shape {
  std::int64_t rows = 0;
  std::int64_t held = 0;
  std::int64_t depth = 0;
  std::int64_t stride = 0;
  std::int64_t skipped = 0;
};

void check_products(ByteProducts& products, const Shape& shape) {
  const auto& [rows, held, depth, stride, skipped] = shape;
  CAPTURE(rows, held, depth, stride, skipped);
  const auto a = bytes(rows, stride, 1);
  const auto b = bytes(held, stride, 2);
  std::vector<std::int32_t> out(static_cast<std::size_t>(kMetLines * kHeldLines), 7);
  FetchAhead ahead;
  ahead.add(a.data(), stride, stride, rows);
  ahead.spread_over(fetch_steps(held - skipped, depth));
  products.hold(3, {b.data(), held, depth, stride});
  products.multiply(3, {a.data(), rows, depth, stride}, skipped, out.data(), ahead);
  std::int64_t wrong = 0;
  std::ostringstream first;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = skipped; j < held; ++j) {
      std::int64_t sum = 0;
      for (std::int64_t k = 0; k < depth; ++k) {
        sum += std::int64_t{a[static_cast<std::size_t>(i * stride + k)]} *
               b[static_cast<std::size_t>(j * stride + k)];
      }
      const std::int32_t found = out[static_cast<std::size_t>(i * kHeldLines + j - skipped)];
      if (found != sum && wrong++ == 0) {
        first << "(" << i << ", " << j << "): found " << found << ", exact " << sum;
      }
    }
  }
  INFO(first.str());
  CHECK(wrong == 0);
}

/// All ways that this processor has.
std::vector<std::unique_ptr<ByteProducts>> all_ways() {
  std::vector<std::unique_ptr<ByteProducts>> ways;
  ways.push_back(make_portable_products());
  for (auto* make : {&make_tile_products, &make_vector_products}) ways.push_back(make());
  std::erase(ways, nullptr);
  return ways;
}

void check_shapes(ByteProducts& products) {
  check_products(products, {kMetLines, kHeldLines, 256, 256});
  check_products(products, {kMetLines, 17, 200, 256});
  check_products(products, {1, kHeldLines, 63, 64});
  check_products(products, {1, 1, 1, 64});
  check_products(products, {5, 3, 2, 64});
  check_products(products, {31, 47, 65, 128});
  check_products(products, {32, 128, 1000, 1088});
  check_products(products, {17, 64, 1536, 1536});
  // Held lines that are left out.
  check_products(products, {kMetLines, kHeldLines, 512, 512, 32});
  check_products(products, {kMetLines, kHeldLines, 192, 256, kHeldLines - 32});
  check_products(products, {9, 70, 100, 128, 64});
}

TEST_CASE("bytes are multiplied exactly", "[byte_products]") {
  for (const auto& products : all_ways()) check_shapes(*products);
}

#if defined(__x86_64__)
TEST_CASE("the kernel for tiles multiplies exactly on processors without them", "[byte_products]") {
  if (!__builtin_cpu_supports("avx512f")) return;  // which packs the held lines
  if (byte_unit() == ByteUnit::tiles) return;      // as above
  const test::EmulatedTiles tiles;
  PackedProducts products(PackedProducts::Held::as_they_are, multiply_by_tiles);
  check_shapes(products);
}
#endif

TEST_CASE("the largest sums do not overflow", "[byte_products]") {
  const std::int64_t depth = kMostDepth;
  for (const std::int8_t byte : {std::int8_t{-128}, std::int8_t{127}}) {
    const std::vector<std::int8_t> a(static_cast<std::size_t>(2 * depth), std::int8_t{-128});
    const std::vector<std::int8_t> b(static_cast<std::size_t>(depth), byte);
    for (const auto& products : all_ways()) {
      std::vector<std::int32_t> out(static_cast<std::size_t>(kMetLines * kHeldLines));
      FetchAhead nothing;
      products->hold(0, {b.data(), 1, depth, depth});
      products->multiply(0, {a.data(), 2, depth, depth}, 0, out.data(), nothing);
      CHECK(out[0] == -128 * byte * depth);
      CHECK(out[static_cast<std::size_t>(kHeldLines)] == -128 * byte * depth);
    }
  }
}

TEST_CASE("a held block is replaced", "[byte_products]") {
  for (const auto& products : all_ways()) {
    check_products(*products, {kMetLines, kHeldLines, 128, 128});
    check_products(*products, {kMetLines, kHeldLines, 128, 128});
    check_products(*products, {20, 30, 100, 128});
  }
}

}  // namespace
