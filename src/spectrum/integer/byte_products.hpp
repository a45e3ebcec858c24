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

/// `lines` vectors of `depth` bytes, `stride` bytes apart.
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
  /// out[i * kByteTile + j] = sum over k of block(i, k) held(j, k).
  /// @pre the same depth as the held block
  virtual void multiply(int slot, const ByteBlock& block, std::int32_t* out) = 0;
};

enum class ByteUnit : std::uint8_t {
  none,   ///< this processor, or this build, has no fast products of bytes
  wide,   ///< instructions for vectors of bytes: AVX-512 with VNNI
  tiles,  ///< AMX, which the operating system permits
};

/// What this processor has, if the build has oneDNN, which uses it.
[[nodiscard]] ByteUnit byte_unit() noexcept;

/// By oneDNN, if there is a unit for bytes, else in portable code.
/// @throws Error with Blame::resource if oneDNN cannot be loaded
[[nodiscard]] std::unique_ptr<ByteProducts> make_byte_products();
/// The same with a given layout of held blocks, where there are two: for tests.
[[nodiscard]] std::unique_ptr<ByteProducts> make_byte_products(bool packed);
/// In portable code: the oracle of the tests.
[[nodiscard]] std::unique_ptr<ByteProducts> make_portable_products();

}  // namespace wishart::spectrum
