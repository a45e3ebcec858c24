/// @file
/// Every exit code other than 0 comes with one line on standard error that says why: over all
/// commands, alone and under mpirun.

#include <limits>

#include <catch2/catch.hpp>

#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

const std::vector<std::string> kCommands{"scan",   "inspect", "plan",    "refit", "report",
                                         "export", "plot",    "compare", "gate",  "rank",
                                         "verify", "index",   "merge",   "synth"};

std::vector<float> with_nan(std::vector<float> values) {
  values[7] = std::numeric_limits<float>::quiet_NaN();
  return values;
}

/// Six matrices of 40 x 30; `bad` of them begins with NaN.
void write_model(const std::filesystem::path& folder, int bad = -1) {
  std::vector<TensorToWrite> tensors;
  for (int i = 0; i < 6; ++i) {
    std::vector<float> values = noise_values(1200, static_cast<std::uint64_t>(i));
    if (i == bad) values = with_nan(std::move(values));
    tensors.push_back({"layers." + std::to_string(i) + ".weight", {40, 30}, values});
  }
  write_bytes(folder / "model.safetensors", safetensors_bytes(tensors));
}

/// The run ended with `code` and one line, which holds `part`.
void check_told(const Outcome& outcome, int code, const std::string& part) {
  CAPTURE(outcome.exit_code, outcome.err, outcome.out);
  CHECK(outcome.exit_code == code);
  REQUIRE(outcome.messages().size() == 1);
  CHECK(outcome.messages().front().find(part) != std::string::npos);
  CHECK(outcome.err.find("\n  because") == std::string::npos);  // no second line of it
}

std::string shell_of(const std::vector<std::string>& words) {
  std::string command = quoted(program_path());
  for (const std::string& word : words) command += " " + quoted(word);
  return command;
}

std::vector<std::string> scan_words(const TempFolder& temp, const std::string& model) {
  return {"scan", (temp / model).string(), "--archive", (temp / "archive").string(), "--progress",
          "none"};
}

/// A disk that cannot read the file from the second half of matrix `first` on.
std::string bad_disk(const TempFolder& temp, const std::string& model, int first) {
  const auto bytes = std::filesystem::file_size(temp / model / "model.safetensors");
  return "LD_PRELOAD=" + quoted(WISHART_EIO) + " WISHART_EIO_PATH=" + model +
         "/model.safetensors WISHART_EIO_FROM=" +
         std::to_string(static_cast<std::int64_t>(bytes) - (6 - first) * 4800 + 2400) + " ";
}

const std::string kLock =
    "wishart lock 1\nnode4\nboot x\n123\n456\n789\n2026-01-31T12:00:00Z\ntoken\n";

}  // namespace

TEST_CASE("usage: whatever is typed, one line says what is wrong", "[endings]") {
  check_told(run_wishart({}), 2, "expected a command");
  check_told(run_wishart({"scn"}), 2, "unknown command 'scn'. Did you mean 'scan'?");
  for (const std::string& command : kCommands) {
    CAPTURE(command);
    check_told(run_wishart({command}), 2, "wishart: wishart " + command + ": missing ");
    check_told(run_wishart({command, "--nonsense"}), 2, "unknown key '--nonsense'");
    check_told(run_wishart({command, "x", "--job", "/none"}), 2, "--job: /none");
  }
  check_told(run_wishart({"scan", "m", "--nonsense"}, 2), 2, "unknown key '--nonsense'");
}

TEST_CASE("input: what is not there is named by every command", "[endings]") {
  const TempFolder temp;
  const std::string none = (temp / "none").string();
  const auto rules = temp.write("rules.cfg", "[a]\nmetric = alpha\nmax = 6\n").string();
  const std::vector<std::vector<std::string>> all{
      {"scan", none, "--archive", (temp / "a").string()},
      {"inspect", none},
      {"plan", none, "--ranks", "2"},
      {"refit", none},
      {"report", none},
      {"export", none},
      {"plot", none, "--list"},
      {"compare", none, "a", "b"},
      {"gate", none, "--rules", rules},
      {"rank", none},
      {"verify", none},
      {"index", none},
      {"merge", none, "--out", (temp / "packed.h5").string()}};
  for (const auto& words : all) {
    CAPTURE(words);
    check_told(run_wishart(words), 3, none);
  }
  check_told(run_wishart(all.front(), 2), 3, none);
}

