/// @file
/// Products of bytes by AMX, the tile unit of Intel's processors from Sapphire Rapids on.
///
/// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18: TDPBSSD adds
/// to a tile of 16 x 16 integers the products of 16 lines of 64 bytes with 16 others, whose bytes
/// come in groups of four.

#if defined(__x86_64__)

#include <algorithm>
#include <array>
#include <cstring>
#include <immintrin.h>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

#include "wishart/core/error.hpp"
#include "wishart/core/rounded_up.hpp"

#include "integer/byte_products.hpp"
#include "integer/moduli.hpp"

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

// NOLINTNEXTLINE(modernize-use-using): vector_size goes with a typedef
typedef std::int32_t Words __attribute__((vector_size(64)));

// Of each four words, the first or last two of both, in turn; then pairs of words; then fours.
WISHART_INLINE Words low_words(Words a, Words b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
}
WISHART_INLINE Words high_words(Words a, Words b) {
  return __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
}
WISHART_INLINE Words low_pairs(Words a, Words b) {
  return __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
}
WISHART_INLINE Words high_pairs(Words a, Words b) {
  return __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
}
WISHART_INLINE Words even_fours(Words a, Words b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
}
WISHART_INLINE Words odd_fours(Words a, Words b) {
  return __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}

/// Writes the 16 x 16 words of four bytes at `from`, rows `stride` bytes apart, transposed.
WISHART_TILES void transpose_words(const std::int8_t* from, std::int64_t stride, std::int8_t* to) {
  Words r[16];
  Words t[16];
  for (int i = 0; i < 16; ++i) std::memcpy(&r[i], from + i * stride, sizeof(Words));
  for (int i = 0; i < 16; i += 2) {
    t[i] = low_words(r[i], r[i + 1]);
    t[i + 1] = high_words(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = low_pairs(t[i], t[i + 2]);
    r[i + 1] = high_pairs(t[i], t[i + 2]);
    r[i + 2] = low_pairs(t[i + 1], t[i + 3]);
    r[i + 3] = high_pairs(t[i + 1], t[i + 3]);
  }
  // Now the c-th four words of r[4 a + b] are rows 4 a to 4 a + 3 of column 4 c + b.
  for (int b = 0; b < 4; ++b) {
    const Words even_low = even_fours(r[b], r[4 + b]);
    const Words even_high = even_fours(r[8 + b], r[12 + b]);
    const Words odd_low = odd_fours(r[b], r[4 + b]);
    const Words odd_high = odd_fours(r[8 + b], r[12 + b]);
    t[b] = even_fours(even_low, even_high);
    t[4 + b] = even_fours(odd_low, odd_high);
    t[8 + b] = odd_fours(even_low, even_high);
    t[12 + b] = odd_fours(odd_low, odd_high);
  }
  for (int i = 0; i < 16; ++i) std::memcpy(to + i * kTileDepth, &t[i], sizeof(Words));
}

/// Bytes that will be wanted soon, line by line.
struct Ahead {
  const std::int8_t* bytes = nullptr;
  std::int64_t stride = 0;
  std::int64_t line_bytes = 0;  ///< a multiple of 64
  std::int64_t count = 0;       ///< cache lines
};

/// 32 lines times 32 held ones. `held` has two tiles for each step of 64 bytes of depth.
/// Fetches the part of `ahead` between two of its cache lines meanwhile.
WISHART_TILES void multiply_pair(const std::int8_t* lines, std::int64_t stride,
                                 const std::int8_t* held, std::int64_t steps, std::int32_t* out,
                                 const Ahead& ahead, std::int64_t fetch, std::int64_t fetch_end) {
  constexpr std::int64_t kOutStride = kByteTile * static_cast<std::int64_t>(sizeof(std::int32_t));
  const std::int64_t per_line = std::max<std::int64_t>(ahead.line_bytes / 64, 1);
  const std::int64_t per_step = (fetch_end - fetch + steps - 1) / steps;
  const std::int8_t* next = ahead.bytes + fetch / per_line * ahead.stride + fetch % per_line * 64;
  std::int64_t left = per_line - fetch % per_line;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::int64_t k = 0; k < steps; ++k) {
    _tile_loadd(4, lines + k * kTileDepth, stride);
    _tile_loadd(6, held + 2 * k * kTileBytes, kTileDepth);
    _tile_dpbssd(0, 4, 6);
    _tile_loadd(7, held + (2 * k + 1) * kTileBytes, kTileDepth);
    _tile_dpbssd(1, 4, 7);
    _tile_loadd(5, lines + k * kTileDepth + kTileLines * stride, stride);
    _tile_dpbssd(2, 5, 6);
    for (const std::int64_t end = std::min(fetch + per_step, fetch_end); fetch < end; ++fetch) {
      _mm_prefetch(next, _MM_HINT_T1);
      next += 64;
      if (--left > 0) continue;
      next += ahead.stride - ahead.line_bytes;
      left = per_line;
    }
    _tile_dpbssd(3, 5, 7);
  }
  _tile_stored(0, out, kOutStride);
  _tile_stored(1, out + kTileLines, kOutStride);
  _tile_stored(2, out + kTileLines * kByteTile, kOutStride);
  _tile_stored(3, out + kTileLines * kByteTile + kTileLines, kOutStride);
}

