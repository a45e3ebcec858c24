#pragma once

/// @file
/// One dimension of ScaLAPACK's two-dimensional block-cyclic layout: arithmetic only.

#include <cstdint>

namespace wishart::spectrum {

/// `extent` indices in blocks of `block`, distributed in turn over `parts` processes, starting with
/// part 0 (ScaLAPACK Users' Guide, section 4.3.2).
struct BlockCyclic {
  std::int64_t extent = 0;
  std::int64_t block = 1;
  int parts = 1;

  /// How many indices `part` holds (ScaLAPACK's NUMROC).
  [[nodiscard]] std::int64_t local_extent(int part) const noexcept;
  /// The global index of the local index `local` on `part`.
  [[nodiscard]] std::int64_t global_index(int part, std::int64_t local) const noexcept {
    return ((local / block) * parts + part) * block + local % block;
  }
  /// Who holds a global index.
  [[nodiscard]] int owner(std::int64_t global) const noexcept {
    return static_cast<int>((global / block) % parts);
  }
};

}  // namespace wishart::spectrum
