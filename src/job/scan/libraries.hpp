#pragma once

/// @file
/// The libraries that this process uses.

#include <string>

namespace wishart::job {

/// Names and versions, separated by `; `: MPI, BLAS and LAPACK as loaded, which may differ from
/// those at build time, then BuildInfo::libraries.
[[nodiscard]] std::string libraries_text();

}  // namespace wishart::job
