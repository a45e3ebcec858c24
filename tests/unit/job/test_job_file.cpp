/// @file
/// Job files: the same keys as the flags, which win.

#include <catch2/catch.hpp>

#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::job;
using namespace wishart::test;

namespace {

/// The options of a scan with this job file and these flags.
ScanOptions with_file(const std::string& content, const Words& flags = {}) {
  const TempFolder temp;
  Words words{"--job", temp.write("job.cfg", content).string()};
  words.insert(words.end(), flags.begin(), flags.end());
  return parse_scan(words);
}

/// The message that refuses the job file, with its folder taken off.
std::string file_refusal(const std::string& content) {
  const TempFolder temp;
  const std::string file = temp.write("job.cfg", content).string();
  std::string text = refusal(parse_scan, {"m", "--archive", "o", "--job", file});
  const std::string folder = temp.path().string() + "/";
  if (text.find(folder) != std::string::npos) text.erase(text.find(folder), folder.size());
  return text;
}

}  // namespace

TEST_CASE("a job file gives every option, with comments between", "[job_file]") {
  const ScanOptions options = with_file(
      "# nightly\n"
      "path = /data/run one\n"
      "path = /data/run2\n"
      "archive = /out   # beside it\n"
      "min-evals = 4\n"
      "no-pool = true\n"
      "layers = *mlp*\n"
      "layers = -*gate*\n"
      "compat = weightwatcher\n"
      "tolerance = 1e-5\n"
      "team-size = 2\n"
      "memory-per-rank = 1G\n"
      "time-limit = 1:30:00\n"
      "progress = none\n"
      "\n");
  CHECK(options.paths == std::vector<std::filesystem::path>{"/data/run one", "/data/run2"});
  CHECK(options.archive == "/out");
  CHECK(options.selection.min_evals == 4);
  CHECK(options.selection.no_pool);
  CHECK(options.selection.layers == Words{"*mlp*", "-*gate*"});
  CHECK(options.selection.weightwatcher);
  CHECK(options.method == Method::gram);
  CHECK(options.or_svd);
  CHECK(options.fit.tolerance == 1e-5);
  CHECK(options.team_size == 2);
  CHECK(options.memory_per_rank_bytes == 1 << 30);
  CHECK(options.time_limit_seconds == 5400);
  CHECK(options.progress == ProgressStyle::none);
}

TEST_CASE("a flag wins over the job file", "[job_file]") {
  const std::string file =
      "path = from-file\narchive = from-file\nid = from-file\nmin-evals = 4\nlayers = from-file\n"
      "tolerance = 4\nmethod = gram\nteam-size = 4\nmemory-per-rank = 4G\ntime-limit = 4\n"
      "progress = none\n";
  const ScanOptions kept = with_file(file);
  CHECK(kept.selection.min_evals == 4);
  const ScanOptions options = with_file(file, {"flag", "--archive",    "flag", "--id",
                                               "flag", "--min-evals",  "5",    "--layers",
                                               "flag", "--tolerance",  "5",    "--method",
                                               "svd",  "--team-size",  "5",    "--memory-per-rank",
                                               "5G",   "--time-limit", "5",    "--progress",
                                               "plain"});
  CHECK(options.paths == std::vector<std::filesystem::path>{"flag"});
  CHECK(options.archive == "flag");
  CHECK(options.id == "flag");
  CHECK(options.selection.min_evals == 5);
  CHECK(options.selection.layers == Words{"flag"});
  CHECK(options.fit.tolerance == 5);
  CHECK(options.method == Method::svd);
  CHECK(options.team_size == 5);
  CHECK(options.memory_per_rank_bytes == std::int64_t{5} << 30U);
  CHECK(options.time_limit_seconds == 5);
  CHECK(options.progress == ProgressStyle::plain);
}

TEST_CASE("a flag with the default's value wins too", "[job_file]") {
  const std::string file = "path = m\narchive = o\nmin-evals = 4\nprogress = none\n";
  CHECK(with_file(file, {"--min-evals", "10"}).selection.min_evals == 10);
  CHECK(with_file(file, {"--progress", "auto"}).progress == ProgressStyle::automatic);
  // What no flag gives comes from the file.
  CHECK(with_file(file, {"--min-evals", "10"}).progress == ProgressStyle::none);
}

TEST_CASE("an unknown key of a job file is refused by file, with the nearest", "[job_file]") {
  CHECK(file_refusal("min-eval = 4\n") ==
        "job.cfg: unknown key 'min-eval'. Did you mean 'min-evals'? See wishart scan --help");
  CHECK(file_refusal("min_evals = 4\n").find("Did you mean 'min-evals'?") != std::string::npos);
  CHECK(file_refusal("[fit]\nmin-evals = 4\n").find("unknown key 'fit.min-evals'") !=
        std::string::npos);
}

TEST_CASE("bad lines and values of a job file are refused", "[job_file]") {
  CHECK(file_refusal("no equals sign\n").find("job.cfg: ") == 0);
  CHECK(file_refusal("min-evals = many\n") ==
        "job.cfg: the argument ('many') for option 'min-evals' is invalid");
  CHECK(file_refusal("min-evals = 0\n") == "--min-evals: expected at least 1, found 0");
  CHECK(file_refusal("time-limit = soon\n") ==
        "--time-limit: expected a time such as 45m, 2h or 1:30:00, found 'soon'");
  CHECK(file_refusal("id = a\nid = b\n") ==
        "job.cfg: option 'id' cannot be specified more than once");
}

TEST_CASE("a job file that cannot be read is a usage error by name", "[job_file]") {
  const std::string text = scan_refusal({"--job", "/nowhere/job.cfg"});
  CHECK(text.find("--job: /nowhere/job.cfg") == 0);
  CHECK(file_refusal(std::string((1 << 20) + 1, '#')).find("--job: ") == 0);
}

TEST_CASE("every command reads a job file", "[job_file]") {
  const TempFolder temp;
  const std::string file = temp.write("job.cfg", "format = json\n").string();
  CHECK(parse_report(Words{"a", "--job", file}).format == OutputFormat::json);
  CHECK(parse_export(Words{"a", "--job", file}).format == OutputFormat::json);
  CHECK(parse_inspect(Words{"a", "--job", file}).format == OutputFormat::json);
  CHECK(parse_export(Words{"a", "--job", file, "--format", "csv"}).format == OutputFormat::csv);
  CHECK(scan_refusal({"--job", file}).find("unknown key 'format'") != std::string::npos);
}
