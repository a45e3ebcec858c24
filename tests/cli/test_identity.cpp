/// @file
/// Which analysis the archive has: none is replaced without a word, and a difference is no
/// checkpoint.

#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

using Words = std::vector<std::string>;

constexpr const char* kRemedy =
    "Give this one its own name with --id, or replace that one with --replace\n";

/// A run of checkpoints step-1, step-2, step-3, and an archive.
struct Scene {
  TempFolder temp;

  Scene() {
    for (int step = 1; step <= 3; ++step) {
      std::vector<TensorToWrite> tensors;
      for (int i = 0; i < 4; ++i) {
        const std::string name = "layers." + std::to_string(i / 2) +
                                 (i % 2 == 0 ? ".mlp.up_proj.weight" : ".self_attn.q_proj.weight");
        tensors.push_back({name, {60, 40}, noise_values(2400, static_cast<std::uint64_t>(i))});
        for (std::size_t k = 0; k < 200; ++k) {
          tensors.back().values[k * 12] += 0.1F * static_cast<float>(step + i);
        }
      }
      tensors.push_back({"norm.weight", {60}, noise_values(60, 9)});
      write_bytes(checkpoint(step) + "/model.safetensors", safetensors_bytes(tensors));
    }
  }
  [[nodiscard]] std::string checkpoint(int step) const {
    return (temp / "run" / ("step-" + std::to_string(step))).string();
  }
  [[nodiscard]] std::filesystem::path file(const std::string& id,
                                           const std::string& archive = "archive") const {
    return temp / archive / (id + ".h5");
  }
  [[nodiscard]] Outcome scan(const std::string& path, const Words& more = {}, int ranks = 0,
                             const std::string& archive = "archive") const {
    Words words{"scan", path, "--archive", (temp / archive).string(), "--progress", "none"};
    words.insert(words.end(), more.begin(), more.end());
    return run_wishart(words, ranks);
  }
  [[nodiscard]] Outcome on(const std::string& command, const Words& more = {}) const {
    Words words{command, (temp / "archive").string()};
    if (command == "report" || command == "rank") words.emplace_back("--wide");
    words.insert(words.end(), more.begin(), more.end());
    return run_wishart(words);
  }
};

/// Without the paragraph that says what was left out, and without what differs between two runs.
std::string without_note(std::string text) {
  const std::size_t begin = text.find("Left out, because only whole weights");
  if (begin == std::string::npos) return text;
  const std::size_t end = text.find("\n\n", begin);
  REQUIRE(end != std::string::npos);
  return text.erase(begin, end + 2 - begin);
}

}  // namespace

TEST_CASE("a difference has an id of its own, and stays out of the history", "[identity]") {
  for (const int ranks : {1, 2}) {
    CAPTURE(ranks);
    const Scene scene;
    REQUIRE(scene.scan((scene.temp / "run").string(), {}, ranks).exit_code == 0);
    const std::string before = content_of(scene.file("step-3"));
    const Outcome history = scene.on("report");
    const std::string ranking = scene.on("rank").out;
    const Outcome scan = scene.scan(scene.checkpoint(3), {"--base", scene.checkpoint(2)}, ranks);
    INFO(scan.err);
    REQUIRE(scan.exit_code == 0);
    CHECK(scan.out.find("step-3-base-step-2: 4 matrices") == 0);
    CHECK(content_of(scene.file("step-3")) == before);
    CHECK(std::filesystem::exists(scene.file("step-3-base-step-2")));
    CHECK(scene.scan(scene.checkpoint(3), {"--base", scene.checkpoint(2)}, ranks).out ==
          "step-3-base-step-2: already in " + scene.file("step-3-base-step-2").string() +
              ", nothing to do\n");

    const std::string note =
        "Left out, because only whole weights are compared here: step-3-base-step-2 "
        "(difference to " +
        scene.checkpoint(2) + "). For a report on one of them, use --checkpoint ID.";
    const Outcome with = scene.on("report");
    CHECK(with.out.find("History of 3 checkpoints") == 0);
    CHECK(without_note(with.out) == history.out);
    CHECK(with.out != history.out);
    CHECK(without_note(scene.on("rank").out) == ranking);
    CHECK(scene.on("report", {"--format", "md"}).out.find("Left out, because") !=
          std::string::npos);
    CHECK(scene.on("report", {"--format", "html"}).out.find("Left out, because") !=
          std::string::npos);
    CHECK(scene.on("report", {"--format", "json"})
              .out.find("\"left_out\": [{\"checkpoint\": \"step-3-base-step-2\", \"analysis\": "
                        "\"difference\", \"base_path\": \"" +
                        scene.checkpoint(2) + "\", \"why\": \"change\"}]") != std::string::npos);
    CHECK(parse_csv(scene.on("export", {"--table", "history"}).out).rows.size() == 3);
  }
}

