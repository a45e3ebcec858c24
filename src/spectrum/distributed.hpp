#pragma once

/// @file
/// Inside of the module: symmetric matrices dealt out over a team, and their eigenvalues.

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
///   32-bit indices reach, which it computes without a check
[[nodiscard]] DistributedMatrix make_distributed(Team& team, std::int64_t order,
                                                 const SolveOptions& options, Workspace& workspace);

/// Adds up the Gram matrix of the view by PDSYRK, panel by panel: no rank holds more than its share
/// and a panel. Collective over the team.
void distributed_gram(const ViewTask& task, Team& team, const SolveOptions& options, Tally& tally,
                      DistributedMatrix& gram);

/// Eigenvalues, ascending, on rank 0 at least, by ScaLAPACK's PDSYNTRD and LAPACK's DSTERF. Reads
/// the lower triangle; the matrix is scratch afterwards. Collective over the team.
void eigenvalues_by_scalapack(Team& team, DistributedMatrix& matrix, Workspace& workspace,
                              std::span<double> eigenvalues);

/// The same by ELPA's two-stage solver. Reads both triangles. Collective over the team.
void eigenvalues_by_elpa(Team& team, DistributedMatrix& matrix, std::span<double> eigenvalues);

/// Copies the lower triangle of a distributed matrix above its diagonal. Collective over the team.
void mirror_lower(Team& team, DistributedMatrix& matrix, Workspace& workspace);

/// A block that leaves every row and column of the grid something to do where the matrix allows.
[[nodiscard]] std::int64_t block_for(std::int64_t extent, const ProcessGrid& grid,
                                     std::int64_t wanted) noexcept;

/// Descriptor of a matrix of `down` x `across`, at least one element a rank.
[[nodiscard]] Descriptor descriptor(const ProcessGrid& grid, const BlockCyclic& down,
                                    const BlockCyclic& across);

}  // namespace wishart::spectrum
