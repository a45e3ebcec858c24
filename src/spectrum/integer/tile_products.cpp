/// @file
/// Products of bytes by AMX, the tile unit of Intel's processors from Sapphire Rapids on.
///
/// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18: TDPBSSD adds
/// to a tile of 16 x 16 integers the products of 16 lines of 64 bytes with 16 others, whose bytes
/// come in groups of four.

#if defined(__x86_64__)

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <immintrin.h>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

#include "wishart/core/error.hpp"
#include "wishart/core/rounded_up.hpp"
#include "wishart/spectrum/workspace.hpp"

#include "integer/byte_products.hpp"
#include "integer/moduli.hpp"
#include "integer/transposition.hpp"

namespace wishart::spectrum {
namespace {

#define WISHART_TILES __attribute__((target("avx512f,amx-tile,amx-int8")))
#define WISHART_INLINE WISHART_TILES inline __attribute__((always_inline))

constexpr std::int64_t kTileLines = 16;
constexpr std::int64_t kTileDepth = 64;
constexpr std::int64_t kTileBytes = kTileLines * kTileDepth;
/// Two tiles side by side: four sums, two tiles of each operand, are the eight that there are.
constexpr std::int64_t kPair = 2 * kTileLines;
static_assert(kByteTile % kPair == 0);

/// What LDTILECFG reads: all eight tiles of 16 rows of 64 bytes.
struct TileConfiguration {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::array<std::uint8_t, 14> reserved{};
  std::array<std::uint16_t, 16> row_bytes{64, 64, 64, 64, 64, 64, 64, 64};
  std::array<std::uint8_t, 16> rows{16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfiguration) == 64);

/// Tiles take 8 KiB of every switch between threads while they hold something: set for each
/// product.
class ConfiguredTiles {
public:
  WISHART_TILES ConfiguredTiles() noexcept {
    const TileConfiguration configuration;
    _tile_loadconfig(&configuration);
  }
  WISHART_TILES ~ConfiguredTiles() { _tile_release(); }
  ConfiguredTiles(const ConfiguredTiles&) = delete;
  ConfiguredTiles& operator=(const ConfiguredTiles&) = delete;
};

/// 32 lines times 32 held ones. `held` has two tiles for each step of 64 bytes of depth.
WISHART_TILES void multiply_pair(const std::int8_t* lines, std::int64_t stride,
                                 const std::int8_t* held, std::int64_t steps, std::int32_t* out) {
  constexpr std::int64_t kOutStride = kByteTile * static_cast<std::int64_t>(sizeof(std::int32_t));
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::int64_t k = 0; k < steps; ++k) {
    // Those from the second-level cache first.
    _tile_loadd(6, held + 2 * k * kTileBytes, kTileDepth);
    _tile_loadd(7, held + (2 * k + 1) * kTileBytes, kTileDepth);
    _tile_loadd(4, lines + k * kTileDepth, stride);
    _tile_loadd(5, lines + k * kTileDepth + kTileLines * stride, stride);
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_stored(0, out, kOutStride);
  _tile_stored(1, out + kTileLines, kOutStride);
  _tile_stored(2, out + kTileLines * kByteTile, kOutStride);
  _tile_stored(3, out + kTileLines * kByteTile + kTileLines, kOutStride);
}

/// So that held blocks of five bytes and a depth of 512 stay in the second-level cache, though
/// others stream by. The longer, the less do those have to come from the third level.
constexpr std::int64_t kHeldLines = 224;
static_assert(kHeldLines <= kByteTile && kHeldLines % kPair == 0);

class TileProducts : public ByteProducts {
public:
  [[nodiscard]] Lines lines() const noexcept override { return {kHeldLines, kPair}; }

  WISHART_TILES void hold(int slot, const ByteBlock& block) override {
    check_block(block);
    Held& held = held_[static_cast<std::size_t>(slot)];
    held.block = block;
    held.steps = rounded_up(block.depth, kTileDepth) / kTileDepth;
    held.pairs = rounded_up(block.lines, kPair) / kPair;
    const std::int64_t tiles = 2 * held.pairs * held.steps;
    if (std::ssize(held.tiles) < tiles) held.tiles = memory_.take<Tile>(tiles);
    for (std::int64_t tile = 0; tile < 2 * held.pairs; ++tile) {
      for (std::int64_t step = 0; step < held.steps; ++step) {
        const std::int64_t at = (tile / 2 * held.steps + step) * 2 + tile % 2;
        hold_tile(block, tile * kTileLines, step * kTileDepth,
                  held.tiles[static_cast<std::size_t>(at)].bytes.data());
      }
    }
  }

