#include "wishart/job/options.hpp"

#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>

#include <boost/program_options.hpp>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/text.hpp"

namespace wishart::job {
namespace {

namespace po = boost::program_options;

constexpr std::int64_t kMaxJobFileBytes = 1 << 20;

/// A command: what its help says, its options, and where its bare words go.
struct Command {
  std::string name;
  std::string synopsis;
  std::string purpose;
  po::options_description options;
  std::string positional;  ///< name of the option that bare words give
  int max_positional;      ///< -1: any number
};

std::vector<std::string> option_names(const po::options_description& options) {
  std::vector<std::string> names;
  for (const auto& option : options.options()) names.push_back(option->long_name());
  return names;
}

[[noreturn]] void throw_unknown(const std::string& shown, const std::string& name,
                                const std::string& where, const Command& command) {
  const std::string near = nearest(name, option_names(command.options));
  throw Error(Blame::usage, where + ": unknown key '" + printable(shown) + "'" +
                                (near.empty() ? "" : ". Did you mean '" + near + "'?") +
                                " See wishart " + command.name + " --help");
}

/// Boost's exceptions as ours, with the name of the nearest key.
po::parsed_options parsed_arguments(std::span<const std::string> arguments,
                                    const Command& command) {
  po::positional_options_description positional;
  positional.add(command.positional.c_str(), command.max_positional);
  try {
    // No guessing of shortened names: a script must not change its meaning when an option is added.
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    return po::command_line_parser(std::vector<std::string>(arguments.begin(), arguments.end()))
        .options(command.options)
        .positional(positional)
        .style(style)
        .run();
  } catch (const po::unknown_option& error) {
    std::string name = error.get_option_name();
    name.erase(0, std::min(name.find_first_not_of('-'), name.size()));
    throw_unknown("--" + name, name, "wishart " + command.name, command);
  } catch (const po::error& error) {
    throw Error(Blame::usage, "wishart " + command.name + ": " + printable(error.what()) +
                                  ". See wishart " + command.name + " --help");
  }
}

po::parsed_options parsed_job_file(const std::filesystem::path& path, const Command& command) {
  std::string text;
  try {
    text = read_text_file(path, kMaxJobFileBytes);
  } catch (const Error& error) {
    throw Error(Blame::usage, std::string("--job: ") + error.what());
  }
  std::istringstream stream(text);
  const std::string where = printable(path.string());
  try {
    return po::parse_config_file(stream, command.options, false);
  } catch (const po::unknown_option& error) {
    throw_unknown(error.get_option_name(), error.get_option_name(), where, command);
  } catch (const po::error& error) {
    throw Error(Blame::usage, where + ": " + printable(error.what()));
  }
}

po::variables_map parsed(std::span<const std::string> arguments, const Command& command) {
  po::variables_map values;
  try {
    po::store(parsed_arguments(arguments, command), values);
    if (values.count("job") > 0) {
      po::store(parsed_job_file(values["job"].as<std::string>(), command), values);
    }
    po::notify(values);
  } catch (const po::required_option& error) {
    throw Error(Blame::usage, "wishart " + command.name + ": missing " +
                                  (error.get_option_name() == "--" + command.positional
                                       ? command.synopsis
                                       : error.get_option_name()) +
                                  ". See wishart " + command.name + " --help");
  } catch (const po::error& error) {
    throw Error(Blame::usage, "wishart " + command.name + ": " + printable(error.what()) +
                                  ". See wishart " + command.name + " --help");
  }
  return values;
}

/// `text` as one of the named choices.
template <class T>
T choice(const std::string& option, const std::string& text,
         const std::vector<std::pair<std::string, T>>& choices) {
  std::string names;
  for (const auto& [name, value] : choices) {
    if (name == text) return value;
    names += (names.empty() ? "" : ", ") + name;
  }
  throw Error(Blame::usage,
              option + ": expected one of " + names + ", found '" + printable(text) + "'");
}

/// 90, 90s, 15m, 2h, 1:30 (hours and minutes), 1:30:00.
double seconds_of(const std::string& text) {
  const auto refuse = [&]() -> double {
    throw Error(Blame::usage, "--time-limit: expected a time such as 45m, 2h or 1:30:00, found '" +
                                  printable(text) + "'");
  };
  const auto number = [&](const std::string& part) {
    std::size_t used = 0;
    double value = -1;
    try {
      value = std::stod(part, &used);
    } catch (const std::exception&) {
      refuse();
    }
    if (used != part.size() || !(value >= 0) || !std::isfinite(value)) refuse();
    return value;
  };
  const std::vector<std::string> parts = split(text, ':');
  if (parts.size() == 2) return number(parts[0]) * 3600 + number(parts[1]) * 60;
  if (parts.size() == 3) return number(parts[0]) * 3600 + number(parts[1]) * 60 + number(parts[2]);
  if (parts.size() > 3 || text.empty()) refuse();
  const std::string head = text.substr(0, text.size() - 1);
  switch (text.back()) {
    case 's':
      return number(head);
    case 'm':
      return number(head) * 60;
    case 'h':
      return number(head) * 3600;
    default:
      return number(text);
  }
}

void add_selection_options(po::options_description& options) {
  options.add_options()(
      "compat", po::value<std::string>()->value_name("weightwatcher"),
      "give WeightWatcher 0.7.5.5's numbers, defects included; implies --method svd")(
      "no-pool", po::bool_switch(), "one matrix for each kernel offset of a convolution")(
      "min-evals", po::value<std::int64_t>()->default_value(10)->value_name("N"),
      "skip matrices with fewer singular values")(
      "layers", po::value<std::vector<std::string>>()->composing()->value_name("GLOB"),
      "only tensors that match; -GLOB leaves out (--layers=-GLOB). May be repeated");
}

SelectionArguments selection_of(const po::variables_map& values) {
  SelectionArguments selection;
  if (values.count("compat") > 0) {
    selection.weightwatcher =
        choice<bool>("--compat", values["compat"].as<std::string>(), {{"weightwatcher", true}});
  }
  selection.no_pool = values["no-pool"].as<bool>();
  selection.min_evals = values["min-evals"].as<std::int64_t>();
  if (selection.min_evals < 1) {
    throw Error(Blame::usage,
                "--min-evals: expected at least 1, found " + std::to_string(selection.min_evals));
  }
  if (values.count("layers") > 0) {
    selection.layers = values["layers"].as<std::vector<std::string>>();
  }
  return selection;
}

/// The options that shape metrics; shared by `scan` and `refit`.
void add_fit_options(po::options_description& options) {
  options.add_options()("tolerance",
                        po::value<double>()->default_value(1e-6, "1e-6")->value_name("X"),
                        "eigenvalues below it count as weak_rank_loss")(
      "fit", po::value<std::string>()->default_value("PL")->value_name("LAW"),
      "the law that gives alpha: PL, TPL or E_TPL")(
      "fix-fingers", po::value<std::string>()->value_name("clip_xmax|xmin_peak"),
      "how single large eigenvalues are kept from pulling the fit")(
      "max-fingers", po::value<std::int64_t>()->default_value(10)->value_name("N"),
      "most eigenvalues that clip_xmax takes away")(
      "finger-thresh", po::value<double>()->default_value(1.0, "1")->value_name("X"),
      "how much alpha has to fall for it")(
      "xmax", po::value<std::int64_t>()->default_value(0)->value_name("N"),
      "leave the N largest eigenvalues out of the fit")(
      "mp-fit", po::bool_switch(),
      "with --compat: WeightWatcher's Marchenko-Pastur fit (ours is always made)")(
      "detx", po::bool_switch(), "accepted for WeightWatcher's users: detX is always computed")(
      "bootstrap", po::value<std::int64_t>()->default_value(fit::kDefaultReplicas)->value_name("N"),
      "replicas for the interval of alpha; 0: none")(
      "gof", po::value<std::int64_t>()->default_value(0)->value_name("N"),
      "replicas for the p-value of the power law; 0: none")(
      "seed", po::value<std::uint64_t>()->default_value(fit::kDefaultSeed)->value_name("N"),
      "of all random numbers");
}

std::int64_t count_of(const po::variables_map& values, const char* name, std::int64_t most) {
  const std::int64_t value = values[name].as<std::int64_t>();
  if (value < 0 || value > most) {
    throw Error(Blame::usage, "--" + std::string(name) + ": expected a number from 0 to " +
                                  std::to_string(most) + ", found " + std::to_string(value));
  }
  return value;
}

double not_negative(const po::variables_map& values, const char* name) {
  const double value = values[name].as<double>();
  if (value >= 0) return value;
  throw Error(Blame::usage, "--" + std::string(name) + ": expected a number of at least 0, found " +
                                shortest(value));
}

fit::FitOptions fit_options_of(const po::variables_map& values) {
  constexpr std::int64_t kMostReplicas = 1'000'000;
  constexpr std::int64_t kMostValues = std::int64_t{1} << 40;
  fit::FitOptions options;
  options.tolerance = not_negative(values, "tolerance");
  options.law = choice<fit::FitLaw>("--fit", values["fit"].as<std::string>(),
                                    {{"PL", fit::FitLaw::power_law},
                                     {"TPL", fit::FitLaw::truncated},
                                     {"E_TPL", fit::FitLaw::peak}});
  if (values.count("fix-fingers") > 0) {
    options.fix_fingers = choice<fit::FixFingers>(
        "--fix-fingers", values["fix-fingers"].as<std::string>(),
        {{"clip_xmax", fit::FixFingers::clip_xmax}, {"xmin_peak", fit::FixFingers::xmin_peak}});
  }
  options.max_fingers = count_of(values, "max-fingers", kMostValues);
  options.finger_thresh = not_negative(values, "finger-thresh");
  options.xmax = count_of(values, "xmax", kMostValues);
  options.mp_fit = values["mp-fit"].as<bool>();
  options.bootstrap = count_of(values, "bootstrap", kMostReplicas);
  options.gof = count_of(values, "gof", kMostReplicas);
  options.seed = values["seed"].as<std::uint64_t>();
  if (options.xmax > 0 && options.fix_fingers != fit::FixFingers::none) {
    throw Error(Blame::usage,
                "--xmax and --fix-fingers both choose what is left out of the fit. Give one");
  }
  return options;
}

Command scan_command() {
  Command command{"scan",
                  "PATH",
                  "Computes the spectrum of every weight matrix of a checkpoint into an "
                  "archive.\nRun it under mpirun or srun, or alone.",
                  po::options_description("Options"),
                  "path",
                  -1};
  command.options.add_options()(
      "path", po::value<std::vector<std::string>>()->required()->value_name("PATH"),
      "checkpoint (file or folder), or a folder of checkpoints; also as a bare word")(
      "archive", po::value<std::string>()->required()->value_name("DIR"),
      "folder of the archive; made if need be")("job", po::value<std::string>()->value_name("FILE"),
                                                "read options from a job file (key = value)")(
      "id", po::value<std::string>()->default_value("")->value_name("NAME"),
      "name of the checkpoint in the archive (default: its file or folder name)")(
      "method", po::value<std::string>()->value_name("gram|svd"),
      "how singular values are computed (default gram)")(
      "team-size", po::value<int>()->default_value(0, "auto")->value_name("N"),
      "ranks that share each matrix")(
      "memory-per-rank", po::value<std::string>()->value_name("SIZE"),
      "memory that a rank may use, e.g. 8G (default: what its host has free, shared by its ranks)")(
      "time-limit", po::value<std::string>()->value_name("TIME"),
      "stop in time and exit with 75; the same command goes on. 45m, 2h, 1:30:00")(
      "progress", po::value<std::string>()->default_value("auto")->value_name("STYLE"),
      "auto, plain, json or none; on stderr");
  add_selection_options(command.options);
  add_fit_options(command.options);
  command.options.add_options()("help", "this text");
  return command;
}

Command refit_command() {
  Command command{
      "refit",
      "ARCHIVE",
      "Computes all metrics again from the spectra of an archive, without the weights.\n"
      "The files of the archive are replaced.",
      po::options_description("Options"),
      "archive",
      1};
  command.options.add_options()("archive",
                                po::value<std::string>()->required()->value_name("ARCHIVE"),
                                "archive folder or file; also as a bare word")(
      "checkpoint", po::value<std::string>()->default_value("")->value_name("ID"),
      "only this checkpoint (default: all of the archive)")(
      "threads", po::value<int>()->default_value(0, "auto")->value_name("N"),
      "matrices that are fitted at once")("job", po::value<std::string>()->value_name("FILE"),
                                          "read options from a job file (key = value)");
  add_fit_options(command.options);
  command.options.add_options()("help", "this text");
  return command;
}

Command inspect_command() {
  Command command{
      "inspect",
      "PATH",
      "Lists the matrices that would be analysed and what is skipped, and why.\nReads no numbers.",
      po::options_description("Options"),
      "path",
      1};
  command.options.add_options()("path", po::value<std::string>()->required()->value_name("PATH"),
                                "checkpoint; also as a bare word")(
      "job", po::value<std::string>()->value_name("FILE"),
      "read options from a job file (key = value)")(
      "format", po::value<std::string>()->default_value("text")->value_name("FORMAT"),
      "text, csv or json");
  add_selection_options(command.options);
  command.options.add_options()("help", "this text");
  return command;
}

Command report_command() {
  Command command{"report",
                  "ARCHIVE",
                  "Shows what an archive says about a checkpoint.",
                  po::options_description("Options"),
                  "archive",
                  1};
  command.options.add_options()("archive",
                                po::value<std::string>()->required()->value_name("ARCHIVE"),
                                "archive folder or file; also as a bare word")(
      "checkpoint", po::value<std::string>()->default_value("")->value_name("ID"),
      "which checkpoint, if the archive holds several")(
      "format", po::value<std::string>()->default_value("text")->value_name("FORMAT"),
      "text, md or json")("job", po::value<std::string>()->value_name("FILE"),
                          "read options from a job file (key = value)")("help", "this text");
  return command;
}

Command export_command() {
  Command command{"export",
                  "ARCHIVE",
                  "Writes a table or a spectrum of an archive to standard output.",
                  po::options_description("Options"),
                  "archive",
                  1};
  command.options.add_options()("archive",
                                po::value<std::string>()->required()->value_name("ARCHIVE"),
                                "archive folder or file; also as a bare word")(
      "checkpoint", po::value<std::string>()->default_value("")->value_name("ID"),
      "which checkpoint, if the archive holds several")(
      "table", po::value<std::string>()->default_value("layers")->value_name("TABLE"),
      "layers, summary, skipped, spectrum or scan")(
      "matrix", po::value<std::string>()->default_value("")->value_name("NAME"),
      "for a spectrum or a scan: the matrix, by key or tensor name")(
      "format", po::value<std::string>()->default_value("csv")->value_name("FORMAT"),
      "csv or json; npy for a spectrum")("job", po::value<std::string>()->value_name("FILE"),
                                         "read options from a job file (key = value)")("help",
                                                                                       "this text");
  return command;
}

}  // namespace

std::string ScanOptions::result_options_json() const {
  std::string json = "{\"mode\": ";
  json += selection.weightwatcher ? "\"weightwatcher\"" : "\"corrected\"";
  json += ", \"method\": " + json_quoted(method_name(method));
  json += std::string(", \"pool\": ") + (selection.no_pool ? "false" : "true");
  json += ", \"min_evals\": " + std::to_string(selection.min_evals);
  json += ", \"team_size\": " + std::to_string(team_size);
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
  options.id = values["id"].as<std::string>();
  options.selection = selection_of(values);
  options.fit = fit_options_of(values);
  options.fit.weightwatcher = options.selection.weightwatcher;
  // WeightWatcher's ranks and small eigenvalues need what the Gram matrix does not resolve.
  options.method = options.selection.weightwatcher ? Method::svd : Method::gram;
  if (values.count("method") > 0) {
    options.method = choice<Method>("--method", values["method"].as<std::string>(),
                                    {{"gram", Method::gram}, {"svd", Method::svd}});
    if (options.selection.weightwatcher && options.method != Method::svd) {
      throw Error(Blame::usage,
                  "--compat weightwatcher needs --method svd: its ranks count singular values that "
                  "the Gram matrix does not resolve. Leave out --method");
    }
  }
  options.team_size = values["team-size"].as<int>();
  if (options.team_size < 0) {
    throw Error(Blame::usage,
                "--team-size: expected a number of ranks, or 0 to leave the choice; found " +
                    std::to_string(options.team_size));
  }
  if (values.count("memory-per-rank") > 0) {
    options.memory_per_rank_bytes =
        parse_bytes(values["memory-per-rank"].as<std::string>(), "--memory-per-rank");
  }
  if (values.count("time-limit") > 0) {
    options.time_limit_seconds = seconds_of(values["time-limit"].as<std::string>());
  }
  options.progress = choice<ProgressStyle>("--progress", values["progress"].as<std::string>(),
                                           {{"auto", ProgressStyle::automatic},
                                            {"plain", ProgressStyle::plain},
                                            {"json", ProgressStyle::json},
                                            {"none", ProgressStyle::none}});
  if (!options.id.empty() && options.paths.size() > 1) {
    throw Error(Blame::usage, "--id names one checkpoint, but " +
                                  std::to_string(options.paths.size()) + " paths were given");
  }
  return options;
}

InspectOptions parse_inspect(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, inspect_command());
  InspectOptions options;
  options.path = values["path"].as<std::string>();
  options.selection = selection_of(values);
  options.format = choice<OutputFormat>(
      "--format", values["format"].as<std::string>(),
      {{"text", OutputFormat::text}, {"csv", OutputFormat::csv}, {"json", OutputFormat::json}});
  return options;
}

