/// @file
/// Values of options: times, sizes, choices and numbers, and exact messages for bad ones.

#include <ctime>

#include <catch2/catch.hpp>

#include "support.hpp"
#include "support/variable.hpp"

using namespace wishart;
using namespace wishart::job;
using namespace wishart::test;

TEST_CASE("a time limit is read as people write times", "[options]") {
  struct Expected {
    const char* text;
    double seconds;
  };
  for (const auto& [text, seconds] :
       {Expected{"90", 90}, Expected{"90s", 90}, Expected{"45m", 2700}, Expected{"2h", 7200},
        Expected{"1.5h", 5400}, Expected{"1:30", 5400}, Expected{"1:30:00", 5400},
        Expected{"0:00:05", 5}, Expected{"24:00:00", 86400}, Expected{"0", 0}, Expected{"0s", 0},
        Expected{"0:00:00", 0}}) {
    CAPTURE(text);
    CHECK(scan({"--time-limit", text}).time_limit_seconds == seconds);
  }
}

TEST_CASE("what is no time is refused as it was written", "[options]") {
  for (const std::string text : {"x", "m", "5d", "1:", ":30", ":", "1:2:3:4", "1h30", "nan", "inf",
                                 "1e999", "1:-5", "2hh", "1 h", "0x10", " 5", "5 "}) {
    CAPTURE(text);
    CHECK(scan_refusal({"--time-limit=" + text}) ==
          "--time-limit: expected a time such as 45m, 2h or 1:30:00, found '" + text + "'");
  }
  CHECK(scan_refusal({"--time-limit=-5"}) ==
        "--time-limit: expected a time such as 45m, 2h or 1:30:00, found '-5'");
}

TEST_CASE("the wait for a lock is a time too, for every command that locks", "[options]") {
  CHECK(scan({}).wait_for_lock_seconds == 0);
  CHECK(scan({"--wait-for-lock", "2h"}).wait_for_lock_seconds == 7200);
  CHECK(parse_refit(Words{"a", "--wait-for-lock", "90"}).wait_for_lock_seconds == 90);
  CHECK(parse_verify(Words{"a", "--wait-for-lock", "1m"}).wait_for_lock_seconds == 60);
  CHECK(
      parse_check(Words{"a", "--base", "b", "--wait-for-lock", "1m"}).scan.wait_for_lock_seconds ==
      60);
  CHECK(scan_refusal({"--wait-for-lock", "soon"}) ==
        "--wait-for-lock: expected a time such as 45m, 2h or 1:30:00, found 'soon'");
  CHECK(scan_refusal({"--wait-for-lock", "1000000000.5"}) ==
        "--wait-for-lock: expected a time such as 45m, 2h or 1:30:00, found '1000000000.5'");
}

TEST_CASE("the end of the job is a moment, a time from now, or none", "[options]") {
  CHECK_FALSE(scan({}).until_is_told);
  CHECK(scan({"--until", "none"}).until_is_told);
  CHECK_FALSE(scan({"--until", "none"}).until_seconds.has_value());
  CHECK(scan({"--until", "2026-01-31T12:00:00Z"}).until_seconds == 1769860800);
  CHECK(scan({"--until", "2026-01-31T12:00Z"}).until_seconds == 1769860800);
  CHECK(scan({"--until", "2028-02-29T12:00Z"}).until_seconds == 1835438400);
  {
    const Variable zone("TZ", "XYZ-2");  // two hours east
    CHECK(scan({"--until", "2026-01-31T14:00"}).until_seconds == 1769860800);
  }
  {
    // 02:30 of that night does not exist there, which is nobody's mistake.
    const Variable zone("TZ", "CET-1CEST,M3.5.0,M10.5.0/3");
    CHECK(scan({"--until", "2026-03-29T02:30"}).until_seconds.has_value());
  }
  const std::int64_t before = std::time(nullptr);
  const std::int64_t until = scan({"--until", "1:30"}).until_seconds.value_or(0);
  CHECK(until >= before + 5400);
  CHECK(until <= std::time(nullptr) + 5400);
  for (const std::string text :
       {"soon", "2026-01-31", "2026-13-31T12:00", "12:00Z", "31.1.", "2026-01-31T12:00:00+01:00",
        "-5", "2025-02-30T00:00", "2026-02-29T00:00", "2026-04-31T00:00Z", "2026-01-00T00:00"}) {
    CAPTURE(text);
    CHECK(scan_refusal({"--until=" + text}) ==
          "--until: expected a moment such as 2026-01-31T06:00, a time from now such as 2h, or "
          "none; found '" +
              text + "'");
  }
}

