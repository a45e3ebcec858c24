#pragma once

/// @file
/// The libraries that this process runs with, as far as they tell.

#include <cstdint>
#include <string>

namespace wishart::job {

/// Threads that the BLAS uses in this process; 0 if it does not tell.
[[nodiscard]] std::int64_t blas_threads() noexcept;

/// Names and versions, `; ` between them: MPI, BLAS and LAPACK as loaded, which may be others than
/// at build time, then those of BuildInfo::libraries.
[[nodiscard]] std::string libraries_text();

}  // namespace wishart::job
