#include "options/decision_options.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "wishart/archive/choice.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/whole_number.hpp"
#include "wishart/job/options.hpp"

#include "options/running_options.hpp"

namespace wishart::job {
namespace {

/// The most parts that an archive is verified in: a part a night for 27 years.
constexpr std::int64_t kMostParts = 10'000;

Formats all_formats() {
  return {{"text", OutputFormat::text}, {"md", OutputFormat::md},
          {"html", OutputFormat::html}, {"csv", OutputFormat::csv},
          {"json", OutputFormat::json}, {"brief", OutputFormat::brief}};
}

std::vector<std::string> texts_of(const po::variables_map& values, const char* name) {
  if (values.count(name) == 0) return {};
  return values[name].as<std::vector<std::string>>();
}

/// The part that is wanted; nothing: all.
std::optional<ArchivePart> part_of(const po::variables_map& values) {
  if (values.count("part") == 0) return {};
  const std::string& text = values["part"].as<std::string>();
  const std::size_t slash = std::min(text.find('/'), text.size());
  const auto number = whole_number(std::string_view(text).substr(0, slash));
  const auto count = whole_number(std::string_view(text).substr(std::min(slash + 1, text.size())));
  if (!number || !count || *number < 1 || *number > *count || *count > kMostParts) {
    throw Error(Blame::usage, "--part: expected N/T with N from 1 to T and T at most " +
                                  std::to_string(kMostParts) + ", such as 3/30, found '" +
                                  printable(text) + "'");
  }
  return ArchivePart{*number, *count};
}

}  // namespace

Command compare_command() {
  Command command{
      "compare",
      "[ARCHIVE] A B",
      "Compares two checkpoints: the change common to all layers, then each layer, the\n"
      "largest change first. A and B are ids in ARCHIVE, `latest` or `previous`; as A,\n"
      "`previous` means the checkpoint before B. Or they are archive files; then leave\n"
      "out ARCHIVE.",
      po::options_description("Options"),
      "checkpoint",
      3};
  command.options.add_options()(
      "checkpoint", po::value<std::vector<std::string>>()->required()->value_name("WORD"),
      "ARCHIVE, A and B, in this order; or as positional arguments");
  add_report_options(command.options, "text, md, html, csv, json, or brief (600 characters)");
  command.options.add_options()(
      "table", po::value<std::string>()->default_value("paired")->value_name("NAME"),
      "the table for csv: paired (the change over all layers and by role) or layers");
  return finished(std::move(command), {"wishart compare ARCHIVE previous latest"});
}

CompareOptions parse_compare(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, compare_command());
  CompareOptions options;
  options.checkpoints = texts_of(values, "checkpoint");
  const std::size_t count = options.checkpoints.size();
  if (count == 3) {
    options.archive = options.checkpoints.front();
    options.checkpoints.erase(options.checkpoints.begin());
  } else if (count != 2) {
    throw Error(Blame::usage, "wishart compare: expected [ARCHIVE] A B, found " +
                                  plural(static_cast<std::int64_t>(count), "word") +
                                  ". See wishart compare --help");
  }
  if (count == 2) {
    for (const std::string& word : options.checkpoints) {
      // Without an archive both are paths, also if they contain no slash.
      if (!std::filesystem::exists(word)) {
        throw Error(Blame::usage,
                    "wishart compare: '" + printable(word) +
                        "' is not an archive file. If it is an id, name its archive first: "
                        "wishart compare ARCHIVE A B");
      }
    }
    for (std::string& word : options.checkpoints) word = std::filesystem::absolute(word).string();
  }
  take_report_options(options, values, all_formats());
  options.table =
      choice<CompareTable>("--table", values["table"].as<std::string>(),
                           {{"paired", CompareTable::paired}, {"layers", CompareTable::layers}});
  check_used(values, {{"table", options.format == OutputFormat::csv, "csv"}});
  return options;
}

