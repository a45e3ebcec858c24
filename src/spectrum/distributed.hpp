#pragma once

/// @file
/// Internal: symmetric matrices distributed over a team, and their eigenvalues.

#include <array>
#include <span>
#include <vector>

#include "wishart/spectrum/block_cyclic.hpp"
#include "wishart/spectrum/spectrum.hpp"
#include "wishart/spectrum/workspace.hpp"

#include "view_values.hpp"

namespace wishart::spectrum {

using Descriptor = std::array<int, 9>;  ///< ScaLAPACK's array descriptor

/// A square matrix in square blocks over a grid, and this rank's share of it.
struct DistributedMatrix {
  std::int64_t order = 0;
  std::int64_t block = 1;
  Descriptor desc{};
  std::span<double> share;  ///< column-major; at least one element
};

/// An uninitialised matrix over the team's grid. Collective over the team.
/// @throws mpi::AgreedError with Blame::resource if a share has more elements than ScaLAPACK's
///   32-bit indices allow; ScaLAPACK does not check this itself
[[nodiscard]] DistributedMatrix make_distributed(Team& team, std::int64_t order,
                                                 const SolveOptions& options, Workspace& workspace);

/// Accumulates the Gram matrix of the view with PDSYRK, panel by panel: no rank holds more than its
/// share and a panel. Collective over the team.
void distributed_gram(const ViewTask& task, Team& team, const SolveOptions& options, Tally& tally,
                      DistributedMatrix& gram);

/// Eigenvalues, ascending, on rank 0 at least, by ScaLAPACK's PDSYNTRD and LAPACK's DSTERF. Reads
/// the lower triangle and destroys the matrix. Collective over the team.
void eigenvalues_by_scalapack(Team& team, DistributedMatrix& matrix, Workspace& workspace,
                              std::span<double> eigenvalues);

/// The same by ELPA's two-stage solver. Reads both triangles. Collective over the team.
void eigenvalues_by_elpa(Team& team, DistributedMatrix& matrix, std::span<double> eigenvalues);

/// Copies the lower triangle of a distributed matrix above its diagonal. Collective over the team.
void mirror_lower(Team& team, DistributedMatrix& matrix, Workspace& workspace);

/// A block size that gives every row and column of the grid some work, if the matrix is large
/// enough.
[[nodiscard]] std::int64_t block_for(std::int64_t extent, const ProcessGrid& grid,
                                     std::int64_t wanted) noexcept;

/// Descriptor of a matrix of `down` x `across`, with at least one element per rank.
[[nodiscard]] Descriptor descriptor(const ProcessGrid& grid, const BlockCyclic& down,
                                    const BlockCyclic& across);

}  // namespace wishart::spectrum
