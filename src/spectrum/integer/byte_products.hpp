#pragma once

/// @file
/// Internal: products of blocks of signed bytes, summed in 32-bit integers. Exact, so all ways give
/// the same bits.

#include <cstdint>
#include <memory>

#include "wishart/record/panel.hpp"

#include "integer/fetch_ahead.hpp"

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
  /// @pre lines <= kHeldLines, depth <= kMostDepth
  virtual void hold(int slot, const ByteBlock& block) = 0;
  /// out[i * kHeldLines + j] = sum over k of block(i, k) held(first + j, k). Rows are overwritten
  /// up to kMetLines, and columns up to the next multiple of that.
  /// @param first  of the held lines that are wanted; a multiple of kMetLines
  /// @param ahead  what to fetch on the way, spread over fetch_steps()
  /// @pre lines <= kMetLines, the same depth as the held block
  virtual void multiply(int slot, const ByteBlock& block, std::int64_t first, std::int32_t* out,
                        FetchAhead& ahead) = 0;
};

/// How often a product with `held` lines calls FetchAhead::fetch.
[[nodiscard]] std::int64_t fetch_steps(std::int64_t held, std::int64_t depth) noexcept;

enum class ByteUnit : std::uint8_t {
  none,     ///< this processor has no fast products of bytes
  vectors,  ///< AVX-512 with VNNI
  tiles,    ///< AMX, which the operating system permits
};

/// What this processor has.
[[nodiscard]] ByteUnit byte_unit() noexcept;

/// True if vectors multiply bytes: AVX-512 with VNNI.
[[nodiscard]] bool has_byte_vectors() noexcept;

/// By the fastest way: tiles, then vectors, then portable code.
[[nodiscard]] std::unique_ptr<ByteProducts> make_byte_products();
/// By tiles. Null without them.
[[nodiscard]] std::unique_ptr<ByteProducts> make_tile_products();
/// By vectors. Null without VNNI.
[[nodiscard]] std::unique_ptr<ByteProducts> make_vector_products();
/// In portable code: the oracle of the tests.
[[nodiscard]] std::unique_ptr<ByteProducts> make_portable_products();

}  // namespace wishart::spectrum
