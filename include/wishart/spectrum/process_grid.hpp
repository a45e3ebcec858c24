#pragma once

/// @file
/// The BLACS process grid as an object that releases itself.

#include "wishart/mpi/comm.hpp"

namespace wishart::spectrum {

/// A grid of all ranks of a team, row-major, as square as their number allows (rows <= cols).
class ProcessGrid {
public:
  /// Collective over `team`, which is only borrowed for the call.
  explicit ProcessGrid(const mpi::Comm& team);
  ~ProcessGrid();
  ProcessGrid(const ProcessGrid&) = delete;
  ProcessGrid& operator=(const ProcessGrid&) = delete;

  [[nodiscard]] int rows() const noexcept { return rows_; }
  [[nodiscard]] int cols() const noexcept { return cols_; }
  [[nodiscard]] int row() const noexcept { return row_; }
  [[nodiscard]] int col() const noexcept { return col_; }
  /// The BLACS context, for descriptors.
  [[nodiscard]] int context() const noexcept { return context_; }

private:
  int rows_ = 1;
  int cols_ = 1;
  int row_ = 0;
  int col_ = 0;
  int context_ = -1;
};

}  // namespace wishart::spectrum
