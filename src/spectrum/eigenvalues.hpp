#pragma once

/// @file
/// Inside of the module: all eigenvalues of a symmetric matrix on one rank.

#include <cstdint>
#include <span>

#include "wishart/spectrum/workspace.hpp"

#include "band.hpp"

namespace wishart::spectrum {

/// Replaces `a` (symmetric positive semidefinite, lower triangle, column-major, order n) by scratch
/// and gives its eigenvalues, ascending.
///
/// The reductions run with the BLAS's threads, the chase and DSTERF on one. No second n x n matrix
/// is needed. Any scale: the matrix is brought near 1 by a power of two first.
/// @return the routine's name for the archive: `two-stage` or `dsyevd`
/// @throws Error with Blame::numerics if LAPACK reports a failure
const char* symmetric_eigenvalues(std::span<double> a, std::int64_t n, InstructionSet isa,
                                  Workspace& workspace, std::span<double> eigenvalues);

/// Bytes that symmetric_eigenvalues takes from the workspace, beside the matrix.
[[nodiscard]] std::int64_t eigenvalue_workspace_bytes(std::int64_t n) noexcept;

}  // namespace wishart::spectrum
