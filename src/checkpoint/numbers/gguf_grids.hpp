#pragma once

/// @file
/// The code books of ggml's types IQ1, IQ2 and IQ3: short runs of levels that a code stands for.

#include <array>
#include <cstdint>
#include <vector>

namespace wishart::checkpoint {

/// A code book: `levels` of entry i, level by level. Runs of 8 levels (IQ1, IQ2) or 4 (IQ3).
template <std::size_t Width>
using GgufGrid = std::vector<std::array<std::int8_t, Width>>;

struct GgufGrids {
  GgufGrid<8> iq1;      ///< IQ1_S and IQ1_M, 2048 entries; levels -1, 0, 1
  GgufGrid<8> iq2_xxs;  ///< 256 entries; levels 8, 25, 43, as of all IQ2
  GgufGrid<8> iq2_xs;   ///< 512 entries
  GgufGrid<8> iq2_s;    ///< 1024 entries
  GgufGrid<4> iq3_xxs;  ///< 256 entries; levels 4, 12, 20, 28, 36, 44, 52, 62
  GgufGrid<4> iq3_s;    ///< 512 entries; odd levels 1 to 15
};

/// The code books, unpacked at the first call.
[[nodiscard]] const GgufGrids& gguf_grids();

}  // namespace wishart::checkpoint
