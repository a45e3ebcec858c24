#pragma once

/// @file
/// Exports for programs that watch runs: Prometheus and TensorBoard.

#include <ostream>

#include "wishart/analysis/history.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/job/options.hpp"

namespace wishart::job {

/// The metrics of one checkpoint.
/// @param history  of the run, if the archive is of one and its latest checkpoint is exported; else
///   null
/// @throws Error
[[nodiscard]] CommandResult export_metrics(const archive::Reader& archive, const std::string& id,
                                           const ExportOptions& options,
                                           const analysis::History* history, std::ostream& out);

/// Event files of all checkpoints, in `options.folder`; those of later stages of a run in folders
/// below it. A file that begins the new one is added to, so that a TensorBoard that has it open
/// shows what is new; any other is replaced in one step.
/// @throws Error, with Blame::usage if the checkpoints cannot be put in order
[[nodiscard]] CommandResult export_events(const archive::Reader& archive,
                                          const ExportOptions& options, std::ostream& out);

}  // namespace wishart::job
