#pragma once

/// @file
/// Internal: exchanges large arrays between the ranks of a team.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "wishart/mpi/comm.hpp"
#include "wishart/record/spectrum.hpp"
#include "wishart/spectrum/process_grid.hpp"
#include "wishart/spectrum/workspace.hpp"

namespace wishart::spectrum {

class Tally;

/// Sums the lower triangles (column-major, order m) of all ranks into that of rank 0, in parts,
/// through a buffer from the workspace. Collective over `team`.
void sum_triangle_on_first(const mpi::Comm& team, std::span<double> gram, std::int64_t m,
                           Workspace& workspace);

/// Which blocks of a symmetric matrix are distributed.
enum class Triangle : std::uint8_t { lower, both };

/// Sums the Gram matrices of all ranks (column-major, order m; both triangles are read if
/// `triangle` says so) and distributes the sum over the grid in blocks of `block`. No rank holds
/// more than its own copy, its share and a bounded buffer. If only the lower triangle is
/// distributed, blocks above the diagonal are left unchanged. Collective over `team`.
/// @param share  this rank's local part, column-major
void sum_and_deal_out(const mpi::Comm& team, const ProcessGrid& grid, std::span<const double> gram,
                      std::int64_t m, std::int64_t block, Triangle triangle, Workspace& workspace,
                      std::span<double> share);

/// Sends the upper triangle of a column-major matrix of order n. The receiver sets the elements
/// below the diagonal to zero.
void send_triangle(const mpi::Comm& team, std::span<const double> upper, std::int64_t n, int to);
void receive_triangle(const mpi::Comm& team, std::span<double> upper, std::int64_t n, int from);

/// True on every rank if any rank had non-finite elements. Collective over `team`.
/// @throws Error on every rank as require_range does, for the elements of all ranks
[[nodiscard]] bool any_nonfinite(const mpi::Comm& team, const Tally& tally, Precision precision);

}  // namespace wishart::spectrum