TEST_CASE("every report of a difference says so in its head", "[identity]") {
  const Scene scene;
  REQUIRE(scene.scan(scene.checkpoint(3)).exit_code == 0);
  // The base is told however it was spelled.
  REQUIRE(
      scene.scan(scene.checkpoint(3), {"--base", scene.checkpoint(1) + "/../step-2"}).exit_code ==
      0);
  REQUIRE(
      scene.scan(scene.checkpoint(3), {"--base", scene.checkpoint(1), "--id", "delta"}).exit_code ==
      0);
  const Words of_delta{"--checkpoint", "step-3-base-step-2", "--format"};
  for (const char* format : {"text", "md", "html"}) {
    CAPTURE(format);
    Words words = of_delta;
    words.emplace_back(format);
    const std::string text = scene.on("report", words).out;
    const char* summary = std::string(format) == "html" ? "id=\"sec-summary\"" : "Summary";
    CHECK(text.find("difference to " + scene.checkpoint(2)) < text.find(summary));
    CHECK(text.find("(identity ") != std::string::npos);
    words[1] = "step-3";
    CHECK(scene.on("report", words).out.find("whole weights") != std::string::npos);
  }
  const std::string json = scene.on("report", {"--checkpoint", "delta", "--format", "json"}).out;
  CHECK(json.find("\"analysis\": \"difference\"") != std::string::npos);
  CHECK(json.find("\"base_path\": \"" + scene.checkpoint(1) + "\"") != std::string::npos);
  // The only whole model is meant where none is named.
  CHECK(scene.on("report").out.find("Spectra of step-3\n") != std::string::npos);
}

TEST_CASE("a difference is not compared with whole weights", "[identity]") {
  const Scene scene;
  REQUIRE(scene.scan(scene.checkpoint(3)).exit_code == 0);
  for (const int base : {1, 2}) {
    REQUIRE(scene.scan(scene.checkpoint(3), {"--base", scene.checkpoint(base)}).exit_code == 0);
  }
  const std::string refusal =
      "wishart: step-3 holds whole weights, step-3-base-step-1 is the "
      "difference to " +
      scene.checkpoint(1) +
      ": a change of weights is not compared with whole weights. Name two of the same kind\n";
  const Outcome mixed = scene.on("compare", {"step-3", "step-3-base-step-1"});
  CHECK(mixed.exit_code == 2);
  CHECK(mixed.err == refusal);
  const auto rules = scene.temp.write("rules.cfg", "[r]\nmetric = alpha\nmin = 0\n");
  const Words gate{"--rules", rules.string()};
  Words staged = gate;
  staged.insert(staged.end(), {"--base", "step-3", "--checkpoint", "step-3-base-step-1"});
  const Outcome gated = scene.on("gate", staged);
  CHECK(gated.exit_code == 2);
  CHECK(gated.err == refusal);

  const Outcome both = scene.on("compare", {"step-3-base-step-1", "step-3-base-step-2", "--wide"});
  CHECK(both.exit_code == 0);
  CHECK(both.out.find("Note: A is the difference to " + scene.checkpoint(1) +
                      ", B the difference to " + scene.checkpoint(2) +
                      "; neither is a whole model.") != std::string::npos);
  Words named = gate;
  named.insert(named.end(), {"--checkpoint", "step-3-base-step-1", "--wide"});
  CHECK(scene.on("gate", named)
            .out.find("(step-3-base-step-1, difference to " + scene.checkpoint(1) + "): ") !=
        std::string::npos);
  // The only whole model is judged where none is named.
  CHECK(scene.on("gate", gate).out.find("(step-3): ") != std::string::npos);
}

TEST_CASE("an analysis with other options is refused until it is to replace", "[identity]") {
  for (const int ranks : {1, 2}) {
    CAPTURE(ranks);
    const Scene scene;
    REQUIRE(scene.scan(scene.checkpoint(1), {}, ranks).exit_code == 0);
    const std::string before = content_of(scene.file("step-1"));
    const Outcome refused = scene.scan(scene.checkpoint(1), {"--method", "svd"}, ranks);
    CHECK(refused.exit_code == 2);
    CHECK(refused.messages().back() + "\n" == "wishart: " + scene.file("step-1").string() +
                                                  ": holds another analysis of this checkpoint: "
                                                  "method \"gram\" in the archive, \"svd\" now. " +
                                                  kRemedy);
    CHECK(content_of(scene.file("step-1")) == before);
    CHECK_FALSE(std::filesystem::exists(scene.temp / "archive/step-1.lock"));
    // Another id, or the word for it.
    CHECK(scene.scan(scene.checkpoint(1), {"--method", "svd", "--id", "svd"}, ranks).exit_code ==
          0);
    const Outcome replaced =
        scene.scan(scene.checkpoint(1), {"--method", "svd", "--replace"}, ranks);
    CHECK(replaced.exit_code == 0);
    CHECK(replaced.err.find("step-1: the analysis in " + scene.file("step-1").string() +
                            " is replaced: method \"gram\" in the archive, \"svd\" now") !=
          std::string::npos);
    CHECK(scene.scan(scene.checkpoint(1), {"--method", "svd", "--replace"}, ranks)
              .out.find("nothing to do") != std::string::npos);
  }
}

