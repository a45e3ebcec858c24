#include "integer/packed_products.hpp"

#if defined(__x86_64__)

#include <algorithm>
#include <cstring>

#include "wishart/core/error.hpp"
#include "wishart/core/rounded_up.hpp"

#include "integer/transposition.hpp"

namespace wishart::spectrum {
namespace {

void check_block(const ByteBlock& block, std::int64_t most_lines) {
  require(block.lines <= most_lines && block.depth <= kMostDepth, "a block of bytes is too large");
  require(block.stride >= rounded_up(block.depth, kTileDepth), "lines of bytes overlap");
}

}  // namespace

void PackedProducts::hold(int slot, const ByteBlock& block) {
  check_block(block, kHeldLines);
  Slot& held = slots_[static_cast<std::size_t>(slot)];
  const std::int64_t steps = rounded_up(block.depth, kTileDepth) / kTileDepth;
  const std::int64_t pairs = rounded_up(block.lines, kPair) / kPair;
  if (std::ssize(held.tiles) < 2 * pairs * steps)
    held.tiles = memory_.take<Tile>(2 * pairs * steps);
  held.depth = block.depth;
  held.block = {held.tiles.front().bytes.data(), pairs, steps};
  for (std::int64_t tile = 0; tile < 2 * pairs; ++tile) {
    for (std::int64_t step = 0; step < steps; ++step) {
      const std::int64_t at = (tile / 2 * steps + step) * 2 + tile % 2;
      pack_tile(block, tile * kTileLines, step * kTileDepth,
                held.tiles[static_cast<std::size_t>(at)]);
    }
  }
}

void PackedProducts::multiply(int slot, const ByteBlock& block, std::int64_t first,
                              std::int32_t* out, FetchAhead& ahead) {
  check_block(block, kMetLines);
  const Slot& held = slots_[static_cast<std::size_t>(slot)];
  require(held.depth == block.depth, "blocks of different depths were multiplied");
  require(first % kPair == 0 && first / kPair < held.block.pairs, "no such lines are held");
  PackedBlock wanted = held.block;
  wanted.pairs -= first / kPair;
  wanted.tiles += first * wanted.steps * kTileDepth;
  if (block.lines == kMetLines) return multiply_(block.bytes, block.stride, wanted, out, ahead);
  const std::int64_t depth = wanted.steps * kTileDepth;
  multiply_(filled_up(block, depth), depth, wanted, out, ahead);
}

/// A tile of the block, zero outside of it.
void PackedProducts::pack_tile(const ByteBlock& block, std::int64_t line, std::int64_t begin,
                               Tile& to) const {
  const std::int64_t bytes = std::min(kTileDepth, block.depth - begin);
  const std::int64_t lines = std::min(kTileLines, block.lines - line);
  const std::int8_t* const from = block.bytes + line * block.stride + begin;
  if (lines == kTileLines && bytes == kTileDepth) {
    transpose_words(from, block.stride, to.bytes.data(), kTileDepth);
  } else {
    Tile part{};
    for (std::int64_t i = 0; i < lines; ++i) {
      std::memcpy(part.bytes.data() + i * kTileDepth, from + i * block.stride,
                  static_cast<std::size_t>(bytes));
    }
    transpose_words(part.bytes.data(), kTileDepth, to.bytes.data(), kTileDepth);
  }
  if (form_ == Held::as_they_are) return;
  for (std::int8_t& byte : to.bytes) byte = static_cast<std::int8_t>(byte ^ -128);
}

/// The lines of the block, with others of zeros: kMetLines of `depth` bytes.
const std::int8_t* PackedProducts::filled_up(const ByteBlock& block, std::int64_t depth) {
  last_.assign(static_cast<std::size_t>(kMetLines * depth / kTileBytes), Tile{});
  std::int8_t* const to = last_.front().bytes.data();
  for (std::int64_t i = 0; i < block.lines; ++i) {
    std::memcpy(to + i * depth, block.bytes + i * block.stride,
                static_cast<std::size_t>(block.depth));
  }
  return to;
}

}  // namespace wishart::spectrum

#endif
