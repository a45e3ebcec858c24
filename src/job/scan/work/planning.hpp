#pragma once

/// @file
/// From options to a plan, for `scan` and `plan`.

#include <span>
#include <string>

#include "wishart/job/options.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/plan/plan.hpp"

#include "scan/machine/machine.hpp"

namespace wishart::job {

[[nodiscard]] model::SelectionOptions selection_options_of(const SelectionArguments& arguments);

/// The options of the plan, except the number of ranks and the machine's memory.
[[nodiscard]] plan::PlanOptions plan_options_of(const ScanOptions& options);

/// The plan for `wanted`, a subset of `everything`. Each matrix is computed as in a scan of
/// everything, so that its bits do not depend on the other requested matrices. If everything does
/// not fit these ranks and this memory, `wanted` is planned alone.
/// @return its items refer to matrices of `wanted`
/// @throws Error as plan::make_plan
[[nodiscard]] plan::Plan plan_within(std::span<const Matrix> everything,
                                     std::span<const Matrix> wanted,
                                     const plan::PlanOptions& options);

/// What to ask Slurm for, if the plan does not fit what it gives: `, or submit the job with
/// --mem=5120M`. Empty if the memory is not Slurm's to give. A rank's share
/// of the memory is taken to grow in proportion to that of its host.
/// @param wanted   at least one
/// @param options  of the plan that did not fit: with the memory that there is
/// @param host     the memory of a host, to which they belong
[[nodiscard]] std::string memory_advice(std::span<const Matrix> wanted, plan::PlanOptions options,
                                        const HostMemory& host);

/// The default rates of the cost model, scaled to a rank with this speed.
[[nodiscard]] plan::Rates rates_of(double gflops);

/// The BLAS threads of a rank: from the options, else from the environment, else 1.
[[nodiscard]] int threads_of(const ScanOptions& options);

}  // namespace wishart::job
