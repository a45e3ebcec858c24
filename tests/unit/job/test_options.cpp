/// @file
/// Flags: defaults, every option, what is missing, unknown or said twice.

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace wishart;
using namespace wishart::job;
using namespace wishart::test;

TEST_CASE("a scan needs a path and an archive; the rest has defaults", "[options]") {
  const ScanOptions options = scan({});
  CHECK(options.paths == std::vector<std::filesystem::path>{"model"});
  CHECK(options.archive == "out");
  CHECK(options.id.empty());
  CHECK_FALSE(options.selection.weightwatcher);
  CHECK_FALSE(options.selection.no_pool);
  CHECK(options.selection.min_evals == 10);
  CHECK(options.selection.layers.empty());
  CHECK(options.fit.tolerance == 1e-6);
  CHECK(options.method == Method::gram);
  CHECK(options.team_size == 0);
  CHECK(options.memory_per_rank_bytes == 0);
  CHECK_FALSE(options.time_limit_seconds.has_value());
  CHECK(options.progress == ProgressStyle::automatic);
}

TEST_CASE("every option of a scan is read", "[options]") {
  const ScanOptions options = parse_scan(Words{"a",
                                               "--archive=dir",
                                               "--id",
                                               "name",
                                               "--no-pool",
                                               "--min-evals",
                                               "3",
                                               "--layers",
                                               "*mlp*",
                                               "--layers=-*gate*",
                                               "--tolerance",
                                               "1e-4",
                                               "--method",
                                               "svd",
                                               "--team-size",
                                               "4",
                                               "--memory-per-rank",
                                               "2G",
                                               "--time-limit",
                                               "90m",
                                               "--progress",
                                               "json"});
  CHECK(options.archive == "dir");
  CHECK(options.id == "name");
  CHECK(options.selection.no_pool);
  CHECK(options.selection.min_evals == 3);
  CHECK(options.selection.layers == Words{"*mlp*", "-*gate*"});
  CHECK(options.fit.tolerance == 1e-4);
  CHECK(options.method == Method::svd);
  CHECK(options.team_size == 4);
  CHECK(options.memory_per_rank_bytes == std::int64_t{2} << 30U);
  CHECK(options.time_limit_seconds == 5400);
  CHECK(options.progress == ProgressStyle::json);
}

TEST_CASE("paths are bare words, any number, before and after the flags", "[options]") {
  CHECK(parse_scan(Words{"a", "--archive", "o", "b", "c"}).paths ==
        std::vector<std::filesystem::path>{"a", "b", "c"});
  CHECK(parse_scan(Words{"--archive", "o", "--", "-odd-name"}).paths ==
        std::vector<std::filesystem::path>{"-odd-name"});
}

TEST_CASE("a glob that leaves out is a value, not a flag, in either form", "[options]") {
  CHECK(scan({"--layers=-*mlp*"}).selection.layers == Words{"-*mlp*"});
  CHECK(scan({"--layers", "-*mlp*"}).selection.layers == Words{"-*mlp*"});
  CHECK(scan({"--layers=-a", "--layers", "b"}).selection.layers == Words{"-a", "b"});
}

TEST_CASE("compat mode implies the method that it needs", "[options]") {
  CHECK(scan({"--compat", "weightwatcher"}).selection.weightwatcher);
  const auto compat = [](Words more) {
    more.insert(more.begin(), {"--compat", "weightwatcher"});
    return scan(more);
  };
  const auto method_of = [](const ScanOptions& options) {
    const std::string json = options.result_options_json();
    const std::string key = "\"method\": \"";
    const std::size_t begin = json.find(key) + key.size();
    return json.substr(begin, json.find('"', begin) - begin);
  };
  for (const Words& words : {Words{}, Words{"--method", "auto"}}) {
    CHECK(compat(words).method == Method::gram);
    CHECK(compat(words).checked());
    CHECK(compat(words).or_svd);
    CHECK(method_of(compat(words)) == "auto");
  }
  CHECK(compat({"--method", "gram"}).checked());
  CHECK_FALSE(compat({"--method", "gram"}).or_svd);
  CHECK(method_of(compat({"--method", "gram"})) == "gram");
  CHECK(compat({"--method", "svd"}).method == Method::svd);
  CHECK_FALSE(compat({"--method", "svd"}).checked());
  CHECK_FALSE(compat({"--method", "svd"}).or_svd);
  CHECK_FALSE(scan({}).checked());
  CHECK_FALSE(scan({"--method", "auto"}).or_svd);
  CHECK(method_of(scan({"--method", "auto"})) == "gram");
  CHECK(scan_refusal({"--compat", "weightwatcher", "--method", "qr"}) ==
        "--method qr: --compat weightwatcher takes gram, where it gives the same digits, and svd. "
        "Leave out --method");
}