Command gate_command() {
  Command command = archive_command(
      "gate", "Checks a checkpoint against rules. The exit code is 0 if it passes, 1 if it fails.");
  command.options.add_options()("rules", po::value<std::string>()->required()->value_name("FILE"),
                                "file with the rules, e.g. jobs/gate-finetune.cfg");
  add_checkpoint_option(
      command.options,
      "the checkpoint to check: an id, latest, previous, or an archive file (default: the latest)");
  command.options.add_options()(
      "base", po::value<std::string>()->default_value("")->value_name("ID"),
      "the checkpoint to compare with: an id, previous (the one before it), or "
      "an archive file")(
      "stage", po::value<std::vector<std::string>>()->value_name("ID"),
      "instead of --checkpoint and --base: one stage of the model; repeat in order "
      "(--stage base --stage sft)")("every-stage", po::bool_switch(),
                                    "also apply rules that need no base to the earlier stages");
  add_report_options(command.options, "text, md, html, json, or brief (600 characters)");
  return finished(std::move(command), {"wishart gate ARCHIVE --rules jobs/gate-pretraining.cfg"});
}

GateOptions parse_gate(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, gate_command());
  GateOptions options;
  options.archive = values["archive"].as<std::string>();
  options.rules = values["rules"].as<std::string>();
  options.checkpoint = values["checkpoint"].as<std::string>();
  options.base = values["base"].as<std::string>();
  options.stages = texts_of(values, "stage");
  options.every_stage = values["every-stage"].as<bool>();
  take_report_options(options, values,
                      {{"text", OutputFormat::text},
                       {"md", OutputFormat::md},
                       {"html", OutputFormat::html},
                       {"json", OutputFormat::json},
                       {"brief", OutputFormat::brief}});
  if (!options.stages.empty() && !(options.checkpoint.empty() && options.base.empty())) {
    throw Error(Blame::usage,
                "--stage names all checkpoints in order. Leave out --checkpoint and --base");
  }
  return options;
}

Command index_command() {
  Command command =
      archive_command("index",
                      "Updates index.h5, which has a row and a link for each checkpoint.\n"
                      "Every scan does this at its end.",
                      "archive folder; or as a positional argument");
  command.options.add_options()("rebuild", po::bool_switch(),
                                "read every file, not only those that have changed");
  return finished(std::move(command), {"wishart index ARCHIVE --rebuild"});
}

IndexOptions parse_index(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, index_command());
  return {values["archive"].as<std::string>(), values["rebuild"].as<bool>()};
}

Command merge_command() {
  Command command =
      archive_command("merge", "Packs an archive folder into one file, or unpacks such a file.",
                      "archive folder, or packed file; or as a positional argument");
  command.options.add_options()("out", po::value<std::string>()->value_name("FILE"),
                                "pack into this new file")(
      "unpack", po::value<std::string>()->value_name("DIR"), "unpack into this folder");
  return finished(std::move(command), {"wishart merge ARCHIVE --out archive.h5"});
}

MergeOptions parse_merge(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, merge_command());
  MergeOptions options;
  options.archive = values["archive"].as<std::string>();
  if (values.count("out") > 0) options.out = values["out"].as<std::string>();
  if (values.count("unpack") > 0) options.unpack = values["unpack"].as<std::string>();
  if (options.out.empty() == options.unpack.empty()) {
    throw Error(Blame::usage,
                "wishart merge: expected either --out FILE or --unpack DIR. See "
                "wishart merge --help");
  }
  return options;
}

Command rank_command() {
  Command command{
      "rank",
      "ARCHIVE",
      "Ranks models or checkpoints by a metric. With known scores, also shows how well\n"
      "each metric correlates with them, within groups of similar depth and overall.",
      po::options_description("Options"),
      "archive",
      -1};
  command.options.add_options()(
      "archive", po::value<std::vector<std::string>>()->required()->value_name("ARCHIVE"),
      "archive folders or files; or as positional arguments")(
      "metric", po::value<std::string>()->default_value("alpha")->value_name("NAME"),
      "metric to rank by")("scores", po::value<std::string>()->value_name("CSV"),
                           "known scores: columns model, score and, optionally, group")(
      "score", po::value<std::string>()->default_value("score")->value_name("NAME"),
      "name of the score column")(
      "lower-is-better", po::bool_switch(),
      "lower scores are better (default: of a column whose name tells a loss or an error)")(
      "higher-is-better", po::bool_switch(),
      "higher scores are better, whatever the column's name");
  add_report_options(command.options, "text, md, html, csv, json, or brief (600 characters)");
  return finished(std::move(command),
                  {"wishart rank ARCHIVE --metric log_alpha_norm --scores scores.csv"});
}

