#pragma once

/// @file
/// The libraries that this process uses.

#include <string>
#include <string_view>

namespace wishart::job {

/// The BLAS as loaded: `OpenBLAS 0.3.21 ...`, or the file of another one. Empty if it is not known.
[[nodiscard]] std::string blas_text();

/// The file of the BLAS if it is the reference implementation, which is several times slower than
/// one that is made for the processor; else empty.
[[nodiscard]] std::string reference_blas();

/// What is wrong if OpenBLAS takes kernels for processors much older than this one, because it does
/// not know this one yet; else empty.
[[nodiscard]] std::string old_kernels_text();
/// The same for kernels of this name on a processor with AVX2, and perhaps with AVX-512.
[[nodiscard]] std::string old_kernels_text(std::string_view kernels, bool avx512);

/// True if a BLAS without the functions of a known product, in this file, is the reference one.
[[nodiscard]] bool is_reference_blas(const std::string& file);

/// Names and versions, separated by `; `: MPI, BLAS and LAPACK as loaded, which may differ from
/// those at build time, then BuildInfo::libraries.
[[nodiscard]] std::string libraries_text();

}  // namespace wishart::job
