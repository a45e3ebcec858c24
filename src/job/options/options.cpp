#include "wishart/job/options.hpp"

#include <sstream>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "options/command_options.hpp"
#include "options/decision_options.hpp"
#include "options/fit_options.hpp"
#include "options/pipeline_options.hpp"
#include "options/plan_options.hpp"
#include "options/plot_options.hpp"
#include "options/running_options.hpp"
#include "options/shared_options.hpp"
#include "options/synth_options.hpp"
#include "options/text_width.hpp"

namespace wishart::job {
namespace {

Command scan_command() {
  Command command{
      "scan",
      "PATH",
      "Computes the spectrum and the metrics of every weight matrix of a checkpoint and "
      "stores\nthem in an archive. Run it under mpirun or srun, or without them. In a container,\n"
      "as root or with fewer cores, use tools/mpirun.",
      po::options_description("Options"),
      "path",
      -1};
  command.options.add_options()(
      "path", po::value<std::vector<std::string>>()->required()->value_name("PATH"),
      "checkpoint (file or folder), or a folder of checkpoints; or as a positional argument")(
      "archive", po::value<std::string>()->required()->value_name("DIR"),
      "archive folder; created if missing");
  add_scan_options(command.options);
  return finished(std::move(command),
                  {"mpirun -np 8 wishart scan CHECKPOINT --archive ARCHIVE",
                   "wishart scan RUN_FOLDER --archive ARCHIVE --layers '*mlp*' --time-limit 2h"});
}

Command check_command() {
  Command command{
      "check",
      "TUNED --base BASE",
      "Is a fine-tuned model, a LoRA adapter or a quantised copy OK? Scans what the archive "
      "lacks,\n"
      "compares with the base, judges by the rules of its kind (jobs/gate-finetune.cfg,\n"
      "gate-lora.cfg, gate-compression.cfg), and answers in one line: exit code 0 or 1. Run it\n"
      "under mpirun or srun, or without them.",
      po::options_description("Options"),
      "path",
      1};
  command.options.add_options()("path", po::value<std::string>()->required()->value_name("PATH"),
                                "the tuned checkpoint; or as a positional argument")(
      "base", po::value<std::string>()->required()->value_name("PATH"),
      "the checkpoint that it was made from")(
      "allow-unknown", po::bool_switch(),
      "leave out, with the reason, the tensors of a quantisation that is not read, instead of "
      "refusing the checkpoint")(
      "archive", po::value<std::string>()->default_value("")->value_name("DIR"),
      "archive folder, where both analyses are kept for the next time (default: a temporary one)")(
      "kind", po::value<std::string>()->default_value("auto")->value_name("KIND"),
      "the rules: auto (by the files), full, lora or quantised")(
      "id", po::value<std::string>()->default_value("")->value_name("NAME"),
      "name of the tuned checkpoint in the archive (default: as of a scan)")(
      "base-id", po::value<std::string>()->default_value("")->value_name("NAME"),
      "name of the base in the archive (default: as of a scan)")(
      "verbose", po::bool_switch(),
      "also print the verdict of every rule, and the adapter's table")(
      "wide", po::bool_switch(),
      "with --verbose: all columns and lines as long as needed (default: the width of the "
      "terminal, or 80)")(
      "threads-per-rank", po::value<int>()->default_value(0, "1")->value_name("N"),
      "BLAS threads per rank (default: the first of OPENBLAS_, BLIS_, MKL_ and OMP_NUM_THREADS "
      "that "
      "is set, else 1)")(
      "memory-per-rank", po::value<std::string>()->value_name("SIZE"),
      "memory that a rank may use for a matrix, e.g. 8G (default: 80 % of its share of the host's "
      "free memory, without the program and what rank 0 gathers)");
  add_running_options(command.options);
  add_document_options(command.options, "text", "text or json");
  return finished(std::move(command),
                  {"wishart check TUNED --base BASE",
                   "mpirun -np 8 wishart check ADAPTER --base BASE --archive ARCHIVE --verbose"});
}

Command inspect_command() {
  Command command{"inspect",
                  "PATH",
                  "Lists the matrices that a scan would analyse, and why other tensors are "
                  "skipped.\nOf a history: lists its checkpoints, and which can be scanned. Reads "
                  "only file headers.",
                  po::options_description("Options"),
                  "path",
                  1};
  command.options.add_options()("path", po::value<std::string>()->required()->value_name("PATH"),
                                "checkpoint or history; or as a positional argument")(
      "archive", po::value<std::string>()->default_value("")->value_name("DIR"),
      "list the checkpoints, and say which of them this archive holds");
  add_document_options(command.options, "text", "text, csv or json");
  add_selection_options(command.options);
  return finished(std::move(command), {"wishart inspect CHECKPOINT --format csv",
                                       "wishart inspect RUN_FOLDER --archive ARCHIVE"});
}

Command report_command() {
  Command command = archive_command(
      "report", "Shows the report of a checkpoint, or of a history of checkpoints.");
  add_checkpoint_option(command.options,
                        "one checkpoint: an id, latest or previous (default: the latest; for a "
                        "history, the history and the latest)");
  add_report_options(
      command.options,
      "text, md, json, html (one page with plots), or brief (at most 600 characters, "
      "for chat and mail)");
  add_window_option(command.options);
  command.options.add_options()(
      "densities", po::value<std::int64_t>()->default_value(kDefaultDensities)->value_name("N"),
      "for html: number of layers whose eigenvalues are plotted, those that need attention first");
  return finished(std::move(command), {"wishart report ARCHIVE --checkpoint latest --format html"});
}

Command export_command() {
  Command command = archive_command(
      "export",
      "Writes a table or a spectrum of an archive as CSV, JSON or npy, or a file for "
      "another program.");
  add_checkpoint_option(command.options,
                        "the checkpoint: an id, latest or previous (default: the latest)");
  command.options.add_options()(
      "all", po::bool_switch(),
      "one table over all checkpoints, whose first columns are "
      "checkpoint, step, tokens and analysis; for "
      "--table layers, summary, skipped, adapter or traps, as csv or jsonl")(
      "table", po::value<std::string>()->default_value("layers")->value_name("TABLE"),
      "layers, summary, skipped, adapter, traps, history, spectrum or scan (of xmin)")(
      "matrix", po::value<std::string>()->default_value("")->value_name("NAME"),
      "for --table spectrum or scan: the matrix, by key or tensor name");
  add_pipeline_options(command.options);
  add_document_options(command.options, "csv",
                       "csv, json or jsonl (one JSON object per line); npy for a spectrum; json or "
                       "yaml with --for");
  add_window_option(command.options);
  return finished(std::move(command),
                  {"wishart export ARCHIVE --all --format csv",
                   "wishart export ARCHIVE --for axolotl --top 50% --output unfrozen.yaml"});
}

/// True for a table that can be of several checkpoints.
bool is_joined(ExportTable table) {
  switch (table) {
    case ExportTable::layers:
    case ExportTable::summary:
    case ExportTable::skipped:
    case ExportTable::adapter:
    case ExportTable::traps:
      return true;
    case ExportTable::history:
    case ExportTable::spectrum:
    case ExportTable::scan:
      break;
  }
  return false;
}

/// Throws if the options do not go with --all.
/// @param table  the name of the table
void check_all(const ExportOptions& options, const std::string& table) {
  if (!options.checkpoint.empty()) {
    throw Error(Blame::usage, "--all writes every checkpoint. Leave out --checkpoint or --all");
  }
  if (!is_joined(options.table)) {
    throw Error(Blame::usage,
                "--all: expected --table layers, summary, skipped, adapter or traps, found '" +
                    table + "'");
  }
  if (options.format != OutputFormat::csv && options.format != OutputFormat::jsonl) {
    throw Error(Blame::usage,
                "--all: the table is written row by row, as csv or jsonl. Choose "
                "--format csv or jsonl");
  }
}

}  // namespace

std::string ScanOptions::result_options_json() const {
  std::string json = "{\"mode\": ";
  json += json_quoted(mode_name(selection.mode()));
  json += ", \"method\": " + json_quoted(or_svd ? "auto" : method_name(method));
  json += ", \"precision\": " + json_quoted(precision_name(precision));
  json += std::string(", \"resolve\": ") + (resolve ? "true" : "false");
  json += ", \"solver\": " + json_quoted(solver_name(solver));
  json += std::string(", \"pool\": ") + (selection.no_pool ? "false" : "true");
  json += ", \"min_evals\": " + std::to_string(selection.min_evals);
  json += ", \"team_size\": " + std::to_string(team_size);
  // Only if they are set, so that archives of earlier versions keep their meaning.
  if (!selection.base.empty()) json += ", \"base\": " + json_quoted(selection.base.string());
  if (!selection.with_base.empty()) {
    json += ", \"with_base\": " + json_quoted(selection.with_base.string());
  }
  if (selection.split_fused) json += ", \"split_fused\": true";
  if (selection.allow_unknown) json += ", \"allow_unknown\": true";
  if (products != Products::automatic) {
    json += ", \"products\": " + json_quoted(products_name(products));
  }
  if (randomize > 0) {
    json +=
        ", \"randomize\": " + std::to_string(randomize) + ", \"seed\": " + std::to_string(fit.seed);
  }
  if (farms > 0) json += ", \"farms\": " + shortest(farms);
  json += ", \"layers\": [";
  for (std::size_t i = 0; i < selection.layers.size(); ++i) {
    json += (i > 0 ? ", " : "") + json_quoted(selection.layers[i]);
  }
  return json + "]}";
}

ScanOptions parse_scan(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, scan_command());
  ScanOptions options;
  for (const std::string& path : values["path"].as<std::vector<std::string>>()) {
    options.paths.emplace_back(path);
  }
  options.archive = values["archive"].as<std::string>();
  take_scan_options(options, values);
  if (!options.id.empty() && options.paths.size() > 1) {
    throw Error(Blame::usage, "--id names one checkpoint, but " +
                                  std::to_string(options.paths.size()) + " paths were given");
  }
  return options;
}

