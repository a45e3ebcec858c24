#pragma once

/// @file
/// The commands as functions that take parsed options.

#include <iosfwd>
#include <string>
#include <vector>

#include "wishart/job/ending.hpp"
#include "wishart/job/options.hpp"

namespace wishart::mpi {
class Comm;
}

namespace wishart::job {

/// The output of a command, and how it ended.
struct CommandResult {
  std::string text;
  Ending ending;
  std::vector<std::string> notes{};  ///< lines for standard error
};

/// Scans all checkpoints that the options name, one after the other. Collective over `world`.
///
/// @return the same on every rank: done, or the ending for the matrices that failed
/// @throws mpi::AgreedError on every rank; finished matrices are not lost
[[nodiscard]] Ending run_scan(const ScanOptions& options, const mpi::Comm& world, std::ostream& out,
                              std::ostream& err);

/// Scans a tuned checkpoint and its base as far as the archive lacks them, judges the first by the
/// rules of its kind, and answers in one line. Collective over `world`.
///
/// @return the same on every rank; the exit code is kGateFailed if it is not OK
/// @throws mpi::AgreedError on every rank; finished matrices are not lost if an archive is named
[[nodiscard]] Ending run_check(const CheckOptions& options, const mpi::Comm& world,
                               std::ostream& out, std::ostream& err);

/// Writes a checkpoint with known spectra and prints a summary. Collective over `world`.
///
/// @throws mpi::AgreedError on every rank
[[nodiscard]] Ending run_synth(const SynthOptions& options, const mpi::Comm& world,
                               std::ostream& out);

/// The model shapes that `synth` supports, with their parameters and bytes.
[[nodiscard]] std::string synth_list_text(const SynthOptions& options);

/// The matrices of a checkpoint and its skipped tensors, as text, CSV or JSON.
/// @throws Error
[[nodiscard]] std::string inspect_text(const InspectOptions& options);

/// How a scan would be divided over ranks, as text, CSV or JSON; or a batch script that runs it.
/// @throws Error
[[nodiscard]] CommandResult plan_scan(const PlanOptions& options);

/// Recomputes all metrics of an archive's checkpoints and reports on each. Skips checkpoints that
/// another job is working on; the exit code is then 75. Tells `err` when it waits for a lock.
/// @throws Error
[[nodiscard]] CommandResult refit_archive(const RefitOptions& options, std::ostream& err);

/// Streams the report of one archived checkpoint, or of a history and its latest checkpoint, to
/// `out`.
/// @throws Error
[[nodiscard]] CommandResult report_archive(const ReportOptions& options, std::ostream& out);

/// Streams a table or a spectrum to `out`: of one archived checkpoint, or a table of all of them.
/// If some of them cannot be read, the table contains the others and the ending reports the
/// failures.
/// @throws Error
[[nodiscard]] CommandResult export_archive(const ExportOptions& options, std::ostream& out);

/// Compares two checkpoints layer by layer.
/// @throws Error
[[nodiscard]] CommandResult compare_checkpoints(const CompareOptions& options);

/// A figure of a checkpoint, a run or a comparison as an SVG document, or a list of them.
/// @throws Error
[[nodiscard]] CommandResult plot_archive(const PlotOptions& options);

/// Checks checkpoints against rules. The exit code is kGateFailed if a rule fails.
/// @throws Error
[[nodiscard]] CommandResult gate_archive(const GateOptions& options);

/// Ranks models by a metric. If there are scores, also shows how each metric correlates with them.
/// @throws Error
[[nodiscard]] CommandResult rank_models(const RankOptions& options);

/// Updates the index of an archive and reports what was done. Notes name files that it cannot read.
/// @throws Error
[[nodiscard]] CommandResult index_archive(const IndexOptions& options);

/// Packs an archive into one file, or unpacks one, and reports what was done. The exit code is 3 if
/// a packed checkpoint cannot be read; all others are unpacked.
/// @throws Error
[[nodiscard]] CommandResult merge_archive(const MergeOptions& options);

/// Checks all bytes of an archive. The exit code is 3 if a file is not whole, even if it was set
/// aside, but not if it was sealed again. Tells `err` when it waits for a lock.
/// @throws Error
[[nodiscard]] CommandResult verify_archive(const VerifyOptions& options, std::ostream& err);

}  // namespace wishart::job
