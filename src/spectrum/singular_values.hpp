#pragma once

/// @file
/// Internal: all singular values of a dense matrix on one rank.
///
/// Two-stage reduction as for symmetric matrices: to a band with products of matrices (Grosser and
/// Lang, Parallel Computing 25 (1999) 969), then by bulge chasing to a bidiagonal matrix.
/// LAPACK's one-stage reduction does half of its work in matrix-vector products.

#include <cstdint>
#include <span>

#include "wishart/core/instruction_set.hpp"
#include "wishart/spectrum/workspace.hpp"

namespace wishart::spectrum {

/// Computes the singular values of `a` (rows x cols, column-major), ascending. Destroys `a`.
///
/// All transformations are orthogonal, so each value is off by a small multiple of eps times the
/// largest one, as with GESDD. The matrix may have any scale.
/// @param sigma  min(rows, cols) values
/// @throws Error with Blame::numerics if LAPACK reports a failure
void singular_values(std::span<double> a, std::int64_t rows, std::int64_t cols, InstructionSet isa,
                     Workspace& workspace, std::span<double> sigma);

/// The routine that singular_values takes for a short side, as the archive names it:
/// `two-stage-svd` or `dgesdd`.
[[nodiscard]] const char* singular_values_routine(std::int64_t order) noexcept;

/// Reduces the square matrix `a` (column-major, order n, leading dimension ld) to one with the same
/// singular values that has `width` diagonals above the main one and none below, in place. Elements
/// outside of the band are undefined afterwards. Uses the BLAS and its threads.
/// @pre 1 <= width; elements so scaled that their squares neither overflow nor underflow
void reduce_to_upper_band(std::span<double> a, std::int64_t n, std::int64_t ld, std::int64_t width,
                          Workspace& workspace);

/// Reduces the band of `a`, as `reduce_to_upper_band` left it, to an upper bidiagonal matrix with
/// the same singular values: `diagonal` (n) and `above` (n - 1). On one thread.
void reduce_to_bidiagonal(std::span<const double> a, std::int64_t n, std::int64_t ld,
                          std::int64_t width, InstructionSet isa, Workspace& workspace,
                          std::span<double> diagonal, std::span<double> above);

/// Singular values, descending, of the upper bidiagonal matrix with `diagonal` (n), which becomes
/// the values, and `above` (n - 1), which is destroyed: DBDSQR without vectors, i.e. dqds (DLASQ1).
/// @throws Error with Blame::numerics if LAPACK reports a failure
void bidiagonal_values(std::span<double> diagonal, std::span<double> above, Workspace& workspace);

}  // namespace wishart::spectrum
