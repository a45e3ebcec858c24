#pragma once

/// @file
/// Internal: products of blocks of signed bytes, summed in 32-bit integers. Exact, so all ways give
/// the same bits.

#include <array>
#include <cstdint>
#include <memory>

#include "wishart/record/panel.hpp"

namespace wishart::spectrum {

/// With more, a sum of products of unsigned and signed bytes might not fit into 32 bits.
inline constexpr std::int64_t kMostDepth = 65536;

/// `lines` vectors of `depth` bytes, `stride` bytes apart. The stride is a multiple of 64: what
/// lies between the end of a line and the next multiple of 64 may be read, and does not count.
struct ByteBlock {
  const std::int8_t* bytes = nullptr;
  std::int64_t lines = 0;
  std::int64_t depth = 0;
  std::int64_t stride = 0;
};

/// Multiplies blocks. Holds one of them for each modulus, because it meets many others.
class ByteProducts {
public:
  virtual ~ByteProducts() = default;

  /// Keeps `block` in place `slot`. Its bytes must stay until the next block is held there.
  /// @pre lines <= kByteTile, depth <= kMostDepth
  virtual void hold(int slot, const ByteBlock& block) = 0;
  /// out[i * kByteTile + j] = sum over k of block(i, k) held(j, k). What is left of the last 32
  /// rows and columns is overwritten too.
  /// @pre the same depth as the held block
  virtual void multiply(int slot, const ByteBlock& block, std::int32_t* out) = 0;
  /// Blocks that are multiplied fastest.
  struct Lines {
    std::int64_t held = kByteTile;  ///< of a held block
    std::int64_t met = kByteTile;   ///< of a block that it meets
  };
  [[nodiscard]] virtual Lines lines() const noexcept { return {}; }
};

enum class ByteUnit : std::uint8_t {
  none,   ///< this processor, or this build, has no fast products of bytes
  wide,   ///< instructions for vectors of bytes: AVX-512 with VNNI
  tiles,  ///< AMX, which the operating system permits
};

/// What this processor has. Vectors count only if the build has oneDNN, which uses them.
[[nodiscard]] ByteUnit byte_unit() noexcept;

/// By the fastest way: tiles, then oneDNN, then portable code.
/// @throws Error with Blame::resource if oneDNN cannot be loaded
[[nodiscard]] std::unique_ptr<ByteProducts> make_byte_products();
/// By tiles. Null without them.
[[nodiscard]] std::unique_ptr<ByteProducts> make_tile_products();
/// By oneDNN, with held blocks in its own layout or as they are. Null without oneDNN, and where it
/// would not be exact.
/// @throws Error with Blame::resource if oneDNN cannot be loaded
[[nodiscard]] std::unique_ptr<ByteProducts> make_onednn_products(bool packed);
/// The same in the layout that is faster here.
[[nodiscard]] std::unique_ptr<ByteProducts> make_onednn_products();
/// In portable code: the oracle of the tests.
[[nodiscard]] std::unique_ptr<ByteProducts> make_portable_products();

}  // namespace wishart::spectrum
