/// @file
/// Metrics again from stored spectra.

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

std::filesystem::path small_model(const TempFolder& temp) {
  write_bytes(
      temp / "small/model.safetensors",
      safetensors_bytes({{"model.layers.0.mlp.up_proj.weight", {96, 64}, noise_values(6144, 1)},
                         {"model.layers.1.mlp.up_proj.weight", {64, 64}, noise_values(4096, 2)},
                         {"model.layers.1.mlp.down_proj.weight", {64, 80}, noise_values(5120, 3)},
                         {"model.norm.weight", {32}, noise_values(32, 4)}}));
  return temp / "small";
}

std::string layers_of(const std::string& archive) {
  const Outcome table = run_wishart({"export", archive, "--table", "layers", "--format", "csv"});
  REQUIRE(table.exit_code == 0);
  return table.out;
}

Outcome scan(const TempFolder& temp, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"scan",       (temp / "small").string(),
                                     "--archive",  (temp / "archive").string(),
                                     "--progress", "none"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_wishart(arguments);
}

}  // namespace

TEST_CASE("refit with the same options changes nothing, with others the metrics", "[refit]") {
  const TempFolder temp;
  small_model(temp);
  const std::string archive = (temp / "archive").string();
  REQUIRE(scan(temp).exit_code == 0);
  const std::string before = layers_of(archive);
  for (const char* threads : {"1", "2"}) {
    const Outcome refit = run_wishart({"refit", archive, "--threads", threads});
    INFO(refit.err);
    CHECK(refit.exit_code == 0);
    CHECK(refit.out == "small: 3 matrices refitted\n");
    CHECK(layers_of(archive) == before);
  }
  REQUIRE(
      run_wishart({"refit", archive, "--gof", "20", "--bootstrap", "0", "--xmax", "3"}).exit_code ==
      0);
  const CsvTable after = parse_csv(layers_of(archive));
  const CsvTable earlier = parse_csv(before);
  REQUIRE(after.rows.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(number(after.rows[i].at("gof_p")) >= 0);
    CHECK(number(after.rows[i].at("gof_p_half")) >= 0);
    CHECK(std::isnan(number(earlier.rows[i].at("gof_p_half"))));
    CHECK(std::isnan(number(after.rows[i].at("alpha_low"))));
    CHECK(number(after.rows[i].at("xmax")) < number(earlier.rows[i].at("xmax")));
    for (const char* same : {"norm", "seconds", "hash", "num_spikes", "detX_num", "role"}) {
      CHECK(after.rows[i].at(same) == earlier.rows[i].at(same));
    }
  }
}

TEST_CASE("the scan is exported with every candidate, the fit among them", "[refit]") {
  const TempFolder temp;
  small_model(temp);
  const std::string archive = (temp / "archive").string();
  REQUIRE(scan(temp).exit_code == 0);
  for (const auto& row : parse_csv(layers_of(archive)).rows) {
    const Outcome out =
        run_wishart({"export", archive, "--table", "scan", "--matrix", row.at("key")});
    INFO(out.err);
    REQUIRE(out.exit_code == 0);
    const CsvTable curve = parse_csv(out.out);
    // 64 distinct values, of which the last nine leave too small a tail.
    CHECK(curve.rows.size() == 55);
    int best = 0;
    for (const auto& candidate : curve.rows) {
      CHECK(number(candidate.at("D")) >= number(row.at("D")));
      if (candidate.at("xmin") != row.at("xmin")) continue;
      ++best;
      CHECK(candidate.at("alpha") == row.at("alpha"));
      CHECK(candidate.at("D") == row.at("D"));
    }
    CHECK(best == 1);
  }
  const Outcome unnamed = run_wishart({"export", archive, "--table", "scan"});
  CHECK(unnamed.exit_code == 2);
  CHECK(unnamed.err == "wishart: --table scan: name the matrix with --matrix\n");
}

TEST_CASE("the scan that is exported is that of the values and candidates of the fit", "[refit]") {
  const TempFolder temp;
  small_model(temp);
  const std::string archive = (temp / "archive").string();
  REQUIRE(scan(temp).exit_code == 0);
  std::size_t all = 0;
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--bootstrap", "0"},
        {"--xmax", "6"},
        {"--fix-fingers", "clip_xmax", "--finger-thresh", "0.01"},
        {"--fix-fingers", "xmin_peak"},
        {"--fit", "E_TPL"},
        {"--fit", "TPL"}}) {
    std::vector<std::string> refit{"refit", archive};
    refit.insert(refit.end(), options.begin(), options.end());
    REQUIRE(run_wishart(refit).exit_code == 0);
    std::size_t candidates = 0;
    std::int64_t clipped = 0;
    std::int64_t fitted = 0;
    for (const auto& row : parse_csv(layers_of(archive)).rows) {
      CAPTURE(options, row.at("key"));
      const CsvTable curve = parse_csv(
          run_wishart({"export", archive, "--table", "scan", "--matrix", row.at("key")}).out);
      candidates += curve.rows.size();
      clipped += row.at("num_fingers") != "-1" && row.at("num_fingers") != "0" ? 1 : 0;
      if (row.at("status") != "success") continue;
      ++fitted;
      REQUIRE_FALSE(curve.rows.empty());
      const auto best = std::min_element(
          curve.rows.begin(), curve.rows.end(),
          [](const auto& a, const auto& b) { return number(a.at("D")) < number(b.at("D")); });
      CHECK(best->at("xmin") == row.at("xmin"));
      // Of a truncated law alpha and D are its own.
      if (options.front() != "--fit") {
        CHECK(best->at("D") == row.at("D"));
        CHECK(best->at("alpha") == row.at("alpha"));
      }
    }
    CHECK(fitted > 0);
    if (all == 0) all = candidates;
    const bool fewer = options.front() == "--xmax" || options.front() == "--fix-fingers" ||
                       options.back() == "E_TPL";
    CHECK((candidates < all) == fewer);
    if (options.size() > 3 && options[1] == "clip_xmax") CHECK(clipped > 0);
  }
}