CheckOptions parse_check(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, check_command());
  CheckOptions options;
  options.tuned = values["path"].as<std::string>();
  options.base = values["base"].as<std::string>();
  options.id = id_of(values, "id");
  options.base_id = id_of(values, "base-id");
  options.kind = choice<CheckKind>("--kind", values["kind"].as<std::string>(),
                                   {{"auto", CheckKind::automatic},
                                    {"full", CheckKind::full},
                                    {"lora", CheckKind::lora},
                                    {"quantised", CheckKind::quantised}});
  options.verbose = values["verbose"].as<bool>();
  options.scan.selection.allow_unknown = values["allow-unknown"].as<bool>();
  options.scan.archive = values["archive"].as<std::string>();
  take_threads_and_memory(options.scan, values);
  take_running_options(options.scan, values);
  take_document_options(options, values,
                        {{"text", OutputFormat::text}, {"json", OutputFormat::json}});
  if (!values["wide"].as<bool>()) options.width = text_width(!options.output.empty());
  return options;
}

InspectOptions parse_inspect(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, inspect_command());
  InspectOptions options;
  options.path = values["path"].as<std::string>();
  options.archive = values["archive"].as<std::string>();
  options.selection = selection_of(values);
  take_document_options(
      options, values,
      {{"text", OutputFormat::text}, {"csv", OutputFormat::csv}, {"json", OutputFormat::json}});
  return options;
}

