#pragma once

/// @file
/// Inside of the module: the step of the reduction to a band that does nearly all its work.

#include <cstdint>
#include <span>

#include "wishart/core/instruction_set.hpp"
#include "wishart/spectrum/workspace.hpp"

namespace wishart::spectrum {

/// A column-major block of a larger matrix or of its own.
struct Block {
  double* data = nullptr;
  int rows = 0;
  int cols = 0;
  int ld = 1;

  [[nodiscard]] double* column(int col) const { return data + std::int64_t{col} * ld; }
};

/// Goes over the lower triangle of a symmetric matrix S once, and in each block of it subtracts a
/// rank-2k update and multiplies by the columns X of the next one:
///
///     S <- S - V W^T - W V^T,   Y <- S X
///
/// A BLAS does the two apart, DSYR2K and DSYMM, and copies all of S in each of them for the sake of
/// a few columns; this is a third of its work. Here a block is copied once and serves both, and its
/// transpose too. With `InstructionSet::portable` the BLAS does it, with its threads; else it is
/// one thread's work with kernels of our own.
class SymmetricPass {
public:
  /// For matrices up to order `largest` and at most `width` columns in V, W and X. What it takes
  /// from `workspace` (pass_workspace_bytes) it needs as long as it lives.
  SymmetricPass(std::int64_t largest, std::int64_t width, InstructionSet isa, Workspace& workspace);

  /// S is s.rows x s.rows; X and Y have as many rows. V and W have too, or no columns: no update.
  void run(const Block& s, const Block& v, const Block& w, const Block& x, const Block& y);

private:
  std::int64_t depth_ = 0;  ///< columns, rounded up
  InstructionSet isa_;
  std::span<double> packed_;
};

/// Bytes that a SymmetricPass takes, whatever the instruction set.
[[nodiscard]] std::int64_t pass_workspace_bytes(std::int64_t largest, std::int64_t width) noexcept;

}  // namespace wishart::spectrum
