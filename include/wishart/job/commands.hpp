#pragma once

/// @file
/// The commands as functions, without their command lines.

#include <iosfwd>
#include <string>

#include "wishart/job/options.hpp"

namespace wishart::mpi {
class Comm;
}

namespace wishart::job {

/// The main job: all checkpoints that the options name, one after the other. Collective over
/// `world`.
///
/// @return 0, or the exit code that the failed matrices of the archives ask for
/// @throws mpi::AgreedError on every rank; nothing that was computed is lost
[[nodiscard]] int run_scan(const ScanOptions& options, const mpi::Comm& world, std::ostream& out,
                           std::ostream& err);

/// Writes a checkpoint with planted spectra, then tells of it. Collective over `world`.
///
/// @return 0
/// @throws mpi::AgreedError on every rank
[[nodiscard]] int run_synth(const SynthOptions& options, const mpi::Comm& world, std::ostream& out);

/// The shapes that `synth` knows, with their parameters and bytes.
[[nodiscard]] std::string synth_list_text(const SynthOptions& options);

/// The matrices of a checkpoint and its skipped tensors, as text, CSV or JSON.
/// @throws Error
[[nodiscard]] std::string inspect_text(const InspectOptions& options);

/// How a scan would be divided over ranks, as text, CSV or JSON.
/// @throws Error
[[nodiscard]] std::string plan_text(const PlanOptions& options);

/// Computes all metrics of an archive's checkpoints again; says for each what was done.
/// @throws Error
[[nodiscard]] std::string refit_archive(const RefitOptions& options);

/// The report of one archived checkpoint.
[[nodiscard]] std::string report_text(const ReportOptions& options);

/// A table or a spectrum of one archived checkpoint.
[[nodiscard]] std::string export_bytes(const ExportOptions& options);

}  // namespace wishart::job
