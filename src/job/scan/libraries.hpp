#pragma once

/// @file
/// The libraries that this process uses.

#include <string>

namespace wishart::job {

/// The BLAS as loaded: `OpenBLAS 0.3.21 ...`, or the file of another one. Empty if it is not known.
[[nodiscard]] std::string blas_text();

/// The file of the BLAS if it is the reference implementation, which is several times slower than
/// one that is made for the processor; else empty.
[[nodiscard]] std::string reference_blas();

/// True if a BLAS without the functions of a known product, in this file, is the reference one.
[[nodiscard]] bool is_reference_blas(const std::string& file);

/// Names and versions, separated by `; `: MPI, BLAS and LAPACK as loaded, which may differ from
/// those at build time, then BuildInfo::libraries.
[[nodiscard]] std::string libraries_text();

}  // namespace wishart::job
