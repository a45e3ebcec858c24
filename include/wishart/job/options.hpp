#pragma once

/// @file
/// The options of each command, from flags and job files.

#include <span>
#include <string>

#include "wishart/job/archive_options.hpp"
#include "wishart/job/decision_options.hpp"
#include "wishart/job/scan_options.hpp"

namespace wishart::job {

/// Parse the arguments after the command's name. A flag takes precedence over the job file
/// (`--job`), which takes precedence over the default above.
/// @throws Error with Blame::usage that names the argument and, for an unknown key, the nearest one
[[nodiscard]] ScanOptions parse_scan(std::span<const std::string> arguments);
[[nodiscard]] InspectOptions parse_inspect(std::span<const std::string> arguments);
[[nodiscard]] PlanOptions parse_plan(std::span<const std::string> arguments);
[[nodiscard]] RefitOptions parse_refit(std::span<const std::string> arguments);
[[nodiscard]] ReportOptions parse_report(std::span<const std::string> arguments);
[[nodiscard]] ExportOptions parse_export(std::span<const std::string> arguments);
[[nodiscard]] VerifyOptions parse_verify(std::span<const std::string> arguments);
[[nodiscard]] CompareOptions parse_compare(std::span<const std::string> arguments);
[[nodiscard]] PlotOptions parse_plot(std::span<const std::string> arguments);
[[nodiscard]] GateOptions parse_gate(std::span<const std::string> arguments);
[[nodiscard]] CheckOptions parse_check(std::span<const std::string> arguments);
[[nodiscard]] RankOptions parse_rank(std::span<const std::string> arguments);
[[nodiscard]] IndexOptions parse_index(std::span<const std::string> arguments);
[[nodiscard]] MergeOptions parse_merge(std::span<const std::string> arguments);
[[nodiscard]] SynthOptions parse_synth(std::span<const std::string> arguments);

/// The text of `wishart COMMAND --help`, or of `wishart --help` for an empty name.
[[nodiscard]] std::string help_text(const std::string& command);

}  // namespace wishart::job
