/// @file
/// Columns and files for other programs, from weights to what their readers make of them.

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

/// Noise whose columns shrink, plus `strength` times a matrix of rank 1.
std::vector<float> planted(std::int64_t rows, std::int64_t cols, std::uint64_t seed,
                           float strength) {
  std::vector<float> values = noise_values(rows * cols, seed);
  const std::vector<float> left = noise_values(rows, 100 + seed);
  const std::vector<float> right = noise_values(cols, 200 + seed);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      float& value = values[static_cast<std::size_t>(i * cols + j)];
      const float direction =
          left[static_cast<std::size_t>(i)] * right[static_cast<std::size_t>(j)];
      value = value / (1 + static_cast<float>(j) / 8) + strength * direction;
    }
  }
  return values;
}

/// A model of four blocks, after (or, with 0, before) a training that adds a direction to every
/// layer but the embedding.
std::vector<TensorToWrite> model_of(float strength) {
  std::vector<TensorToWrite> tensors{
      {"lm_head.weight", {80, 32}, planted(80, 32, 1, strength)},
      {"model.embed_tokens.weight", {80, 32}, planted(80, 32, 2, 0)}};
  std::uint64_t seed = 3;
  for (int block = 0; block < 4; ++block) {
    const std::string name = "model.layers." + std::to_string(block);
    const float more = strength * static_cast<float>(block + 1) / 4;
    // A router's name begins that of a projection.
    tensors.push_back({name + ".mlp.gate.weight", {24, 32}, planted(24, 32, seed++, more)});
    tensors.push_back({name + ".mlp.gate_proj.weight", {64, 32}, planted(64, 32, seed++, more)});
    tensors.push_back({name + ".self_attn.q_proj.weight", {32, 32}, planted(32, 32, seed++, more)});
  }
  return tensors;
}

Outcome exported(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "export");
  return run_wishart(arguments);
}

}  // namespace

TEST_CASE("columns and files agree with numpy, and with what their readers do", "[pipelines]") {
  if (run_shell("/usr/bin/python3 -c 'import numpy'").exit_code != 0) return;
  const TempFolder temp;
  const auto model = temp / "model.safetensors";
  const auto base = temp / "base.safetensors";
  write_bytes(model, safetensors_bytes(model_of(2)));
  write_bytes(base, safetensors_bytes(model_of(0)));
  const std::string archive = (temp / "archive").string();
  for (const bool difference : {false, true}) {
    std::vector<std::string> arguments{"scan",       model.string(), "--archive",   archive,
                                       "--progress", "none",         "--bootstrap", "0"};
    if (difference) arguments.insert(arguments.end(), {"--base", base.string()});
    const Outcome scan = run_wishart(arguments);
    INFO(scan.err);
    REQUIRE(scan.exit_code == 0);
  }
  const std::string change = "model-base-base";
  const auto write = [&](const char* name, std::vector<std::string> more) {
    more.insert(more.begin(), {archive, "-o", (temp / name).string()});
    const Outcome outcome = exported(more);
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    CHECK(outcome.out.empty());
  };
  write("rows.json", {"--checkpoint", "model"});
  write("rows.json.difference", {"--checkpoint", change, "--format", "json"});
  write("snr.json", {"--checkpoint", "model", "--for", "axolotl"});
  write("unfrozen.yaml", {"--checkpoint", "model", "--for", "axolotl", "--top", "50%"});
  write("merge.yaml", {"--checkpoint", "model", "--for", "mergekit", "--map", "alpha:0.25:0.75",
                       "--parameter", "density"});
  write("ranks.json",
        {"--checkpoint", change, "--for", "peft", "--energy", "80%", "--max-rank", "12"});
  const Outcome checked =
      run_shell("/usr/bin/python3 " + quoted(in_source("tests/cli/check_pipelines.py")) + " " +
                quoted(model.string()) + " " + quoted(base.string()) + " " +
                quoted((temp / "rows.json").string()) + " " + quoted(temp.path().string()));
  INFO(checked.err);
  CHECK(checked.exit_code == 0);
  CHECK(checked.out.starts_with("14 layers agree"));

  // A change of weights has no ratio; a map of it has its note.
  const Outcome refused = exported({archive, "--checkpoint", change, "--for", "axolotl"});
  CHECK(refused.exit_code == 2);
  REQUIRE(refused.messages().size() == 1);
  CHECK(refused.messages()[0].find("the signal-to-noise ratio is that of whole weights") !=
        std::string::npos);
  const Outcome mapped = exported({archive, "--checkpoint", change, "--map", "num_intruders:1:2"});
  CHECK(mapped.exit_code == 0);
  CHECK(parse_csv(mapped.out).rows.size() == 14);
}

TEST_CASE("files for other programs come from old archives too", "[pipelines]") {
  const std::string archive = data_file("archive-v2.h5").string();
  const Outcome mapped = exported({archive, "--map", "norm:0:1"});
  INFO(mapped.err);
  CHECK(mapped.exit_code == 0);
  CHECK(mapped.out.starts_with("layer,value\n"));
  const Outcome unknown = exported({archive, "--for", "axolotl2"});
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.err ==
        "wishart: --for: expected one of axolotl, peft, mergekit, prometheus, tensorboard, found "
        "'axolotl2'\n");
}
