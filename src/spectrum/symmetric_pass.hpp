#pragma once

/// @file
/// Internal: the step of the reduction to a band that does nearly all of the work.

#include <cstdint>
#include <span>

#include "wishart/core/instruction_set.hpp"
#include "wishart/spectrum/workspace.hpp"

namespace wishart::spectrum {

/// A column-major block, either part of a larger matrix or a matrix of its own.
struct Block {
  double* data = nullptr;
  int rows = 0;
  int cols = 0;
  int ld = 1;

  [[nodiscard]] double* column(int col) const { return data + std::int64_t{col} * ld; }
};

/// Passes over the lower triangle of a symmetric matrix S once. In each block it subtracts a
/// rank-2k update and multiplies by the columns X of the next update:
///
///     S <- S - V W^T - W V^T,   Y <- S X
///
/// A BLAS does the two separately, with DSYR2K and DSYMM. Each of them copies all of S for only a
/// few columns, which is a third of its work. Here a block is copied once and serves both
/// operations, and its transpose too. `InstructionSet::portable` uses the BLAS with its threads.
/// Otherwise one thread does the work, with our own kernels.
class SymmetricPass {
public:
  /// For matrices up to order `largest` and at most `width` columns in V, W and X. Its memory from
  /// `workspace` (pass_workspace_bytes) must stay valid during its lifetime.
  SymmetricPass(std::int64_t largest, std::int64_t width, InstructionSet isa, Workspace& workspace);

  /// S is s.rows x s.rows; X and Y have as many rows. V and W do too, or they have no columns,
  /// which means no update.
  void run(const Block& s, const Block& v, const Block& w, const Block& x, const Block& y);

private:
  std::int64_t depth_ = 0;  ///< columns, rounded up
  InstructionSet isa_;
  std::span<double> packed_;
};

/// Bytes that a SymmetricPass takes from the workspace, the same for every instruction set.
[[nodiscard]] std::int64_t pass_workspace_bytes(std::int64_t largest, std::int64_t width) noexcept;

}  // namespace wishart::spectrum