TEST_CASE("the other commands read their options", "[options]") {
  const InspectOptions inspect =
      parse_inspect(Words{"m", "--format", "json", "--layers=-x", "--no-pool", "--min-evals=1"});
  CHECK(inspect.path == "m");
  CHECK(inspect.format == OutputFormat::json);
  CHECK(inspect.selection.layers == Words{"-x"});
  CHECK(inspect.selection.no_pool);
  CHECK(inspect.selection.min_evals == 1);
  CHECK(parse_inspect(Words{"m"}).format == OutputFormat::text);

  const ReportOptions report = parse_report(Words{"a", "--checkpoint", "step-1", "--format=md"});
  CHECK(report.archive == "a");
  CHECK(report.checkpoint == "step-1");
  CHECK(report.format == OutputFormat::md);
  CHECK(parse_report(Words{"a"}).format == OutputFormat::text);

  const ExportOptions exported =
      parse_export(Words{"a", "--table", "spectrum", "--matrix", "w", "--format", "npy"});
  CHECK(exported.table == ExportTable::spectrum);
  CHECK(exported.matrix == "w");
  CHECK(exported.format == OutputFormat::npy);
  CHECK(parse_export(Words{"a"}).table == ExportTable::layers);
  CHECK(parse_export(Words{"a"}).format == OutputFormat::csv);
}

TEST_CASE("export has the options of the program that reads", "[options]") {
  const ExportOptions axolotl = parse_export(Words{"a", "--for", "axolotl"});
  CHECK(axolotl.target == ExportTarget::axolotl);
  CHECK(axolotl.format == OutputFormat::json);
  const ExportOptions yaml =
      parse_export(Words{"a", "--for=axolotl", "--top=12.5%", "-o", "u.yml"});
  CHECK(yaml.format == OutputFormat::yaml);
  CHECK(yaml.top_percent == 12.5);
  CHECK(yaml.output == "u.yml");
  const ExportOptions peft =
      parse_export(Words{"a", "--for", "peft", "--energy", "95", "--max-rank", "64"});
  CHECK(peft.format == OutputFormat::json);
  CHECK(peft.energy == 0.95);
  CHECK(peft.max_rank == 64);
  const ExportOptions mergekit =
      parse_export(Words{"a", "--for", "mergekit", "--map", "alpha:1:0", "--parameter", "t"});
  CHECK(mergekit.format == OutputFormat::yaml);
  CHECK(mergekit.parameter == "t");
  CHECK(mergekit.map.value().low == 1);
  const ExportOptions table = parse_export(Words{"a", "--map", "alpha:0:1:2:6", "-o", "v.jsonl"});
  CHECK(table.target == ExportTarget::table);
  CHECK(table.format == OutputFormat::jsonl);
  CHECK(table.map.value().to == 6);
  const ExportOptions prometheus =
      parse_export(Words{"a", "--for", "prometheus", "-o", "w.prom", "--model", "m"});
  CHECK(prometheus.format == OutputFormat::prom);
  CHECK(prometheus.output == "w.prom");
  CHECK(prometheus.model == "m");
  CHECK(prometheus.for_everyone());
  const ExportOptions board =
      parse_export(Words{"a", "--for", "tensorboard", "-o", "runs/x", "--histograms"});
  CHECK(board.folder == "runs/x");
  CHECK(board.output.empty());  // no document
  CHECK(board.histograms);
  CHECK_FALSE(board.for_everyone());
}