ReportOptions parse_report(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, report_command());
  ReportOptions options;
  options.window = window_of(values);
  options.densities = values["densities"].as<std::int64_t>();
  if (options.densities < 0 || options.densities > kMostDensities) {
    throw Error(Blame::usage, "--densities: expected a number from 0 to " +
                                  std::to_string(kMostDensities) + ", found " +
                                  std::to_string(options.densities));
  }
  options.archive = values["archive"].as<std::string>();
  options.checkpoint = values["checkpoint"].as<std::string>();
  take_report_options(options, values,
                      {{"text", OutputFormat::text},
                       {"md", OutputFormat::md},
                       {"html", OutputFormat::html},
                       {"json", OutputFormat::json},
                       {"brief", OutputFormat::brief}});
  check_used(values, {{"window", options.checkpoint.empty(), "a history, not for one checkpoint"},
                      {"densities", options.format == OutputFormat::html, "html"}});
  return options;
}

ExportOptions parse_export(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, export_command());
  ExportOptions options;
  options.window = window_of(values);
  options.archive = values["archive"].as<std::string>();
  options.checkpoint = values["checkpoint"].as<std::string>();
  const std::string table = values["table"].as<std::string>();
  options.table = choice<ExportTable>("--table", table,
                                      {{"layers", ExportTable::layers},
                                       {"summary", ExportTable::summary},
                                       {"skipped", ExportTable::skipped},
                                       {"adapter", ExportTable::adapter},
                                       {"traps", ExportTable::traps},
                                       {"history", ExportTable::history},
                                       {"spectrum", ExportTable::spectrum},
                                       {"scan", ExportTable::scan}});
  options.matrix = values["matrix"].as<std::string>();
  options.all = values["all"].as<bool>();
  if (take_pipeline_options(options, values)) return options;
  take_document_options(options, values,
                        {{"csv", OutputFormat::csv},
                         {"json", OutputFormat::json},
                         {"jsonl", OutputFormat::jsonl},
                         {"npy", OutputFormat::npy}});
  if (options.all) check_all(options, table);
  if (options.of_matrix() && options.matrix.empty()) {
    throw Error(Blame::usage, "--table " + table + ": name the matrix with --matrix");
  }
  if (options.table != ExportTable::spectrum && options.format == OutputFormat::npy) {
    throw Error(Blame::usage,
                "--format npy: only a spectrum can be written as npy. Add --table spectrum");
  }
  return options;
}

std::vector<Command> all_commands() {
  return {scan_command(),   inspect_command(), plan_command(),    refit_command(), report_command(),
          export_command(), plot_command(),    compare_command(), check_command(), rank_command(),
          gate_command(),   verify_command(),  index_command(),   merge_command(), synth_command()};
}

}  // namespace wishart::job