TEST_CASE("an empty name of a path is refused, as of a variable that is not set", "[options]") {
  CHECK(scan_refusal({"--base", ""}) ==
        "wishart scan: --base: expected a path, found an empty name");
  CHECK(refusal(parse_scan, Words{"m", "--archive", ""}) ==
        "wishart scan: --archive: expected a path, found an empty name");
  CHECK(refusal(parse_report, Words{""}) ==
        "wishart report: --archive: expected a path, found an empty name");
  CHECK(refusal(parse_rank, Words{"a", ""}) ==
        "wishart rank: --archive: expected a path, found an empty name");
  // A task of an array may have nothing left to scan.
  CHECK(parse_scan(Words{"", "--archive", "a"}).paths ==
        std::vector<std::filesystem::path>{std::filesystem::path()});
}

TEST_CASE("memory is read in powers of 1024", "[options]") {
  CHECK(scan({"--memory-per-rank", "8G"}).memory_per_rank_bytes == std::int64_t{8} << 30U);
  CHECK(scan({"--memory-per-rank", "512MiB"}).memory_per_rank_bytes == std::int64_t{512} << 20U);
  CHECK(scan({"--memory-per-rank", "1048576"}).memory_per_rank_bytes == 1048576);
  for (const std::string text : {"8X", "0", "-1G", "G", "nan", "1e30", "8 G"}) {
    CAPTURE(text);
    CHECK(scan_refusal({"--memory-per-rank=" + text}) ==
          "--memory-per-rank: expected a size such as 8G or 512M, found '" + text + "'");
  }
}

TEST_CASE("a choice names all choices", "[options]") {
  CHECK(scan_refusal({"--method", "qr2"}) ==
        "--method: expected one of auto, gram, qr, svd, found 'qr2'");
  CHECK(scan_refusal({"--precision", "half"}) ==
        "--precision: expected one of double, single, found 'half'");
  CHECK(scan_refusal({"--products", "exact"}) ==
        "--products: expected one of auto, float64, integer, found 'exact'");
  for (const auto& other : {Words{"--method", "qr"}, Words{"--precision", "single"}}) {
    Words words{"--products", "integer"};
    words.insert(words.end(), other.begin(), other.end());
    CHECK(scan_refusal(words) ==
          "--products integer: needs --method gram and --precision double. Leave one out");
  }
  CHECK(scan_refusal({"--solver", "magma"}) ==
        "--solver: expected one of auto, local, scalapack, elpa, found 'magma'");
  CHECK(scan_refusal({"--method", "qr", "--resolve"}) ==
        "--resolve: needs --method gram, but the method is qr. Leave one out");
  CHECK(scan_refusal({"--compat", "weightwatcher", "--precision", "single"}) ==
        "--precision single: not with --compat weightwatcher, whose digits need svd where gram in "
        "double does not do. Leave one out");
  CHECK(scan_refusal({"--compat", "weightwatcher", "--method", "svd", "--precision", "single"}) ==
        "--precision single: needs --method gram, but the method is svd. Leave one out");
  CHECK(scan_refusal({"--threads-per-rank", "-1"}) ==
        "--threads-per-rank: expected at least 1, found -1");
  CHECK(refusal(parse_plan, {"a", "--ranks", "0"}) ==
        "--ranks: expected a number from 1 to 1048576, or a list such as 1,2,4,...,1024, found "
        "'0'");
  CHECK(refusal(parse_plan, {"a", "--ranks", "2", "--ranks-per-node", "-2"}) ==
        "--ranks-per-node: expected at least 1, found -2");
  CHECK(refusal(parse_plan, {"a", "--ranks", "2", "--gflops", "-1"}) ==
        "--gflops: expected a positive number, found -1");
  CHECK(refusal(parse_plan, {"a"}) ==
        "wishart plan: missing --ranks, or --nodes and --cores-per-node, which give them. See "
        "wishart plan --help");
  CHECK(scan_refusal({"--progress", "loud"}) ==
        "--progress: expected one of auto, plain, json, none, found 'loud'");
  CHECK(scan_refusal({"--compat", "ww"}) == "--compat: expected one of weightwatcher, found 'ww'");
  CHECK(scan_refusal({"--method", "\x1b"}) ==
        "--method: expected one of auto, gram, qr, svd, found '\\x1b'");
  CHECK(refusal(parse_export, {"a", "--table", "layer"}) ==
        "--table: expected one of layers, summary, skipped, adapter, traps, history, spectrum, "
        "scan, found 'layer'");
}