TEST_CASE("options that the program does not use are refused", "[options]") {
  const auto refused = [](std::vector<std::string> words) {
    words.insert(words.begin(), "a");
    return refusal(parse_export, words);
  };
  CHECK(refused({"--for", "vllm"}) ==
        "--for: expected one of axolotl, peft, mergekit, prometheus, tensorboard, found 'vllm'");
  CHECK(refused({"--for", "axolotl", "--top", "50%"}) ==
        "--top has no effect here, it is for --for axolotl as yaml. Leave it out");
  CHECK(refused({"--for", "peft", "--map", "alpha:0:1"}) ==
        "--map has no effect here, it is for --for mergekit, or a table of layer and value. Leave "
        "it out");
  CHECK(refused({"--energy", "95%"}) ==
        "--energy has no effect here, it is for --for peft. Leave it out");
  CHECK(refused({"--for", "peft", "--matrix", "w"}) ==
        "--matrix has no effect here, it is for tables of the archive. Leave it out");
  CHECK(refused({"--matrix", "w"}) ==
        "--matrix has no effect here, it is for --table spectrum or scan. Leave it out");
  CHECK(refused({"--all", "--matrix", "w"}) ==
        "--matrix has no effect here, it is for --table spectrum or scan. Leave it out");
  CHECK(refused({"--map", "alpha:0:1", "--matrix", "w"}) ==
        "--matrix has no effect here, it is for tables of the archive. Leave it out");
  CHECK(refused({"--table", "history", "--checkpoint", "c"}) ==
        "--checkpoint has no effect here, it is for tables of one checkpoint. Leave it out");
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--window", "5"},
                                                {"--table", "summary", "--window", "5"},
                                                {"--all", "--window", "5"},
                                                {"--for", "peft", "--window", "5"}}) {
    CHECK(refused(words) ==
          "--window has no effect here, it is for --table history, or --for prometheus. Leave it "
          "out");
  }
  CHECK(parse_export(Words{"a", "--table", "history", "--window", "5"}).window == 5);
  CHECK(parse_export(Words{"a", "--for", "prometheus", "--window", "5"}).window == 5);
  CHECK(refused({"--for", "mergekit"}) ==
        "--for mergekit needs --map, such as --map alpha:0.3:0.7");
  CHECK(refused({"--for", "peft", "--all"}) ==
        "--all writes tables of the archive. Leave it out, and choose one checkpoint with "
        "--checkpoint");
  CHECK(refused({"--for", "peft", "--energy", "0"}) ==
        "--energy: expected a percentage above 0 and at most 100, such as 50%, found '0'");
  CHECK(refused({"--for", "axolotl", "--format", "yaml", "--top", "101%"}) ==
        "--top: expected a percentage above 0 and at most 100, such as 50%, found '101%'");
  CHECK(refused({"--for", "peft", "--max-rank", "0"}) ==
        "--max-rank: expected a number from 1, found 0");
  CHECK(refused({"--for", "peft", "--format", "yaml"}) ==
        "--format: expected one of json, found 'yaml'");
  CHECK(refused({"--for", "mergekit", "--map", "alpha:0:1", "-o", "m.json"}) ==
        "--output m.json: expected one of .yaml as its extension, found '.json'. Or choose the "
        "format with --format");
  CHECK(refused({"--for", "mergekit", "--map", "alpha:0:1", "--parameter", ""}) ==
        "--parameter: expected the name of a parameter, found ''");
  // node_exporter reads no other files.
  CHECK(refused({"--for", "prometheus", "-o", "w.txt"}) ==
        "--output w.txt: expected one of .prom as its extension, found '.txt'. Or choose the "
        "format with --format");
  CHECK(refused({"--for", "prometheus", "--model", ""}) == "--model: expected a name, found ''");
  CHECK(refused({"--model", "m"}) ==
        "--model has no effect here, it is for --for prometheus. Leave it out");
  CHECK(refused({"--for", "prometheus", "--histograms"}) ==
        "--histograms has no effect here, it is for --for tensorboard. Leave it out");
  CHECK(refused({"--for", "tensorboard"}) ==
        "--for tensorboard writes a folder of event files. Name it with --output FOLDER");
  CHECK(refused({"--for", "tensorboard", "-o", "b", "--checkpoint", "latest"}) ==
        "--checkpoint has no effect here, it is for other files than those of TensorBoard. Leave "
        "it out");
}