TEST_CASE("in a history only the checkpoint that was analysed otherwise is refused", "[identity]") {
  const Scene scene;
  REQUIRE(scene.scan(scene.checkpoint(2), {"--method", "svd"}).exit_code == 0);
  const Outcome scan = scene.scan((scene.temp / "run").string());
  CHECK(scan.exit_code == 2);
  CHECK(scan.err.find("step-2.h5: holds another analysis of this checkpoint: method \"svd\" "
                      "in the archive, \"gram\" now. ") != std::string::npos);
  CHECK(std::filesystem::exists(scene.file("step-1")));
  CHECK(std::filesystem::exists(scene.file("step-3")));
}

TEST_CASE("a checkpoint that has changed is refused until it is to replace", "[identity]") {
  const Scene scene;
  REQUIRE(scene.scan(scene.checkpoint(1)).exit_code == 0);
  const std::string before = content_of(scene.file("step-1"));
  std::filesystem::copy_file(scene.checkpoint(2) + "/model.safetensors",
                             scene.checkpoint(1) + "/model.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  const Outcome refused = scene.scan(scene.checkpoint(1));
  CHECK(refused.exit_code == 2);
  CHECK(refused.messages().back() + "\n" ==
        "wishart: " + scene.file("step-1").string() +
            ": holds another analysis of this checkpoint: its files have changed since then. " +
            kRemedy);
  CHECK(content_of(scene.file("step-1")) == before);
  CHECK(scene.scan(scene.checkpoint(1), {"--replace"}).exit_code == 0);
  CHECK(content_of(scene.file("step-1")) != before);
}

TEST_CASE("layers are added to what is there, with the bits of one scan", "[identity]") {
  for (const int ranks : {1, 2}) {
    CAPTURE(ranks);
    const Scene scene;
    const std::string path = scene.checkpoint(1);
    REQUIRE(scene.scan(path, {}, ranks, "whole").exit_code == 0);
    REQUIRE(scene.scan(path, {"--layers", "*mlp*"}, ranks).exit_code == 0);
    const Outcome added = scene.scan(path, {"--layers", "layers.1.*"}, ranks);
    CHECK(added.exit_code == 0);
    const std::string file = scene.file("step-1").string();
    CHECK(added.messages() == Words{"wishart: step-1: 2 of 3 matrices are kept from " + file +
                                    ", the others are added"});
    CHECK(added.out.find(
              "step-1: 3 matrices (3 fitted, 0 without a power-law tail, 0 without a fit), 2 "
              "tensors skipped") == 0);
    const std::string before = content_of(file);
    const Outcome narrower = scene.scan(path, {"--layers", "layers.0.mlp*"}, ranks);
    CHECK(narrower.out == "step-1: already in " + file + ", nothing to do\n");
    CHECK(content_of(file) == before);
    CHECK(scene.scan(path, {}, ranks).exit_code == 0);
    CHECK(scene.scan(path, {}, ranks).out.find("nothing to do") != std::string::npos);
    for (const char* table : {"layers", "summary", "skipped"}) {
      const CsvTable found = parse_csv(scene.on("export", {"--table", table}).out);
      const CsvTable whole =
          parse_csv(run_wishart({"export", (scene.temp / "whole").string(), "--table", table}).out);
      REQUIRE(found.rows.size() == whole.rows.size());
      for (std::size_t i = 0; i < found.rows.size(); ++i) {
        for (const std::string& column : whole.columns) {
          if (column.find("seconds") != std::string::npos) continue;
          CAPTURE(table, i, column);
          CHECK(found.rows[i].at(column) == whole.rows[i].at(column));
        }
      }
    }
    for (const char* matrix : {"layers.0.mlp.up_proj.weight", "layers.1.self_attn.q_proj.weight"}) {
      const Words words{"--table", "spectrum", "--matrix", matrix, "--format", "npy"};
      Words of_whole{"export", (scene.temp / "whole").string()};
      of_whole.insert(of_whole.end(), words.begin(), words.end());
      CHECK(scene.on("export", words).out == run_wishart(of_whole).out);
    }
    CHECK(scene.on("verify").exit_code == 0);
  }
}

TEST_CASE("adding layers goes on from a journal, and never drops any", "[identity]") {
  const Scene scene;
  const std::string path = scene.checkpoint(1);
  REQUIRE(scene.scan(path, {"--layers", "*mlp*"}).exit_code == 0);
  // Stopped at once, the archive has what it had.
  const std::string before = content_of(scene.file("step-1"));
  const Outcome stopped = scene.scan(path, {"--time-limit", "0.000001"});
  CHECK(stopped.exit_code == 75);
  CHECK(content_of(scene.file("step-1")) == before);
  const Outcome again = scene.scan(path);
  CHECK(again.exit_code == 0);
  CHECK(parse_csv(scene.on("export").out).rows.size() == 4);
  CHECK_FALSE(std::filesystem::exists(scene.temp / "archive/step-1.journal"));
}