TEST_CASE("each style of progress is known by its name", "[options]") {
  CHECK(scan({"--progress", "auto"}).progress == ProgressStyle::automatic);
  CHECK(scan({"--progress", "plain"}).progress == ProgressStyle::plain);
  CHECK(scan({"--progress", "json"}).progress == ProgressStyle::json);
  CHECK(scan({"--progress", "none"}).progress == ProgressStyle::none);
}

TEST_CASE("each command has its own formats", "[options]") {
  CHECK(refusal(parse_inspect, {"m", "--format", "md"}) ==
        "--format: expected one of text, csv, json, found 'md'");
  CHECK(refusal(parse_report, {"a", "--format", "csv"}) ==
        "--format: expected one of text, md, html, json, brief, found 'csv'");
  CHECK(refusal(parse_gate, {"a", "--rules", "r", "--format", "csv"}) ==
        "--format: expected one of text, md, html, json, brief, found 'csv'");
  CHECK(refusal(parse_export, {"a", "--format", "text"}) ==
        "--format: expected one of csv, json, jsonl, npy, found 'text'");
  CHECK(refusal(parse_export, {"a", "--format", ""}) ==
        "--format: expected one of csv, json, jsonl, npy, found ''");
}

TEST_CASE("the ending of --output names the format where --format does not", "[options]") {
  struct Expected {
    std::string file;
    OutputFormat format;
  };
  for (const auto& [file, format] :
       {Expected{"r.txt", OutputFormat::text}, Expected{"r.md", OutputFormat::md},
        Expected{"d.e/r.HTML", OutputFormat::html}, Expected{"r.txt.json", OutputFormat::json}}) {
    CAPTURE(file);
    const ReportOptions options = parse_report(Words{"a", "-o", file});
    CHECK(options.format == format);
    CHECK(options.output == file);
    CHECK(parse_report(Words{"a", "--output=" + file}).format == format);
  }
  CHECK(parse_report(Words{"a"}).output.empty());
  CHECK(parse_report(Words{"a", "--format", "md", "-o", "r.md"}).format == OutputFormat::md);
  CHECK(parse_export(Words{"a", "--format", "json", "-o", "layers.dat"}).format ==
        OutputFormat::json);
  CHECK(parse_export(Words{"a", "--format", "csv", "-o", "layers"}).format == OutputFormat::csv);
  CHECK(parse_export(Words{"a", "--table", "spectrum", "--matrix", "m", "-o", "s.npy"}).format ==
        OutputFormat::npy);
  CHECK(parse_compare(Words{"a", "b", "c", "-o", "c.csv"}).format == OutputFormat::csv);
  CHECK(parse_gate(Words{"a", "--rules", "r", "-o", "g.md"}).format == OutputFormat::md);
  CHECK(parse_rank(Words{"a", "-o", "r.csv"}).format == OutputFormat::csv);
  CHECK(parse_inspect(Words{"m", "-o", "i.json"}).format == OutputFormat::json);
  CHECK(parse_plan(Words{"m", "--ranks", "2", "-o", "p.csv"}).format == OutputFormat::csv);
  CHECK(parse_verify(Words{"a", "-o", "v.json"}).format == OutputFormat::json);
}