TEST_CASE("what is missing is named as the help names it", "[options]") {
  CHECK(refusal(parse_scan, {"--archive", "o"}) ==
        "wishart scan: missing PATH. See wishart scan --help");
  CHECK(refusal(parse_scan, {"model"}) ==
        "wishart scan: missing --archive. See wishart scan --help");
  CHECK(refusal(parse_inspect, {}) == "wishart inspect: missing PATH. See wishart inspect --help");
  CHECK(refusal(parse_report, {}) == "wishart report: missing ARCHIVE. See wishart report --help");
  CHECK(refusal(parse_export, {}) == "wishart export: missing ARCHIVE. See wishart export --help");
}

TEST_CASE("an unknown key is refused with the nearest", "[options]") {
  CHECK(scan_refusal({"--min-eval", "3"}) ==
        "wishart scan: unknown key '--min-eval'. Did you mean 'min-evals'? See wishart scan "
        "--help");
  CHECK(scan_refusal({"--tollerance=1"}) ==
        "wishart scan: unknown key '--tollerance'. Did you mean 'tolerance'? See wishart scan "
        "--help");
  CHECK(scan_refusal({"--xyzzyxyzzy"}) ==
        "wishart scan: unknown key '--xyzzyxyzzy'. See wishart scan --help");
  CHECK(refusal(parse_report, {"a", "--fromat", "md"}) ==
        "wishart report: unknown key '--fromat'. Did you mean 'format'? See wishart report --help");
  // A key of another command.
  CHECK(refusal(parse_export, {"a", "--method", "svd"}).find("unknown key '--method'") !=
        std::string::npos);
  CHECK(scan_refusal({"--\x1b[31m"}).find("'--\\x1b[31m'") != std::string::npos);
}

TEST_CASE("keys are not guessed from their beginnings", "[options]") {
  CHECK(scan_refusal({"--tol", "1"}).find("unknown key '--tol'") != std::string::npos);
  CHECK(scan_refusal({"--no-poo"}).find("Did you mean 'no-pool'?") != std::string::npos);
}

TEST_CASE("a value that is missing or said twice is refused", "[options]") {
  CHECK(scan_refusal({"--archive", "p"}) ==
        "wishart scan: option '--archive' cannot be specified more than once. See wishart scan "
        "--help");
  CHECK(scan_refusal({"--id"}) ==
        "wishart scan: the required argument for option '--id' is missing. See wishart scan "
        "--help");
  CHECK(refusal(parse_inspect, {"a", "b"}) ==
        "wishart inspect: too many positional options have been specified on the command line. See "
        "wishart inspect --help");
}

TEST_CASE("the options that shape results are kept as JSON", "[options]") {
  CHECK(scan({}).result_options_json() ==
        R"({"mode": "corrected", "method": "gram", "precision": "float64", )"
        R"("resolve": false, "solver": "auto", "pool": true, "min_evals": 10, )"
        R"("team_size": 0, "layers": []})");
  CHECK(scan({"--compat", "weightwatcher", "--no-pool", "--min-evals", "3", "--layers", "a\"b",
              "--layers=-c", "--team-size", "2"})
            .result_options_json() ==
        R"({"mode": "weightwatcher", "method": "auto", "precision": "float64", )"
        R"("resolve": false, "solver": "auto", "pool": false, "min_evals": 3, )"
        R"("team_size": 2, "layers": ["a\"b", "-c"]})");
  // `auto` is not said: archives of earlier versions had nothing else.
  CHECK(scan({"--products", "auto"}).result_options_json() == scan({}).result_options_json());
  CHECK(scan({"--products", "integer"}).result_options_json().find(R"("products": "integer")") !=
        std::string::npos);
  // What only shapes the run is not in it.
  CHECK(scan({"--progress", "none", "--time-limit", "1h", "--memory-per-rank", "1G"})
            .result_options_json() == scan({}).result_options_json());
}
