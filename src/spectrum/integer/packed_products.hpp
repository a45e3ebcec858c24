#pragma once

/// @file
/// Internal: what products by tiles and by vectors share. Held blocks are packed so that both read
/// them in a straight line; what differs is the kernel for a few lines.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "wishart/spectrum/workspace.hpp"

#include "integer/byte_products.hpp"
#include "integer/moduli.hpp"

namespace wishart::spectrum {

/// A tile: 16 lines of 64 bytes. Packed, the bytes of the lines come in groups of four, as TDPBSSD
/// and VPDPBUSD take them.
inline constexpr std::int64_t kTileLines = 16;
inline constexpr std::int64_t kTileDepth = 64;
inline constexpr std::int64_t kTileBytes = kTileLines * kTileDepth;
/// Two tiles side by side.
inline constexpr std::int64_t kPair = 2 * kTileLines;
static_assert(kHeldLines % kPair == 0 && kMetLines == kPair);

#if defined(__x86_64__)

/// A packed block: for each pair of tiles, for each 64 bytes of depth, the two tiles.
struct PackedBlock {
  const std::int8_t* tiles = nullptr;
  std::int64_t pairs = 0;
  std::int64_t steps = 0;  ///< of 64 bytes of depth
};

/// 32 lines, `stride` bytes apart, times a packed block. Calls ahead.fetch() once for each pair and
/// step.
using MultiplyLines = void (*)(const std::int8_t* lines, std::int64_t stride,
                               const PackedBlock& held, std::int32_t* out, FetchAhead& ahead);

/// By AMX.
/// @pre the processor has tiles, and the operating system permits them
void multiply_by_tiles(const std::int8_t* lines, std::int64_t stride, const PackedBlock& held,
                       std::int32_t* out, FetchAhead& ahead);

class PackedProducts : public ByteProducts {
public:
  enum class Held : std::uint8_t {
    as_they_are,
    unsigned_bytes,  ///< increased by 128
  };
  PackedProducts(Held held, MultiplyLines kernel) noexcept : form_(held), multiply_(kernel) {}

  void hold(int slot, const ByteBlock& block) override;
  void multiply(int slot, const ByteBlock& block, std::int64_t first, std::int32_t* out,
                FetchAhead& ahead) override;

private:
  struct alignas(64) Tile {
    std::array<std::int8_t, kTileBytes> bytes;
  };
  struct Slot {
    std::int64_t depth = 0;
    PackedBlock block;
    std::span<Tile> tiles;  ///< the memory of `block`
  };
  void pack_tile(const ByteBlock& block, std::int64_t line, std::int64_t begin, Tile& to) const;
  [[nodiscard]] const std::int8_t* filled_up(const ByteBlock& block, std::int64_t depth);

  Held form_;
  MultiplyLines multiply_;
  Workspace memory_;  ///< asks for huge pages, because tiles are read in long strides
  std::array<Slot, kMostModuli> slots_;
  std::vector<Tile> last_;
};

}  // namespace wishart::spectrum

#endif
