#pragma once

/// @file
/// From options to a plan: what `scan` and `plan` do alike.

#include <span>

#include "wishart/job/options.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/plan/plan.hpp"

namespace wishart::job {

[[nodiscard]] model::SelectionOptions selection_options_of(const SelectionArguments& arguments);

/// The plan's options, without the ranks and the machine's memory.
[[nodiscard]] plan::PlanOptions plan_options_of(const ScanOptions& options);

/// The plan for `wanted`, a part of `everything`. Each matrix is done in the way in which a scan of
/// everything does it, so that its bits do not depend on which others are asked for. If everything
/// cannot be done with these ranks and this memory, `wanted` is planned by itself.
/// @return its items name matrices of `wanted`
/// @throws Error as plan::make_plan
[[nodiscard]] plan::Plan plan_within(std::span<const Matrix> everything,
                                     std::span<const Matrix> wanted,
                                     const plan::PlanOptions& options);

/// The default rates of the cost model, scaled to a rank that multiplies at `gflops`.
[[nodiscard]] plan::Rates rates_of(double gflops);

/// Threads that a rank's BLAS works with: as asked for, else as the environment says, else 1.
[[nodiscard]] int threads_of(const ScanOptions& options);

}  // namespace wishart::job