TEST_CASE("resources: a standard output that takes nothing is told by every command", "[endings]") {
  const TempFolder temp;
  write_model(temp / "m");
  write_model(temp / "n");
  const std::string archive = (temp / "archive").string();
  REQUIRE(run_wishart(scan_words(temp, "n")).exit_code == 0);
  const auto rules = temp.write("rules.cfg", "[a]\nmetric = alpha\nmax = 60\n").string();
  const std::string part = "standard output cannot be written";
  const std::vector<std::vector<std::string>> all{
      {"--help"},
      {"--version"},
      {"scan", "--help"},
      scan_words(temp, "m"),
      {"inspect", (temp / "m").string()},
      {"plan", (temp / "m").string(), "--ranks", "2", "--gflops", "1"},
      {"refit", archive},
      {"report", archive, "--checkpoint", "n"},
      {"export", archive, "--checkpoint", "n"},
      {"plot", archive, "n", "--what", "blocks"},
      {"compare", archive, "n", "m"},
      {"gate", archive, "--checkpoint", "n", "--rules", rules},
      {"rank", archive},
      {"verify", archive},
      {"index", archive},
      {"merge", archive, "--out", (temp / "packed.h5").string()},
      {"synth", "--list"},
      {"synth", "tiny-llama", "--blocks", "1", "--out", (temp / "synth").string()}};
  for (const auto& words : all) {
    CAPTURE(words);
    check_told(run_shell(shell_of(words) + " >/dev/full"), 4, part);
  }
  check_told(run_wishart({"scan", (temp / "m").string(), "--archive", "/proc/none"}), 4,
             "/proc/none: the archive folder cannot be created");
}

TEST_CASE("a read error of some matrices is told with the first of them, over any ranks",
          "[endings]") {
  const TempFolder temp;
  write_model(temp / "m");
  const std::string archive = (temp / "archive").string();
  const std::string words = shell_of(scan_words(temp, "m"));
  const Outcome alone = run_shell(bad_disk(temp, "m", 3) + words);
  check_told(alone, 3,
             "wishart: m: 3 of 6 matrices failed, first layers.3.weight: " +
                 (temp / "m/model.safetensors").string() + ": reading ");
  CHECK(
      alone.messages()[0].find("failed: Input/output error. The archive " + archive +
                               "/m.h5 holds the others. Restore the file and run the same command "
                               "again: it computes only what failed") != std::string::npos);
  // Again, and over two ranks: the same line.
  std::filesystem::remove_all(archive);
  const Outcome over_two =
      run_shell(bad_disk(temp, "m", 3) + quoted(in_source("tools/mpirun")) + " -np 2 " + words);
  check_told(over_two, 3, "first layers.3.weight: ");
  CHECK(over_two.messages() == alone.messages());
  // What the archive keeps of the failure is enough to say so.
  CHECK(run_wishart(scan_words(temp, "m")).exit_code == 0);
}

TEST_CASE("NaN is told when it is found, and by every later run", "[endings]") {
  const TempFolder temp;
  write_model(temp / "m", 2);
  const std::string part =
      "wishart: m: 1 of 6 matrices failed, first layers.2.weight in model.safetensors: 1 NaN and 0 "
      "infinite elements of 1200. ";
  check_told(run_wishart(scan_words(temp, "m")), 5, part);
  check_told(run_wishart(scan_words(temp, "m")), 5, part);
  std::filesystem::remove_all(temp / "archive");
  check_told(run_wishart(scan_words(temp, "m"), 2), 5, part);
  // Of a read error and NaN the read error is what the code says.
  std::filesystem::remove_all(temp / "archive");
  check_told(run_shell(bad_disk(temp, "m", 4) + shell_of(scan_words(temp, "m"))), 3,
             "m: 3 of 6 matrices failed, first layers.4.weight: ");
}

TEST_CASE("of a history the first checkpoint that is not complete is told, and how many more",
          "[endings]") {
  const TempFolder temp;
  write_model(temp / "run/step-1");
  write_model(temp / "run/step-2", 0);
  write_bytes(temp / "run/step-3/model.safetensors", "no header");
  write_model(temp / "run/step-4", 1);
  const Outcome scan = run_wishart(scan_words(temp, "run"), 2);
  check_told(scan, 5, "wishart: step-2: 1 of 6 matrices failed, first layers.0.weight in ");
  CHECK(scan.messages()[0].find(". 2 more checkpoints are incomplete") != std::string::npos);
  CHECK(scan.out.find((temp / "run/step-3/model.safetensors").string()) != std::string::npos);
  CHECK(std::filesystem::exists(temp / "archive/step-4.h5"));
}

TEST_CASE("75: another job's lock, the time limit and a signal are told", "[endings]") {
  const TempFolder temp;
  write_model(temp / "run/step-1");
  write_model(temp / "run/step-2");
  const std::string archive = (temp / "archive").string();
  std::vector<std::string> limited = scan_words(temp, "run");
  limited.insert(limited.end(), {"--time-limit", "0.000001"});
  check_told(run_wishart(limited), 75, "stopped by --time-limit: 0 of 6 matrices of step-1 are ");
  check_told(run_wishart(limited, 2), 75, "stopped by --time-limit: ");
  // What a script that computes the time left arrives at.
  limited.back() = "0";
  check_told(run_wishart(limited), 75, "stopped by --time-limit: 0 of 6 matrices of step-1 are ");
  for (const char* id : {"step-1", "step-2"}) {
    temp.write("archive/" + std::string(id) + ".lock", kLock);
  }
  const std::string left = "wishart: step-1: another job is working on it: process 123 on node4";
  const Outcome scan = run_wishart(scan_words(temp, "run"), 2);
  check_told(scan, 75, left);
  CHECK(scan.messages()[0].find(". 1 more checkpoint is incomplete") != std::string::npos);
  std::filesystem::remove(archive + "/step-2.lock");
  CHECK(run_wishart(scan_words(temp, "run")).exit_code == 75);
  std::filesystem::remove(archive + "/step-1.lock");
  REQUIRE(run_wishart(scan_words(temp, "run")).exit_code == 0);
  temp.write("archive/step-1.lock", kLock);
  const Outcome refit = run_wishart({"refit", archive});
  check_told(refit, 75, left);
  CHECK(refit.out.find("step-2: 6 matrices refitted") != std::string::npos);
}

