/// @file
/// Exports for Prometheus and TensorBoard, as a nightly job makes them.

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

constexpr const char* kEvents = "events.out.tfevents.0000000000.wishart";

void write_checkpoint(const TempFolder& temp, const std::string& name, std::uint64_t seed) {
  write_bytes(
      temp / name / "model.safetensors",
      safetensors_bytes({{"model.layers.0.mlp.up_proj.weight", {48, 32}, noise_values(1536, seed)},
                         {"lm_head.weight", {64, 32}, noise_values(2048, seed + 1)}}));
}

void scan(const TempFolder& temp, const std::string& name, const std::string& archive) {
  const Outcome outcome = run_wishart({"scan", (temp / name).string(), "--archive",
                                       (temp / archive).string(), "--progress", "none"});
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
}

Outcome exported(const TempFolder& temp, const std::string& archive, const std::string& target,
                 std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"export", (temp / archive).string(), "--for", target};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_wishart(arguments);
}

}  // namespace

TEST_CASE("a run is exported after each checkpoint", "[monitoring]") {
  const TempFolder temp;
  const std::filesystem::path metrics = temp / "wishart.prom";
  const std::filesystem::path events = temp / "board" / kEvents;
  const std::string board = (temp / "board").string();
  write_checkpoint(temp, "my-run/checkpoint-100", 1);
  scan(temp, "my-run", "archive");

  // One checkpoint is no history yet, so the model is named by it.
  Outcome outcome = exported(temp, "archive", "prometheus");
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.messages().empty());
  CHECK(outcome.out.find("wishart_training_steps{model=\"checkpoint-100\"} 100\n") !=
        std::string::npos);
  CHECK(outcome.out.find("run_advice") == std::string::npos);
  outcome = exported(temp, "archive", "tensorboard", {"-o", board});
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.out == events.string() + ": 1 checkpoint, written\n");
  const std::string first = content_of(events);

  write_checkpoint(temp, "my-run/checkpoint-200", 3);
  scan(temp, "my-run", "archive");
  const mode_t before = ::umask(077);
  outcome = exported(temp, "archive", "prometheus", {"-o", metrics.string(), "--model", "a\"b"});
  ::umask(before);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.messages().empty());
  const std::string text = content_of(metrics);
  CHECK(text.find("wishart_training_steps{model=\"a\\\"b\"} 200\n") != std::string::npos);
  CHECK(text.find("wishart_run_checkpoints{model=\"a\\\"b\"} 2\n") != std::string::npos);
  CHECK(text.find("warning=\"unlike-past\"") != std::string::npos);
  // node_exporter runs as another user.
  CHECK((std::filesystem::status(metrics).permissions() & std::filesystem::perms::others_read) !=
        std::filesystem::perms::none);
  // Nothing is left that the collector would take for another file.
  CHECK(std::distance(std::filesystem::directory_iterator(temp.path()), {}) == 4);
  CHECK(exported(temp, "archive", "prometheus", {"--checkpoint", "checkpoint-100"})
            .out.find("{model=\"my-run\",checkpoint=\"checkpoint-100\"") != std::string::npos);

  // A TensorBoard that has the file open sees it grow.
  const auto inode = [&] {
    struct stat status {};
    REQUIRE(::stat(events.c_str(), &status) == 0);
    return status.st_ino;
  };
  const auto opened = inode();
  CHECK(exported(temp, "archive", "tensorboard", {"-o", board}).out ==
        events.string() + ": 2 checkpoints, extended\n");
  const std::string second = content_of(events);
  CHECK(second.size() > first.size());
  CHECK(second.compare(0, first.size(), first) == 0);
  CHECK(inode() == opened);
  CHECK(exported(temp, "archive", "tensorboard", {"-o", board}).out ==
        events.string() + ": 2 checkpoints, unchanged\n");
  // A write that was cut short is completed; another file is replaced.
  std::filesystem::resize_file(events, first.size() + 20);
  CHECK(exported(temp, "archive", "tensorboard", {"-o", board}).exit_code == 0);
  CHECK(content_of(events) == second);
  temp.write("board/" + std::string(kEvents), "something else");
  CHECK(exported(temp, "archive", "tensorboard", {"-o", board, "--histograms"}).out ==
        events.string() + ": 2 checkpoints, replaced\n");
  CHECK(content_of(events).find("eigenvalues/lm_head.weight") != std::string::npos);
}

TEST_CASE("archives that are no run of known steps", "[monitoring]") {
  const TempFolder temp;
  const std::string board = (temp / "board").string();
  write_checkpoint(temp, "one", 1);
  scan(temp, "one", "archive");
  const Outcome alone = exported(temp, "archive", "tensorboard", {"-o", board});
  INFO(alone.err);
  CHECK(alone.exit_code == 0);
  CHECK(alone.messages().empty());

  write_checkpoint(temp, "two", 5);
  scan(temp, "two", "archive");
  Outcome outcome = exported(temp, "archive", "tensorboard", {"-o", board});
  CHECK(outcome.exit_code == 2);
  CHECK(outcome.err ==
        "wishart: " + (temp / "archive").string() +
            ": 2 of 2 checkpoints have neither a training step nor tokens, the first "
            "one: one. TensorBoard needs the history of a run; see "
            "docs/histories.md for how steps are found\n");
  outcome = exported(temp, "archive", "prometheus");
  CHECK(outcome.exit_code == 2);
  CHECK(outcome.out.empty());

  temp.write("file", "");
  outcome = exported(temp, "archive", "tensorboard", {"-o", (temp / "file").string()});
  CHECK(outcome.exit_code == 2);  // found before the folder is made
  write_checkpoint(temp, "checkpoint-7", 9);
  scan(temp, "checkpoint-7", "archive");
  outcome = exported(temp, "archive", "tensorboard", {"-o", (temp / "file").string()});
  CHECK(outcome.exit_code == 4);
  CHECK(outcome.err.find("--output " + (temp / "file").string() + ": the folder cannot be made") !=
        std::string::npos);
  outcome = exported(temp, "archive", "tensorboard", {"-o", board});
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.err ==
        "wishart: one is left out, its step is not known\n"
        "wishart: two is left out, its step is not known\n");
}

TEST_CASE("a base without a step beside a run changes nothing of its metrics", "[monitoring]") {
  const TempFolder temp;
  for (int i = 1; i <= 3; ++i) {
    write_checkpoint(temp, "my-run/checkpoint-" + std::to_string(i) + "00",
                     static_cast<std::uint64_t>(2 * i));
  }
  scan(temp, "my-run", "archive");
  const std::string alone = exported(temp, "archive", "prometheus").out;
  CHECK(alone.find("wishart_run_advice{model=\"my-run\",advice=\"going-on\"}") !=
        std::string::npos);
  write_checkpoint(temp, "base", 1);
  scan(temp, "base", "archive");
  CHECK(exported(temp, "archive", "prometheus").out == alone);
  CHECK(exported(temp, "archive", "prometheus", {"--checkpoint", "base"})
            .out.find("checkpoint_info{model=\"base\"") != std::string::npos);
  const std::string archive = (temp / "archive").string();
  for (const char* format : {"text", "html", "json"}) {
    CAPTURE(format);
    const Outcome report = run_wishart({"report", archive, "--format", format});
    CHECK(report.exit_code == 0);
    CHECK(report.messages().empty());
    CHECK(report.out.find(std::string_view(format) == "json"
                              ? "\"why\": \"place\""
                              : "base has no step and is not part") != std::string::npos);
  }
  CHECK(run_wishart({"report", archive}).out.find("History of 3 checkpoints") == 0);
}
