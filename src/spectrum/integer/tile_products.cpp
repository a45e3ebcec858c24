/// @file
/// Products of bytes by AMX, the tile unit of Intel's processors from Sapphire Rapids on.
///
/// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18: TDPBSSD adds
/// to a tile of 16 x 16 integers the products of 16 lines of 64 bytes with 16 others, whose bytes
/// come in groups of four.

#include "integer/byte_products.hpp"

#if defined(__x86_64__)

#include <array>
#include <immintrin.h>

#include <sys/syscall.h>
#include <unistd.h>

#include "integer/packed_products.hpp"

namespace wishart::spectrum {
namespace {

#define WISHART_TILES __attribute__((target("avx512f,amx-tile,amx-int8")))

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

/// 32 lines times a pair of tiles: four sums, two tiles of each operand, are the eight that there
/// are.
WISHART_TILES void multiply_pair(const std::int8_t* lines, std::int64_t stride,
                                 const std::int8_t* held, std::int64_t steps, std::int32_t* out,
                                 FetchAhead& ahead) {
  constexpr std::int64_t kOutStride = kHeldLines * static_cast<std::int64_t>(sizeof(std::int32_t));
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
    ahead.fetch();
  }
  _tile_stored(0, out, kOutStride);
  _tile_stored(1, out + kTileLines, kOutStride);
  _tile_stored(2, out + kTileLines * kHeldLines, kOutStride);
  _tile_stored(3, out + kTileLines * kHeldLines + kTileLines, kOutStride);
}

/// Asks Linux for the tiles, which a process has to do once. Documentation/arch/x86/xstate.rst:
/// ARCH_REQ_XCOMP_PERM, feature 18.
bool tiles_permitted() {
  constexpr long kRequest = 0x1023;
  static const bool permitted = ::syscall(SYS_arch_prctl, kRequest, 18) == 0;
  return permitted;
}

}  // namespace

WISHART_TILES void multiply_by_tiles(const std::int8_t* lines, std::int64_t stride,
                                     const PackedBlock& held, std::int32_t* out,
                                     FetchAhead& ahead) {
  const ConfiguredTiles tiles;
  for (std::int64_t pair = 0; pair < held.pairs; ++pair) {
    multiply_pair(lines, stride, held.tiles + 2 * pair * held.steps * kTileBytes, held.steps,
                  out + pair * kPair, ahead);
  }
}

std::unique_ptr<ByteProducts> make_tile_products() {
  if (byte_unit() != ByteUnit::tiles || !tiles_permitted()) return nullptr;
  return std::make_unique<PackedProducts>(PackedProducts::Held::as_they_are, multiply_by_tiles);
}

}  // namespace wishart::spectrum

#else

namespace wishart::spectrum {

std::unique_ptr<ByteProducts> make_tile_products() { return nullptr; }

}  // namespace wishart::spectrum

#endif