  WISHART_TILES void multiply(int slot, const ByteBlock& block, std::int32_t* out) override {
    check_block(block);
    const Held& held = held_[static_cast<std::size_t>(slot)];
    require(held.block.depth == block.depth, "blocks of different depths were multiplied");
    const std::int64_t depth = held.steps * kTileDepth;
    const ConfiguredTiles tiles;
    for (std::int64_t line = 0; line < block.lines; line += kPair) {
      const std::int8_t* lines = block.bytes + line * block.stride;
      std::int64_t stride = block.stride;
      if (line + kPair > block.lines) {
        lines = filled_up(block, line, depth);
        stride = depth;
      }
      for (std::int64_t pair = 0; pair < held.pairs; ++pair) {
        multiply_pair(lines, stride,
                      held.tiles[static_cast<std::size_t>(2 * pair * held.steps)].bytes.data(),
                      held.steps, out + line * kByteTile + pair * kPair);
      }
    }
  }

private:
  struct alignas(64) Tile {
    std::array<std::int8_t, kTileBytes> bytes;
  };
  struct Held {
    ByteBlock block;
    std::int64_t steps = 0;  ///< of 64 bytes of depth
    std::int64_t pairs = 0;  ///< of tiles, so of 32 lines
    std::span<Tile> tiles;
  };

  static void check_block(const ByteBlock& block) {
    require(block.lines <= kByteTile && block.depth <= kMostDepth, "a block of bytes is too large");
    require(block.stride >= rounded_up(block.depth, kTileDepth), "lines of bytes overlap");
  }

  /// A tile of the block, zero outside of it.
  WISHART_TILES static void hold_tile(const ByteBlock& block, std::int64_t line, std::int64_t begin,
                                      std::int8_t* to) {
    if (line + kTileLines <= block.lines && begin + kTileDepth <= block.depth) {
      transpose_words(block.bytes + line * block.stride + begin, block.stride, to, kTileDepth);
      return;
    }
    std::array<std::int8_t, kTileBytes> part{};
    const std::int64_t bytes = std::min(kTileDepth, block.depth - begin);
    for (std::int64_t i = line; i < std::min(line + kTileLines, block.lines); ++i) {
      std::memcpy(part.data() + (i - line) * kTileDepth, block.bytes + i * block.stride + begin,
                  static_cast<std::size_t>(bytes));
    }
    transpose_words(part.data(), kTileDepth, to, kTileDepth);
  }

  /// The lines of the block from `line` on, with others of zeros: 32 of `depth` bytes.
  const std::int8_t* filled_up(const ByteBlock& block, std::int64_t line, std::int64_t depth) {
    last_.assign(static_cast<std::size_t>(kPair * depth / kTileBytes), Tile{});
    for (std::int64_t i = line; i < block.lines; ++i) {
      std::memcpy(last_.front().bytes.data() + (i - line) * depth, block.bytes + i * block.stride,
                  static_cast<std::size_t>(block.depth));
    }
    return last_.front().bytes.data();
  }

  Workspace memory_;  ///< asks for huge pages, because tiles are read in long strides
  std::array<Held, kMostModuli> held_;
  std::vector<Tile> last_;
};

/// Asks Linux for the tiles, which a process has to do once. Documentation/arch/x86/xstate.rst:
/// ARCH_REQ_XCOMP_PERM, feature 18.
bool tiles_permitted() {
  constexpr long kRequest = 0x1023;
  static const bool permitted = ::syscall(SYS_arch_prctl, kRequest, 18) == 0;
  return permitted;
}

}  // namespace

std::unique_ptr<ByteProducts> make_tile_products() {
  if (byte_unit() != ByteUnit::tiles || !tiles_permitted()) return nullptr;
  return std::make_unique<TileProducts>();
}

}  // namespace wishart::spectrum

#else

#include "integer/byte_products.hpp"

namespace wishart::spectrum {

std::unique_ptr<ByteProducts> make_tile_products() { return nullptr; }

}  // namespace wishart::spectrum

#endif
