#pragma once

/// @file
/// From options to a plan: what `scan` and `plan` do alike.

#include "wishart/job/options.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/plan/plan.hpp"

namespace wishart::job {

[[nodiscard]] model::SelectionOptions selection_options_of(const SelectionArguments& arguments);

/// The plan's options, without the ranks and the machine's memory.
[[nodiscard]] plan::PlanOptions plan_options_of(const ScanOptions& options);

/// The default rates of the cost model, scaled to a rank that multiplies at `gflops`.
[[nodiscard]] plan::Rates rates_of(double gflops);

/// Threads that a rank's BLAS works with: as asked for, else as the environment says, else 1.
[[nodiscard]] int threads_of(const ScanOptions& options);

}  // namespace wishart::job