RefitOptions parse_refit(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, refit_command());
  RefitOptions options;
  options.archive = values["archive"].as<std::string>();
  options.checkpoint = values["checkpoint"].as<std::string>();
  options.threads = values["threads"].as<int>();
  if (options.threads < 0 || options.threads > 4096) {
    throw Error(Blame::usage, "--threads: expected a number from 0 to 4096, found " +
                                  std::to_string(options.threads));
  }
  options.fit = fit_options_of(values);
  return options;
}

ReportOptions parse_report(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, report_command());
  ReportOptions options;
  options.archive = values["archive"].as<std::string>();
  options.checkpoint = values["checkpoint"].as<std::string>();
  options.format = choice<OutputFormat>(
      "--format", values["format"].as<std::string>(),
      {{"text", OutputFormat::text}, {"md", OutputFormat::md}, {"json", OutputFormat::json}});
  return options;
}

ExportOptions parse_export(std::span<const std::string> arguments) {
  const po::variables_map values = parsed(arguments, export_command());
  ExportOptions options;
  options.archive = values["archive"].as<std::string>();
  options.checkpoint = values["checkpoint"].as<std::string>();
  const std::vector<std::pair<std::string, std::string>> tables{{"layers", "layers"},
                                                                {"summary", "summary"},
                                                                {"skipped", "skipped"},
                                                                {"spectrum", "spectrum"},
                                                                {"scan", "scan"}};
  options.table = choice<std::string>("--table", values["table"].as<std::string>(), tables);
  options.matrix = values["matrix"].as<std::string>();
  options.format = choice<OutputFormat>(
      "--format", values["format"].as<std::string>(),
      {{"csv", OutputFormat::csv}, {"json", OutputFormat::json}, {"npy", OutputFormat::npy}});
  const bool of_matrix = options.table == "spectrum" || options.table == "scan";
  if (of_matrix && options.matrix.empty()) {
    throw Error(Blame::usage, "--table " + options.table + ": name the matrix with --matrix");
  }
  if (options.table != "spectrum" && options.format == OutputFormat::npy) {
    throw Error(Blame::usage,
                "--format npy: only a spectrum is written as npy. Add --table spectrum");
  }
  return options;
}

