/// @file
/// Every JSON document that commands write is as docs/json.md says, of a checkpoint and of a
/// history.

#include <algorithm>

#include <catch2/catch.hpp>

#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

constexpr const char* kMatrix = "model.layers.0.mlp.up_proj.weight";
/// What JSON must escape, and what is no UTF-8 in a terminal's sense only.
constexpr const char* kHostile = "a\\\"b\\\\c\\n\\u0001\\u2028\\u202e{}.weight";

/// A run of `checkpoints` checkpoints in DIR/run, and its archive.
std::string scanned_run(const TempFolder& temp, int checkpoints) {
  for (int i = 1; i <= checkpoints; ++i) {
    const auto seed = static_cast<std::uint64_t>(i);
    std::string header = "{\"" + std::string(kHostile) +
                         "\": {\"dtype\": \"F32\", \"shape\": [64, 32], \"data_offsets\": [0, "
                         "8192]}, \"" +
                         kMatrix +
                         "\": {\"dtype\": \"F32\", \"shape\": [48, 32], \"data_offsets\": [8192, "
                         "14336]}, \"model.norm.weight\": {\"dtype\": \"F32\", \"shape\": [32], "
                         "\"data_offsets\": [14336, 14464]}}";
    std::vector<float> values = noise_values(2048 + 1536 + 32, seed);
    write_bytes(temp / ("run/checkpoint-" + std::to_string(i)) / "model.safetensors",
                safetensors_bytes(header, std::string(reinterpret_cast<const char*>(values.data()),
                                                      values.size() * sizeof(float))));
  }
  const std::string archive = (temp / "archive").string();
  const Outcome scan =
      run_wishart({"scan", (temp / "run").string(), "--archive", archive, "--progress", "json"});
  INFO(scan.err);
  REQUIRE(scan.exit_code == 0);
  temp.write("documents/progress.jsonl", scan.err);
  return archive;
}

/// An adapter of rank 2 for the run's checkpoints.
std::string write_adapter(const TempFolder& temp) {
  const std::string name = "base_model.model.model.layers.0.mlp.up_proj.lora_";
  write_bytes(temp / "adapter" / "adapter_model.safetensors",
              safetensors_bytes({{name + "A.weight", {2, 32}, noise_values(64, 1)},
                                 {name + "B.weight", {48, 2}, noise_values(96, 2)}}));
  temp.write("adapter/adapter_config.json", R"({"peft_type": "LORA", "r": 2, "lora_alpha": 1})");
  return (temp / "adapter").string();
}

/// Collects documents, and has them checked together.
class Documents {
public:
  explicit Documents(const TempFolder& temp) : temp_(&temp) {}

  void add(std::vector<std::string> command, int exit_code = 0,
           const std::string& format = "json") {
    if (command.front() == "--version") {
      command.push_back("--" + format);
    } else {
      command.insert(command.end(), {"--format", format});
    }
    const Outcome outcome = run_wishart(command);
    CAPTURE(command);
    INFO(outcome.err);
    CHECK(outcome.exit_code == exit_code);
    const std::string name = "documents/" + std::to_string(++count_) + "." + format;
    files_ += " " + quoted(temp_->write(name, outcome.out).string());
  }

  /// Of the checker, with the scan's progress.
  [[nodiscard]] Outcome checked(const std::string& page) const {
    return run_shell("/usr/bin/python3 " + in_source("tests/cli/check_json.py") + " " +
                     quoted(page) + files_ + " " +
                     quoted((*temp_ / "documents/progress.jsonl").string()));
  }

private:
  const TempFolder* temp_;
  int count_ = 0;
  std::string files_;
};

/// An archive of a matrix with one huge element, which is a trap.
std::string scanned_trap(const TempFolder& temp) {
  std::vector<float> values = noise_values(40 * 30, 9);
  values[777] = 20;
  write_bytes(temp / "trap.safetensors", safetensors_bytes({{"trap.weight", {40, 30}, values}}));
  const std::string archive = (temp / "traps").string();
  const Outcome scan = run_wishart({"scan", (temp / "trap.safetensors").string(), "--archive",
                                    archive, "--randomize", "1", "--progress", "none"});
  INFO(scan.err);
  REQUIRE(scan.exit_code == 0);
  return archive;
}

