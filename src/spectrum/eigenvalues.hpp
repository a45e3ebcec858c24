#pragma once

/// @file
/// Internal: all eigenvalues of a symmetric matrix on one rank.

#include <cstdint>
#include <span>

#include "wishart/spectrum/workspace.hpp"

#include "band.hpp"

namespace wishart::spectrum {

/// Computes the eigenvalues of `a` (symmetric positive semidefinite, lower triangle, column-major,
/// order n), ascending. Destroys `a`.
///
/// The reductions use the BLAS's threads, the chase and DSTERF one thread. No second n x n matrix
/// is needed. The matrix may have any scale: it is first scaled by a power of two to elements near
/// 1.
/// @return the routine's name for the archive: `two-stage` or `dsyevd`
/// @throws Error with Blame::numerics if LAPACK reports a failure
const char* symmetric_eigenvalues(std::span<double> a, std::int64_t n, InstructionSet isa,
                                  Workspace& workspace, std::span<double> eigenvalues);

/// Bytes that symmetric_eigenvalues takes from the workspace, in addition to the matrix.
[[nodiscard]] std::int64_t eigenvalue_workspace_bytes(std::int64_t n) noexcept;

}  // namespace wishart::spectrum
