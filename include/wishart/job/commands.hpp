#pragma once

/// @file
/// The commands as functions, without their command lines.

#include <iosfwd>
#include <string>
#include <vector>

#include "wishart/job/ending.hpp"
#include "wishart/job/options.hpp"

namespace wishart::mpi {
class Comm;
}

namespace wishart::job {

/// What a command prints, and how it ends: done, or as what it found asks for.
struct CommandResult {
  std::string text;
  Ending ending;
  std::vector<std::string> notes{};  ///< lines for standard error
};

/// The main job: all checkpoints that the options name, one after the other. Collective over
/// `world`.
///
/// @return the same on every rank: done, or what the failed matrices of the archives ask for
/// @throws mpi::AgreedError on every rank; nothing that was computed is lost
[[nodiscard]] Ending run_scan(const ScanOptions& options, const mpi::Comm& world, std::ostream& out,
                              std::ostream& err);

/// Writes a checkpoint with planted spectra, then tells of it. Collective over `world`.
///
/// @throws mpi::AgreedError on every rank
[[nodiscard]] Ending run_synth(const SynthOptions& options, const mpi::Comm& world,
                               std::ostream& out);

/// The shapes that `synth` knows, with their parameters and bytes.
[[nodiscard]] std::string synth_list_text(const SynthOptions& options);

/// The matrices of a checkpoint and its skipped tensors, as text, CSV or JSON.
/// @throws Error
[[nodiscard]] std::string inspect_text(const InspectOptions& options);

/// How a scan would be divided over ranks, as text, CSV or JSON.
/// @throws Error
[[nodiscard]] std::string plan_text(const PlanOptions& options);

/// Computes all metrics of an archive's checkpoints again; says for each what was done. Those that
/// another job is at are left to it: exit code 75.
/// @throws Error
[[nodiscard]] CommandResult refit_archive(const RefitOptions& options);

/// The report of one archived checkpoint, or of a history and its last.
/// @throws Error
[[nodiscard]] CommandResult report_archive(const ReportOptions& options);

/// Writes a table or a spectrum to `out`, as it goes: of one archived checkpoint, or a table of all
/// of them. If some of all cannot be read, the table has the others, and the ending says which.
/// @throws Error
[[nodiscard]] CommandResult export_archive(const ExportOptions& options, std::ostream& out);

/// Two checkpoints, layer by layer.
/// @throws Error
[[nodiscard]] CommandResult compare_checkpoints(const CompareOptions& options);

/// Judges checkpoints by rules. Exit code kGateFailed if one is broken.
/// @throws Error
[[nodiscard]] CommandResult gate_archive(const GateOptions& options);

/// Models by a metric; with scores, how each metric follows them.
/// @throws Error
[[nodiscard]] std::string rank_text(const RankOptions& options);

/// Brings the index of an archive up to date; says what was done.
/// @throws Error
[[nodiscard]] std::string index_archive(const IndexOptions& options);

/// Packs an archive into one file, or unpacks one; says what was done.
/// @throws Error
[[nodiscard]] std::string merge_archive(const MergeOptions& options);

/// Looks at all bytes of an archive. Exit code 3 if a file is not whole, also if it was set aside,
/// but not if it was sealed again.
/// @throws Error
[[nodiscard]] CommandResult verify_archive(const VerifyOptions& options);

}  // namespace wishart::job
