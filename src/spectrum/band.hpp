#pragma once

/// @file
/// Internal: reduces a symmetric matrix to a band, and the band to a tridiagonal matrix.
///
/// Two-stage reduction (Bischof, Lang, Sun, ACM TOMS 26 (2000) 581; Haidar, Ltaief, Dongarra,
/// SC'11): nearly all work is in matrix-matrix products. The one-stage reduction does half of its
/// work in matrix-vector products, which are bound by memory.

#include <cstdint>
#include <span>

#include "wishart/core/instruction_set.hpp"
#include "wishart/spectrum/workspace.hpp"

namespace wishart::spectrum {

/// Reduces the symmetric matrix `a` (lower triangle, column-major, order n, leading dimension ld)
/// to one with the same eigenvalues and `width` diagonals below the main one, in place. The
/// elements below the band are undefined afterwards. If `isa` is portable this uses the BLAS and
/// its threads. Otherwise it uses one thread, which takes a third to a half of the time that the
/// BLAS takes on one thread.
///
/// The rounding, and so the last bits, depend on `isa`.
/// @pre 1 <= width; elements so scaled that their squares do not overflow
void reduce_to_band(std::span<double> a, std::int64_t n, std::int64_t ld, std::int64_t width,
                    InstructionSet isa, Workspace& workspace);

/// Reduces the band of `a`, as `reduce_to_band` left it, to a tridiagonal matrix with the same
/// eigenvalues: `diagonal` (n) and `below` (n - 1). On one thread.
///
/// The rounding, and so the last bits, depend on `isa`.
void reduce_to_tridiagonal(std::span<const double> a, std::int64_t n, std::int64_t ld,
                           std::int64_t width, InstructionSet isa, Workspace& workspace,
                           std::span<double> diagonal, std::span<double> below);

}  // namespace wishart::spectrum