TEST_CASE("a scan of an archived checkpoint with other metrics fits again", "[refit]") {
  const TempFolder temp;
  small_model(temp);
  REQUIRE(scan(temp).exit_code == 0);
  CHECK(scan(temp).out.find("nothing to do") != std::string::npos);
  const Outcome again = scan(temp, {"--fix-fingers", "clip_xmax"});
  INFO(again.err);
  CHECK(again.exit_code == 0);
  CHECK(again.out.find("refitted") != std::string::npos);
  const CsvTable table = parse_csv(layers_of((temp / "archive").string()));
  for (const auto& row : table.rows) CHECK(number(row.at("num_fingers")) >= 0);
  CHECK(scan(temp, {"--fix-fingers", "clip_xmax"}).out.find("nothing to do") != std::string::npos);
}

TEST_CASE("every option of the metrics works and gives finite answers", "[refit]") {
  const TempFolder temp;
  small_model(temp);
  const std::string archive = (temp / "archive").string();
  REQUIRE(scan(temp, {"--detx", "--mp-fit"}).exit_code == 0);
  const std::vector<std::vector<std::string>> choices{
      {"--fit", "TPL"}, {"--fit", "E_TPL"}, {"--fix-fingers", "xmin_peak"}};
  for (const std::vector<std::string>& options : choices) {
    std::vector<std::string> arguments{"refit", archive};
    arguments.insert(arguments.end(), options.begin(), options.end());
    REQUIRE(run_wishart(arguments).exit_code == 0);
    CAPTURE(options);
    int fitted = 0;
    for (const auto& row : parse_csv(layers_of(archive)).rows) {
      if (row.at("status") != "success") continue;
      ++fitted;
      CHECK(std::isfinite(number(row.at("alpha"))));
      CHECK(std::isfinite(number(row.at("D"))));
      if (options[0] == "--fit") CHECK(number(row.at("Lambda")) >= 0);
    }
    CHECK(fitted >= 1);
  }
}

TEST_CASE("an archive of an older schema is fitted and written anew", "[refit]") {
  const TempFolder temp;
  std::filesystem::create_directories(temp / "archive");
  for (const char* name : {"archive-v1.h5", "archive-v2.h5"}) {
    std::filesystem::copy_file(data_file(name), temp / "archive" / name);
  }
  const Outcome refit = run_wishart({"refit", (temp / "archive").string()});
  INFO(refit.err);
  CHECK(refit.exit_code == 0);
  CHECK(refit.out == "archive-v1: 5 matrices refitted\narchive-v2: 5 matrices refitted\n");
  CHECK(parse_csv(layers_of((temp / "archive/archive-v1.h5").string())).rows.size() == 5);
}

TEST_CASE("refit writes a renamed file where it was read, and leaves its namesake alone",
          "[refit]") {
  const TempFolder temp;
  small_model(temp);
  const std::string archive = (temp / "archive").string();
  REQUIRE(scan(temp).exit_code == 0);
  const std::string original = archive + "/small.h5";
  const std::string copy = archive + "/before.h5";
  std::filesystem::copy_file(original, copy);
  const std::string before = layers_of(original);
  REQUIRE(layers_of(copy) == before);
  for (const std::vector<std::string>& named :
       std::vector<std::vector<std::string>>{{copy}, {archive, "--checkpoint", "before"}}) {
    std::vector<std::string> arguments{"refit", "--xmax", named.size() == 1 ? "3" : "2"};
    arguments.insert(arguments.end(), named.begin(), named.end());
    const std::string earlier = layers_of(copy);
    const Outcome refit = run_wishart(arguments);
    INFO(refit.err);
    CHECK(refit.exit_code == 0);
    CHECK(refit.out == "before: 3 matrices refitted\n");
    CHECK(layers_of(original) == before);
    CHECK(layers_of(copy) != earlier);
  }
  // Its lock is that of its name.
  temp.write("archive/before.lock",
             "wishart lock 1\nnode4\nboot x\n123\n456\n789\n2026-01-31T12:00:00Z\ntoken\n");
  const Outcome left = run_wishart({"refit", copy});
  CHECK(left.exit_code == 75);
  CHECK(left.out == "before: skipped, another job is working on it\n");
  std::filesystem::rename(original, archive + "/two words.h5");
  const Outcome odd = run_wishart({"refit", archive + "/two words.h5"});
  CHECK(odd.exit_code == 2);
  CHECK(odd.err ==
        "wishart: " + archive +
            "/two words.h5: 'two words' is not a valid id, which is needed to "
            "lock the file. Rename it: letters, digits and ._+=-, no dot at the beginning\n");
}