class TileProducts : public ByteProducts {
public:
  // So that the held blocks of all moduli stay in the second-level cache, though others stream by.
  [[nodiscard]] Lines lines() const noexcept override { return {128, kPair}; }

  WISHART_TILES void hold(int slot, const ByteBlock& block) override {
    check_block(block);
    Held& held = held_[static_cast<std::size_t>(slot)];
    held.block = block;
    held.steps = rounded_up(block.depth, kTileDepth) / kTileDepth;
    held.pairs = rounded_up(block.lines, kPair) / kPair;
    held.tiles.resize(static_cast<std::size_t>(2 * held.pairs * held.steps));
    for (std::int64_t tile = 0; tile < 2 * held.pairs; ++tile) {
      for (std::int64_t step = 0; step < held.steps; ++step) {
        const std::int64_t at = (tile / 2 * held.steps + step) * 2 + tile % 2;
        hold_tile(block, tile * kTileLines, step * kTileDepth,
                  held.tiles[static_cast<std::size_t>(at)].bytes.data());
      }
    }
  }

  WISHART_TILES void multiply(int slot, const ByteBlock& block, const ByteBlock& next,
                              std::int32_t* out) override {
    check_block(block);
    const Held& held = held_[static_cast<std::size_t>(slot)];
    require(held.block.depth == block.depth, "blocks of different depths were multiplied");
    const std::int64_t depth = held.steps * kTileDepth;
    const Ahead ahead{next.bytes, next.stride, rounded_up(next.depth, kTileDepth),
                      next.lines * (rounded_up(next.depth, kTileDepth) / 64)};
    const std::int64_t products = rounded_up(block.lines, kPair) / kPair * held.pairs;
    std::int64_t done = 0;
    const ConfiguredTiles tiles;
    for (std::int64_t line = 0; line < block.lines; line += kPair) {
      const std::int8_t* lines = block.bytes + line * block.stride;
      std::int64_t stride = block.stride;
      if (line + kPair > block.lines) {
        lines = filled_up(block, line, depth);
        stride = depth;
      }
      for (std::int64_t pair = 0; pair < held.pairs; ++pair, ++done) {
        multiply_pair(lines, stride,
                      held.tiles[static_cast<std::size_t>(2 * pair * held.steps)].bytes.data(),
                      held.steps, out + line * kByteTile + pair * kPair, ahead,
                      ahead.count * done / products, ahead.count * (done + 1) / products);
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
    std::vector<Tile> tiles;
  };

  static void check_block(const ByteBlock& block) {
    require(block.lines <= kByteTile && block.depth <= kMostDepth, "a block of bytes is too large");
    require(block.stride >= rounded_up(block.depth, kTileDepth), "lines of bytes overlap");
  }

  /// A tile of the block, zero outside of it.
  WISHART_TILES static void hold_tile(const ByteBlock& block, std::int64_t line, std::int64_t begin,
                                      std::int8_t* to) {
    if (line + kTileLines <= block.lines && begin + kTileDepth <= block.depth) {
      transpose_words(block.bytes + line * block.stride + begin, block.stride, to);
      return;
    }
    std::array<std::int8_t, kTileBytes> part{};
    const std::int64_t bytes = std::min(kTileDepth, block.depth - begin);
    for (std::int64_t i = line; i < std::min(line + kTileLines, block.lines); ++i) {
      std::memcpy(part.data() + (i - line) * kTileDepth, block.bytes + i * block.stride + begin,
                  static_cast<std::size_t>(bytes));
    }
    transpose_words(part.data(), kTileDepth, to);
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