TEST_CASE("a scan that should stop opens no further checkpoint", "[endings]") {
  const TempFolder temp;
  write_model(temp / "run/step-1");
  REQUIRE(run_wishart(scan_words(temp, "run")).exit_code == 0);
  write_bytes(temp / "run/step-2/model.safetensors", "no header");  // 3 if it is opened
  std::vector<std::string> limited = scan_words(temp, "run");
  limited.insert(limited.end(), {"--time-limit", "0.000001"});
  const std::string part = "wishart: stopped by --time-limit: " + (temp / "run/step-2").string() +
                           " was not opened. Run the same command again to resume";
  check_told(run_wishart(limited), 75, part);
  check_told(run_wishart(limited, 2), 75, part);
}

TEST_CASE("refit and verify go on after a damaged file, and tell the first", "[endings]") {
  const TempFolder temp;
  for (const char* step : {"step-1", "step-2", "step-3"}) write_model(temp / "run" / step);
  const std::string archive = (temp / "archive").string();
  REQUIRE(run_wishart(scan_words(temp, "run")).exit_code == 0);
  for (const char* id : {"step-1", "step-2"}) {
    std::filesystem::resize_file(archive + "/" + id + ".h5", 4000);
  }
  const Outcome refit = run_wishart({"refit", archive});
  check_told(refit, 3, "wishart: " + archive + "/step-1.h5: ");
  CHECK(refit.messages()[0].find(". 1 more checkpoint is incomplete") != std::string::npos);
  CHECK(refit.out.find("step-3: 6 matrices refitted") != std::string::npos);
  check_told(run_wishart({"refit", archive, "--checkpoint", "step-2"}), 3, "step-2.h5: ");
  for (const char* format : {"text", "json"}) {
    const Outcome verify = run_wishart({"verify", archive, "--format", format});
    check_told(verify, 3, "wishart: " + archive + "/step-1.h5: damaged: ");
    CHECK(verify.messages()[0].find(". 2 of 4 files are not whole. Restore it, or run with "
                                    "--repair and scan again") != std::string::npos);
  }
  check_told(
      run_wishart({"verify", archive, "--repair"}), 3,
      "Scan the checkpoint again: the file was set aside as " + archive + "/step-1.h5.damaged");
  std::filesystem::resize_file(archive + "/index.h5", 1000);
  check_told(run_wishart({"verify", archive}), 3,
             "Rebuild the index: wishart index " + archive + " --rebuild");
}

TEST_CASE("a gate tells its verdict on standard output, and where that is a file, in a line",
          "[endings]") {
  const TempFolder temp;
  write_model(temp / "m");
  REQUIRE(run_wishart(scan_words(temp, "m")).exit_code == 0);
  const std::string archive = (temp / "archive").string();
  const auto rules = temp.write("rules.cfg", "[small]\nmetric = alpha\nmax = 0.1\n").string();
  const Outcome printed = run_wishart({"gate", archive, "--rules", rules});
  CHECK(printed.exit_code == 1);
  CHECK(printed.err.empty());
  CHECK_FALSE(printed.out.empty());
  const std::string file = (temp / "verdict.txt").string();
  check_told(run_wishart({"gate", archive, "--rules", rules, "-o", file}), 1,
             "wishart: gate: 1 of 1 verdicts failed, first small on m: ");
}

TEST_CASE("a probe that could not be removed is removed by a later scan", "[endings]") {
  const TempFolder temp;
  write_model(temp / "m");
  const auto probes = [&] {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(temp / "archive")) {
      if (entry.path().filename().string().starts_with(".wishart-probe-")) found.push_back(entry);
    }
    return found;
  };
  CHECK(run_shell("LD_PRELOAD=" + quoted(WISHART_EIO) +
                  " WISHART_FAIL=unlink WISHART_FAIL_PATH=.wishart-probe- " +
                  shell_of(scan_words(temp, "m")))
            .exit_code == 0);
  REQUIRE(probes().size() == 1);
  CHECK(run_wishart(scan_words(temp, "m")).exit_code == 0);
  REQUIRE(probes().size() == 1);  // it might be of a run at this moment
  REQUIRE(run_shell("touch -d '1 hour ago' " + quoted(probes()[0].string())).exit_code == 0);
  CHECK(run_wishart(scan_words(temp, "m")).exit_code == 0);
  CHECK(probes().empty());
}