void add_all(Documents& documents, const TempFolder& temp, const std::string& archive,
             const std::string& last) {
  const std::string checkpoint = (temp / "run/checkpoint-1").string();
  documents.add({"report", archive});
  documents.add({"report", archive, "--checkpoint", last});
  for (const char* table : {"layers", "summary", "skipped"}) {
    documents.add({"export", archive, "--checkpoint", last, "--table", table});
  }
  documents.add({"export", archive, "--table", "history"});
  for (const char* table : {"spectrum", "scan"}) {
    documents.add({"export", archive, "--checkpoint", last, "--table", table, "--matrix", kMatrix});
  }
  for (const char* table : {"layers", "summary", "skipped"}) {
    documents.add({"export", archive, "--all", "--table", table}, 0, "jsonl");
  }
  documents.add({"export", archive, "--table", "history"}, 0, "jsonl");
  documents.add({"export", archive, "--checkpoint", last, "--map", "alpha:0:1"});
  documents.add({"export", archive, "--checkpoint", last, "--map", "alpha:0:1"}, 0, "jsonl");
  documents.add({"compare", archive, "checkpoint-1", last});
  documents.add({"rank", archive});
  const auto scores = temp.write("scores.csv",
                                 "model,score\ncheckpoint-1,1\ncheckpoint-2,3\n"
                                 "checkpoint-3,2\nnone,4\n");
  documents.add({"rank", archive, "--scores", scores.string()});
  const auto rules = temp.write("rules.cfg",
                                "[every alpha]\nmetric = alpha\nmin = 100\n\n"
                                "[mean alpha]\nmetric = alpha\nstatistic = mean\nmin = 0\n");
  documents.add({"gate", archive, "--checkpoint", last, "--rules", rules.string()}, 1);
  documents.add(
      {"gate", archive, "--base", "checkpoint-1", "--checkpoint", last, "--rules", rules.string()},
      1);
  documents.add({"verify", archive});
  documents.add({"verify", archive, "--part", "1/2"});
  documents.add({"inspect", checkpoint});
  documents.add({"inspect", (temp / "run").string()});
  documents.add({"inspect", (temp / "run").string(), "--archive", archive});
  documents.add({"plan", checkpoint, "--ranks", "2", "--gflops", "5"});
}

}  // namespace

TEST_CASE("the JSON of a history is as its page says", "[json]") {
  const TempFolder temp;
  const std::string archive = scanned_run(temp, 3);
  // A difference: left out of the history, and judged only by its name.
  const std::string run = (temp / "run").string();
  const Outcome difference =
      run_wishart({"scan", run + "/checkpoint-3", "--base", run + "/checkpoint-1", "--archive",
                   archive, "--progress", "none"});
  INFO(difference.err);
  REQUIRE(difference.exit_code == 0);
  Documents documents(temp);
  add_all(documents, temp, archive, "checkpoint-3");
  documents.add({"report", archive, "--checkpoint", "checkpoint-3-base-checkpoint-1"});
  const std::string adapter = write_adapter(temp);
  documents.add({"check", adapter, "--base", run + "/checkpoint-1", "--archive", archive});
  documents.add(
      {"export", archive, "--checkpoint", "adapter-with-base-checkpoint-1", "--table", "adapter"});
  documents.add(
      {"export", archive, "--checkpoint", "adapter-with-base-checkpoint-1", "--table", "adapter"},
      0, "jsonl");
  const std::string traps = scanned_trap(temp);
  documents.add({"report", traps});
  documents.add({"export", traps, "--table", "traps"});
  documents.add({"export", traps, "--all", "--table", "traps"}, 0, "jsonl");
  documents.add({"synth", "--list"});
  documents.add({"--version"});
  documents.add({"synth", "tiny-llama", "--blocks", "1", "--out", (temp / "synth").string()});
  const Outcome checked = documents.checked(in_source("docs/json.md"));
  INFO(checked.out << checked.err);
  CHECK(checked.exit_code == 0);
  // All that the page has was met; no drift occurs in this run.
  CHECK(checked.out.find("; not used: drift\n") != std::string::npos);

  // The checker misses nothing: a page without one member, and one with a member more, fail.
  std::string page = run_shell("cat " + in_source("docs/json.md")).out;
  const std::size_t member = page.find(" `sign_p`");
  REQUIRE(member != std::string::npos);
  std::string less = page;
  less.replace(member, 9, " `gone`");
  const Outcome refused = documents.checked(temp.write("less.md", less).string());
  CHECK(refused.exit_code == 1);
  CHECK(refused.err.find(".sign_p is not in section 'paired'") != std::string::npos);
  std::string wrong = page;
  wrong.replace(wrong.find("| `pairs` `left_out`"), 3, "| `more` `");
  CHECK(documents.checked(temp.write("wrong.md", wrong).string())
            .err.find("has no more, which is in section 'paired'") != std::string::npos);
}

TEST_CASE("the JSON of one checkpoint has the same shapes", "[json]") {
  const TempFolder temp;
  const std::string archive = scanned_run(temp, 1);
  Documents documents(temp);
  add_all(documents, temp, archive, "checkpoint-1");
  const Outcome checked = documents.checked(in_source("docs/json.md"));
  INFO(checked.out << checked.err);
  CHECK(checked.exit_code == 0);
}