RankOptions parse_rank(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, rank_command());
  RankOptions options;
  for (const std::string& path : texts_of(values, "archive")) options.archives.emplace_back(path);
  options.metric = values["metric"].as<std::string>();
  if (values.count("scores") > 0) options.scores = values["scores"].as<std::string>();
  options.score = values["score"].as<std::string>();
  const bool lower = values["lower-is-better"].as<bool>();
  const bool higher = values["higher-is-better"].as<bool>();
  if (lower && higher) {
    throw Error(Blame::usage,
                "wishart rank: expected --lower-is-better or --higher-is-better, found both");
  }
  const bool named = !values["score"].defaulted();
  if ((lower || higher || named) && options.scores.empty()) {
    throw Error(Blame::usage, std::string("wishart rank: --") +
                                  (named   ? "score"
                                   : lower ? "lower-is-better"
                                           : "higher-is-better") +
                                  " is for --scores CSV");
  }
  if (lower || higher) options.lower_is_better = lower;
  take_report_options(options, values, all_formats());
  return options;
}

void add_window_option(po::options_description& options) {
  options.add_options()(
      "window", po::value<std::int64_t>()->default_value(kDefaultWindow)->value_name("N"),
      "for a history: a layer has settled if it did not change over N checkpoints");
}

std::int64_t window_of(const po::variables_map& values) {
  const auto window = values["window"].as<std::int64_t>();
  if (window >= 2 && window <= 10'000) return window;
  throw Error(Blame::usage,
              "--window: expected a number from 2 to 10000, found " + std::to_string(window));
}

Command verify_command() {
  Command command =
      archive_command("verify",
                      "Checks every byte of an archive: seals, hashes, checksums, schema, sums.\n"
                      "The exit code is 3 if a file is not whole.");
  add_checkpoint_option(
      command.options,
      "only this checkpoint: an id, latest or previous (default: all of the archive)");
  command.options.add_options()(
      "foreign", po::bool_switch(),
      "for files that a stranger may have made: read each in a process of its own, with limits on "
      "memory and time; if that process crashes, the file is damaged")(
      "part", po::value<std::string>()->value_name("N/T"),
      "of a large archive, only part N of T, each about as large; a checkpoint never changes its "
      "part, so T runs with N from 1 to T read all")(
      "repair", po::bool_switch(),
      "rename damaged and changed files to ID.h5.damaged, so that the next scan computes them "
      "again; nothing is replaced, and files of scans at work are left alone")(
      "reseal", po::bool_switch(),
      "accept files that another program has changed, and seal them again; this is "
      "recorded in their provenance");
  add_wait_option(command.options);
  add_document_options(command.options, "text", "text or json");
  return finished(std::move(command), {"wishart verify ARCHIVE --repair"});
}

VerifyOptions parse_verify(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, verify_command());
  VerifyOptions options;
  options.archive = values["archive"].as<std::string>();
  options.checkpoint = values["checkpoint"].as<std::string>();
  options.foreign = values["foreign"].as<bool>();
  options.part = part_of(values);
  if (options.part && !options.checkpoint.empty()) {
    throw Error(Blame::usage,
                "--checkpoint names one checkpoint, --part a share of them. Use only one of them");
  }
  options.repair = values["repair"].as<bool>();
  options.reseal = values["reseal"].as<bool>();
  options.wait_for_lock_seconds = wait_seconds_of(values);
  if (options.repair && options.reseal) {
    throw Error(Blame::usage,
                "--repair sets changed files aside, --reseal accepts them. Use only one of them");
  }
  if (options.foreign && options.reseal) {
    throw Error(Blame::usage,
                "--reseal reads a file and vouches for it, which --foreign is there to avoid. Use "
                "only one of them");
  }
  if (options.foreign &&
      (options.checkpoint == archive::kLatest || options.checkpoint == archive::kPrevious)) {
    throw Error(Blame::usage,
                "--foreign opens no other file to find out which is the latest. Name the "
                "checkpoint by its id");
  }
  take_document_options(options, values,
                        {{"text", OutputFormat::text}, {"json", OutputFormat::json}});
  return options;
}

}  // namespace wishart::job
