#pragma once

/// @file
/// The libraries that this process runs with, as far as they tell.

#include <string>

namespace wishart::job {

/// Names and versions, `; ` between them: MPI, BLAS and LAPACK as loaded, which may be others than
/// at build time, then those of BuildInfo::libraries.
[[nodiscard]] std::string libraries_text();

}  // namespace wishart::job
