/// @file
/// A job that is stopped goes on from its journal, and its archive is that of an undisturbed run.

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

void write_model(const std::filesystem::path& folder) {
  std::vector<TensorToWrite> tensors;
  for (int i = 0; i < 12; ++i) {
    tensors.push_back({"layers." + std::to_string(i) + ".weight",
                       {300, 200 + 10 * i},
                       noise_values(300 * (200 + 10 * i), static_cast<std::uint64_t>(i))});
  }
  write_bytes(folder / "model.safetensors", safetensors_bytes(tensors));
}

std::string without_seconds(const std::string& archive) {
  CsvTable table = parse_csv(run_wishart({"export", archive}).out);
  std::string text;
  for (const auto& row : table.rows) {
    for (const std::string& column : table.columns) {
      if (column != "seconds" && column != "fit_seconds") text += row.at(column) + ",";
    }
    text += "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a time limit that is over at once exits with 75, and the next run finishes",
          "[resume]") {
  const TempFolder temp;
  write_model(temp / "model");
  const std::string archive = (temp / "archive").string();
  const std::string whole = (temp / "whole").string();
  REQUIRE(run_wishart({"scan", (temp / "model").string(), "--archive", whole}, 2).exit_code == 0);

  const std::vector<std::string> scan{"scan", (temp / "model").string(), "--archive", archive};
  std::vector<std::string> limited = scan;
  limited.insert(limited.end(), {"--time-limit", "0.02s"});
  int stops = 0;
  Outcome outcome;
  for (int run = 0; run < 30; ++run) {
    outcome = run_wishart(limited, 2, 60);
    if (outcome.exit_code != 75) break;
    ++stops;
    REQUIRE(outcome.messages().size() >= 1);
    CHECK(outcome.messages().back().find("stopped by --time-limit: ") != std::string::npos);
    CHECK(outcome.messages().back().find("Run the same command again to resume") !=
          std::string::npos);
    CHECK_FALSE(std::filesystem::exists(temp / "archive/model.h5"));
  }
  if (outcome.exit_code == 75) outcome = run_wishart(scan, 2);
  CHECK(outcome.exit_code == 0);
  CHECK(stops >= 1);
  CHECK(std::filesystem::exists(temp / "archive/model.h5"));
  CHECK_FALSE(std::filesystem::exists(temp / "archive/model.journal"));
  CHECK(without_seconds(archive) == without_seconds(whole));
}

TEST_CASE("a killed job resumes from its journal", "[resume]") {
  const TempFolder temp;
  write_model(temp / "model");
  const std::string archive = (temp / "archive").string();
  const std::string whole = (temp / "whole").string();
  REQUIRE(run_wishart({"scan", (temp / "model").string(), "--archive", whole}, 2).exit_code == 0);
  // Killed at several moments; whatever was reached, the next runs finish.
  for (const char* moment : {"0.5", "0.6", "0.7", "0.8"}) {
    (void)run_shell("timeout -s KILL " + std::string(moment) + " " +
                    quoted(in_source("tools/mpirun")) + " -np 2 " + quoted(program_path()) +
                    " scan " + quoted((temp / "model").string()) + " --archive " + quoted(archive));
  }
  CHECK(run_wishart({"scan", (temp / "model").string(), "--archive", archive}, 2).exit_code == 0);
  CHECK(without_seconds(archive) == without_seconds(whole));
}

TEST_CASE("SIGTERM and SIGUSR1 stop a job with 75 and what was done is kept", "[resume]") {
  const TempFolder temp;
  write_layers(temp / "model", 40, 600, 500);
  for (const char* signal : {"TERM", "USR1"}) {
    CAPTURE(signal);
    const std::string archive = (temp / signal).string();
    // Alone, not under mpirun, so that the signal reaches the process and nobody else; once the
    // journal grows, so that a matrix is done and others are not, however long each of them takes.
    const std::string journal = quoted(archive + "/model.journal");
    const Outcome outcome =
        run_shell(quoted(program_path()) + " scan " + quoted((temp / "model").string()) +
                  " --archive " + quoted(archive) + " & pid=$!; size() { stat -c %s " + journal +
                  " 2>/dev/null; }; while [ ! -e " + journal +
                  " ] && kill -0 $pid; do sleep 0.01; done; first=$(size); while [ \"$(size)\" = "
                  "\"$first\" ] && kill -0 $pid; do sleep 0.01; done; kill -s " +
                  std::string(signal) + " $pid; wait $pid; echo code $?");
    INFO(outcome.err);
    CHECK(outcome.out.find("code 75") != std::string::npos);
    CHECK(outcome.err.find("stopped by SIG" + std::string(signal)) != std::string::npos);
    CHECK(std::filesystem::exists(std::filesystem::path(archive) / "model.journal"));
    const Outcome rest = run_wishart({"scan", (temp / "model").string(), "--archive", archive}, 2);
    CHECK(rest.exit_code == 0);
    CHECK(rest.err.find("resuming from the journal") != std::string::npos);
  }
}
