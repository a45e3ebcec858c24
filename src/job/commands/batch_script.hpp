#pragma once

/// @file
/// The command and the script that run a planned scan under Slurm.

#include <string>
#include <string_view>

#include "wishart/job/options.hpp"

#include "commands/planned_job.hpp"

namespace wishart::job {

/// slurm/scan.sbatch, taken in when the program is built.
[[nodiscard]] std::string_view scan_script() noexcept;

/// What a script does, without the comment and the directives at its top.
/// @throws Error with Blame::bug if it has no directives
[[nodiscard]] std::string_view body_of(std::string_view script);

/// The options of `sbatch` for the job, as words: ranks, memory, time, signal, and what is known of
/// the cluster.
[[nodiscard]] std::vector<std::string> sbatch_options(const PlanOptions& options,
                                                      const PlannedJob& job);

/// A command that submits slurm/scan.sbatch, with every option of the scan that was given.
[[nodiscard]] std::string sbatch_line(const PlanOptions& options, const PlannedJob& job);

/// A script that does the same by itself: what slurm/scan.sbatch does, with these directives.
/// @param about  lines of comment
[[nodiscard]] std::string batch_script(const PlanOptions& options, const PlannedJob& job,
                                       const std::vector<std::string>& about);

}  // namespace wishart::job