std::string help_text(const std::string& command) {
  if (command.empty()) {
    return "wishart: the spectra of the weight matrices of large language models\n"
           "\n"
           "Usage: wishart COMMAND [OPTIONS]\n"
           "\n"
           "  scan PATH... --archive DIR   compute all spectra and metrics (under mpirun or srun, "
           "or alone)\n"
           "  inspect PATH                 list the matrices that would be analysed, and what is "
           "skipped\n"
           "  refit ARCHIVE                compute all metrics again from the stored spectra\n"
           "  report ARCHIVE               show the summary of a scanned checkpoint\n"
           "  export ARCHIVE               write a table or a spectrum as CSV, JSON or npy\n"
           "\n"
           "  wishart COMMAND --help       the options of a command\n"
           "  wishart --version            version, commit and libraries\n"
           "\n"
           "Exit codes: 0 done, 2 usage, 3 input, 4 resources, 5 some matrices failed "
           "numerically,\n"
           "70 defect of wishart, 75 stopped by a signal or time limit (run the same command "
           "again).\n";
  }
  for (const auto& make :
       {scan_command, inspect_command, refit_command, report_command, export_command}) {
    const Command found = make();
    if (found.name != command) continue;
    std::ostringstream text;
    text << "Usage: wishart " << found.name << ' ' << found.synopsis
         << (found.max_positional < 0 ? "..." : "") << " [OPTIONS]\n\n"
         << found.purpose << "\n\n"
         << found.options;
    return text.str();
  }
  return {};
}

}  // namespace wishart::job
