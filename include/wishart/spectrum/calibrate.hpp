#pragma once

/// @file
/// Measures how fast this rank multiplies matrices, for predictions in seconds.

#include "wishart/spectrum/workspace.hpp"

namespace wishart::spectrum {

/// GFLOP/s of DSYRK on a panel like the engine's, with the BLAS's threads: the median of a few
/// products, some tens of milliseconds in all. Call it on all ranks of a host at once, so that they
/// share caches and memory as in the job.
[[nodiscard]] double measured_gram_gflops(Workspace& workspace);

}  // namespace wishart::spectrum