TEST_CASE("a scan that finds its checkpoint under another name fits it again there", "[refit]") {
  const TempFolder temp;
  small_model(temp);
  REQUIRE(scan(temp).exit_code == 0);
  std::filesystem::rename(temp / "archive/small.h5", temp / "archive/first.h5");
  const Outcome again = scan(temp, {"--id", "first", "--fix-fingers", "clip_xmax"});
  INFO(again.err);
  CHECK(again.exit_code == 0);
  CHECK(again.out.find("refitted") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(temp / "archive/small.h5"));
  CHECK(scan(temp, {"--id", "first", "--fix-fingers", "clip_xmax"}).out.find("nothing to do") !=
        std::string::npos);
}

TEST_CASE("refit leaves a checkpoint to the job that has its lock, and takes over stale ones",
          "[refit][lock]") {
  const TempFolder temp;
  small_model(temp);
  const std::string archive = (temp / "archive").string();
  REQUIRE(scan(temp).exit_code == 0);
  REQUIRE(scan(temp, {"--id", "second"}).exit_code == 0);
  // The lock of a job on another host that is alive: just made.
  const auto lock =
      temp.write("archive/small.lock",
                 "wishart lock 1\nnode4\nboot x\n123\n456\n789\n2026-01-31T12:00:00Z\ntoken\n");
  const std::string before = layers_of(archive + "/small.h5");
  const Outcome left = run_wishart({"refit", archive, "--xmax", "3"});
  CAPTURE(left.out, left.err);
  CHECK(left.exit_code == 75);
  CHECK(left.err.find(
            "small: another job is working on it: process 123 on node4, Slurm job 789, since "
            "2026-01-31T12:00:00Z; skipped. Run again when that job has ended") !=
        std::string::npos);
  CHECK(left.out.find("second: 3 matrices refitted\n") != std::string::npos);
  CHECK(layers_of(archive + "/small.h5") == before);
  CHECK(std::filesystem::exists(lock));
  REQUIRE(run_shell("touch -d '2 minutes ago' " + quoted(lock.string())).exit_code == 0);
  const Outcome taken = run_wishart({"refit", archive, "--xmax", "3"});
  CHECK(taken.exit_code == 0);
  CHECK(taken.out.find("small: took over the lock of a job that no longer runs: process 123") !=
        std::string::npos);
  CHECK(layers_of(archive + "/small.h5") != before);
  CHECK_FALSE(std::filesystem::exists(lock));
  CHECK_FALSE(std::filesystem::exists(archive + "/second.lock"));
}

TEST_CASE("while refit works a scan and another refit find its lock", "[refit][lock]") {
  const TempFolder temp;
  small_model(temp);
  const std::string archive = (temp / "archive").string();
  REQUIRE(scan(temp).exit_code == 0);
  // So many replicas that it lasts until it is killed.
  const Outcome both = run_shell(
      quoted(program_path()) + " refit " + quoted(archive) +
      " --gof 1000000 --threads 1 & first=$!" + "\nfor i in $(seq 300); do [ -e " +
      quoted(archive + "/small.lock") + " ] && break; sleep 0.1; done\n" + quoted(program_path()) +
      " refit " + quoted(archive) + "; code=$?; kill -9 $first; wait $first; exit $code");
  CAPTURE(both.out, both.err);
  CHECK(both.exit_code == 75);
  CHECK(both.err.find("small: another job is working on it: process ") != std::string::npos);
  // Its owner is gone, and this machine can tell.
  const Outcome after = run_wishart({"refit", archive});
  CHECK(after.exit_code == 0);
  CHECK(after.out.find("took over the lock") != std::string::npos);
}

TEST_CASE("refit refuses what it cannot mean", "[refit]") {
  const TempFolder temp;
  const auto message = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"refit", temp.path().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_wishart(arguments);
    CHECK(outcome.exit_code == 2);
    return outcome.err;
  };
  CHECK(message({"--xmax", "2", "--fix-fingers", "clip_xmax"}) ==
        "wishart: --xmax and --fix-fingers both choose what is left out of the fit. Use only one "
        "of them\n");
  CHECK(message({"--gof", "-1"}) ==
        "wishart: --gof: expected a number from 0 to 1000000, found -1\n");
  CHECK(message({"--fit", "LOG"}) ==
        "wishart: --fit: expected one of PL, TPL, E_TPL, found 'LOG'\n");
  CHECK(message({"--threads", "-2"}) ==
        "wishart: --threads: expected a number from 0 to 4096, found -2\n");
  CHECK(message({"--finger-thresh", "-1"}) ==
        "wishart: --finger-thresh: expected a number of at least 0, found -1\n");
}
