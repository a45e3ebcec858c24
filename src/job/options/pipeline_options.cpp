#include "options/pipeline_options.hpp"

#include <charconv>
#include <string>
#include <vector>

namespace wishart::job {
namespace {

/// A percentage above 0 and at most 100, with or without the sign.
double percent_of(const std::string& option, const std::string& text) {
  std::string_view digits = text;
  if (digits.ends_with('%')) digits.remove_suffix(1);
  double value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, code] = std::from_chars(digits.data(), end, value);
  if (code != std::errc() || stop != end || !(value > 0 && value <= 100)) {
    throw Error(Blame::usage, option +
                                  ": expected a percentage above 0 and at most 100, such as 50%, "
                                  "found '" +
                                  printable(text) + "'");
  }
  return value;
}

/// The formats of a target, its default first.
Formats formats_of(ExportTarget target) {
  const std::pair<std::string, OutputFormat> json{"json", OutputFormat::json};
  const std::pair<std::string, OutputFormat> yaml{"yaml", OutputFormat::yaml};
  if (target == ExportTarget::axolotl) return {json, yaml};
  if (target == ExportTarget::peft) return {json};
  if (target == ExportTarget::mergekit) return {yaml};
  if (target == ExportTarget::prometheus) return {{"prom", OutputFormat::prom}};
  return {{"csv", OutputFormat::csv}, json, {"jsonl", OutputFormat::jsonl}};
}

/// Reads --output as a folder.
void take_event_folder(ExportOptions& options, const po::variables_map& values) {
  options.folder = output_of(values);
  if (options.folder.empty()) {
    throw Error(Blame::usage,
                "--for tensorboard writes a folder of event files. Name it with --output FOLDER");
  }
}

/// Reads what only one program uses.
void take_values(ExportOptions& options, const po::variables_map& values) {
  if (values.count("model") > 0) {
    options.model = values["model"].as<std::string>();
    if (options.model.empty()) {
      throw Error(Blame::usage, "--model: expected a name, found ''");
    }
  }
  options.histograms = values["histograms"].as<bool>();
  options.top_percent = percent_of("--top", values["top"].as<std::string>());
  options.energy = percent_of("--energy", values["energy"].as<std::string>()) / 100;
  options.parameter = values["parameter"].as<std::string>();
  if (options.parameter.empty()) {
    throw Error(Blame::usage, "--parameter: expected the name of a parameter, found ''");
  }
  if (values.count("max-rank") > 0) {
    options.max_rank = values["max-rank"].as<std::int64_t>();
    if (options.max_rank < 1) {
      throw Error(Blame::usage, "--max-rank: expected a number from 1, found " +
                                    std::to_string(options.max_rank));
    }
  }
}

}  // namespace

void add_pipeline_options(po::options_description& options) {
  const auto text = [](const char* value, const char* name) {
    return po::value<std::string>()->default_value(value)->value_name(name);
  };
  options.add_options()("for", po::value<std::string>()->value_name("PROGRAM"),
                        "a file that another program reads: axolotl (the ratios of Spectrum as "
                        "json, or the parameters to train as yaml), peft (ranks for LoRA), "
                        "mergekit (a parameter with a value for each tensor), prometheus (metrics "
                        "of the checkpoint) or tensorboard (event files of all checkpoints; "
                        "--output names their folder)")(
      "map", po::value<std::string>()->value_name("MAP"),
      "COLUMN:LOW:HIGH or COLUMN:LOW:HIGH:FROM:TO: a number for each layer, by a linear map of a "
      "column; for --for mergekit, and for a table of layer and value")(
      "top", text("50%", "P%"), "for --for axolotl as yaml: the share of the layers of each type")(
      "energy", text("90%", "P%"), "for --for peft: the share of the energy that a rank keeps")(
      "max-rank", po::value<std::int64_t>()->value_name("N"), "for --for peft: the largest rank")(
      "parameter", text("weight", "NAME"), "for --for mergekit: the parameter")(
      "model", po::value<std::string>()->value_name("NAME"),
      "for --for prometheus: the label model (default: the folder of the run, or the checkpoint)")(
      "histograms", po::bool_switch(),
      "for --for tensorboard: also histograms of the eigenvalues of each layer");
}

bool take_pipeline_options(ExportOptions& options, const po::variables_map& values) {
  const bool named = values.count("for") > 0;
  const bool mapped = values.count("map") > 0;
  if (named) {
    options.target = choice<ExportTarget>("--for", values["for"].as<std::string>(),
                                          {{"axolotl", ExportTarget::axolotl},
                                           {"peft", ExportTarget::peft},
                                           {"mergekit", ExportTarget::mergekit},
                                           {"prometheus", ExportTarget::prometheus},
                                           {"tensorboard", ExportTarget::tensorboard}});
  }
  const bool axolotl = options.target == ExportTarget::axolotl;
  const bool peft = options.target == ExportTarget::peft;
  const bool mergekit = options.target == ExportTarget::mergekit;
  const bool prometheus = options.target == ExportTarget::prometheus;
  const bool tensorboard = options.target == ExportTarget::tensorboard;
  const bool table = !named && !mapped;
  if (tensorboard) {
    take_event_folder(options, values);
  } else if (!table) {
    options.output = output_of(values);
    const Formats formats = formats_of(options.target);
    const bool chosen = !options.output.empty() || !values["format"].defaulted();
    options.format = chosen ? format_of(values, formats) : formats.front().second;
  }
  const bool yaml = options.format == OutputFormat::yaml;
  const bool history = table && !options.all && options.table == ExportTable::history;
  check_used(values, {{"top", axolotl && yaml, "--for axolotl as yaml"},
                      {"energy", peft, "--for peft"},
                      {"max-rank", peft, "--for peft"},
                      {"parameter", mergekit, "--for mergekit"},
                      {"model", prometheus, "--for prometheus"},
                      {"histograms", tensorboard, "--for tensorboard"},
                      {"format", !tensorboard, "other files than those of TensorBoard"},
                      {"checkpoint", !tensorboard, "other files than those of TensorBoard"},
                      {"checkpoint", !history, "tables of one checkpoint"},
                      {"map", mergekit || !named, "--for mergekit, or a table of layer and value"},
                      {"table", table, "tables of the archive"},
                      {"matrix", table, "tables of the archive"},
                      {"matrix", options.of_matrix(), "--table spectrum or scan"},
                      {"window", prometheus || history, "--table history, or --for prometheus"}});
  if (table) return false;
  if (options.all) {
    throw Error(Blame::usage,
                "--all writes tables of the archive. Leave it out, and choose one "
                "checkpoint with --checkpoint");
  }
  if (mergekit && !mapped) {
    throw Error(Blame::usage, "--for mergekit needs --map, such as --map alpha:0.3:0.7");
  }
  if (mapped) options.map = analysis::parse_linear_map(values["map"].as<std::string>(), "--map");
  take_values(options, values);
  return true;
}

}  // namespace wishart::job