TEST_CASE("endings that say nothing, or not what --format says, are refused", "[options]") {
  CHECK(refusal(parse_report, {"a", "-o", "r.pdf"}) ==
        "--output r.pdf: expected one of .txt, .md, .html, .json as its extension, found "
        "'.pdf'. Or choose the format with --format");
  CHECK(refusal(parse_report, {"a", "-o", "report"}) ==
        "--output report: expected one of .txt, .md, .html, .json as its extension, found "
        "''. Or choose the format with --format");
  CHECK(refusal(parse_export, {"a", "-o", "layers.txt"}) ==
        "--output layers.txt: expected one of .csv, .json, .jsonl, .npy as its extension, "
        "found "
        "'.txt'. Or choose the format with --format");
  CHECK(refusal(parse_export, {"a", "--format", "json", "-o", "layers.csv"}) ==
        "--output layers.csv: its extension says csv, --format says json. Change one of them");
  CHECK(refusal(parse_export, {"a", "-o", "layers.npy"}) ==
        "--format npy: only a spectrum can be written as npy. Add --table spectrum");
  CHECK(refusal(parse_report, {"a", "--output", ""}) == "--output: expected a file name, found ''");
}

TEST_CASE("npy is for a spectrum, and a spectrum needs a matrix", "[options]") {
  for (const char* table : {"layers", "summary", "skipped"}) {
    CHECK(refusal(parse_export, {"a", "--table", table, "--format", "npy"}) ==
          "--format npy: only a spectrum can be written as npy. Add --table spectrum");
  }
  CHECK(refusal(parse_export, {"a", "--table", "spectrum"}) ==
        "--table spectrum: name the matrix with --matrix");
}

TEST_CASE("numbers out of range are refused", "[options]") {
  CHECK(scan_refusal({"--min-evals", "0"}) == "--min-evals: expected at least 1, found 0");
  CHECK(scan_refusal({"--min-evals=-3"}) == "--min-evals: expected at least 1, found -3");
  CHECK(refusal(parse_inspect, {"m", "--min-evals", "0"}) ==
        "--min-evals: expected at least 1, found 0");
  CHECK(scan_refusal({"--tolerance=-1"}) ==
        "--tolerance: expected a number of at least 0, found -1");
  CHECK(scan_refusal({"--tolerance", "nan"}) ==
        "--tolerance: expected a number of at least 0, found nan");
  CHECK(scan_refusal({"--team-size=-2"}) ==
        "--team-size: expected a number of ranks, or 0 to choose it automatically; found -2");
}

TEST_CASE("what is no number is refused with the option's name", "[options]") {
  for (const std::string option : {"--min-evals", "--team-size", "--tolerance"}) {
    CHECK(scan_refusal({option, "many"}) == "wishart scan: the argument ('many') for option '" +
                                                option + "' is invalid. See wishart scan --help");
  }
  CHECK(scan_refusal({"--team-size", "99999999999"}).find("--team-size") != std::string::npos);
  CHECK(scan_refusal({"--min-evals", "1.5"}).find("'--min-evals' is invalid") != std::string::npos);
}

TEST_CASE("one name cannot be given to several checkpoints", "[options]") {
  CHECK(refusal(parse_scan, {"a", "b", "--archive", "o", "--id", "x"}) ==
        "--id names one checkpoint, but 2 paths were given");
}
