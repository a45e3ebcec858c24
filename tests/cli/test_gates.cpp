/// @file
/// `gate` on archives with planted damage: against a base, and along a run.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/small_model.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

Outcome gate(const TempFolder& temp, const std::string& id, const std::string& rules) {
  return run_wishart({"gate", (temp / "archive").string(), "--base", "base", "--checkpoint", id,
                      "--rules", in_source("jobs/" + rules)});
}

}  // namespace

TEST_CASE("the gate lets a fine-tune through and stops planted damage, by its layer", "[gate]") {
  const TempFolder temp;
  std::vector<TensorToWrite> tensors = base_tensors();
  scan(temp, "base", tensors);
  std::vector<TensorToWrite> tuned = tensors;
  for (TensorToWrite& tensor : tuned) {
    const std::vector<float> step = noise_values(96 * 64, 77);
    for (std::size_t i = 0; i < step.size(); ++i) tensor.values[i] += 0.02F * step[i];
  }
  scan(temp, "tuned", tuned);
  const Outcome passed = gate(temp, "tuned", "gate-finetune.cfg");
  INFO(passed.out << passed.err);
  CHECK(passed.exit_code == 0);
  CHECK(passed.out.find("Passed: ") != std::string::npos);

  std::vector<TensorToWrite> zeroed = tensors;
  std::fill(damaged_values(zeroed).begin(), damaged_values(zeroed).end(), 0.0F);
  std::vector<TensorToWrite> scaled = tensors;
  for (float& value : damaged_values(scaled)) value *= 10;
  std::vector<TensorToWrite> noisy = tensors;
  const std::vector<float> noise = noise_values(96 * 64, 99);
  for (std::size_t i = 0; i < noise.size(); ++i) damaged_values(noisy)[i] += 8 * noise[i];
  std::vector<TensorToWrite> shuffled = tensors;
  std::vector<float>& values = damaged_values(shuffled);
  for (std::size_t i = values.size() - 1; i > 0; --i)
    std::swap(values[i], values[(i * 7919) % (i + 1)]);
  for (const auto& [id, damage] : {std::pair("zeroed", zeroed), std::pair("scaled", scaled),
                                   std::pair("noisy", noisy), std::pair("shuffled", shuffled)}) {
    scan(temp, id, damage);
    const Outcome failed = gate(temp, id, "gate-finetune.cfg");
    INFO(id << "\n" << failed.out << failed.err);
    CHECK(failed.exit_code == 1);
    CHECK(failed.out.find("FAIL") != std::string::npos);
    CHECK(failed.out.find(kDamaged) != std::string::npos);
    CHECK(failed.out.find("Failed: ") != std::string::npos);
    CHECK(failed.err.empty());
  }
  const Outcome json = run_wishart({"gate", (temp / "archive").string(), "--stage", "base",
                                    "--stage", "tuned", "--stage", "scaled", "--rules",
                                    in_source("jobs/gate-finetune.cfg"), "--format", "json"});
  CHECK(json.exit_code == 1);
  const auto file = temp.write("gate.json", json.out);
  CHECK(
      run_shell("/usr/bin/python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); "
                "bad=[r for r in d[\"rules\"] if not r[\"passed\"]]; "
                "assert not d[\"passed\"] and bad and all(r[\"stage\"]==\"scaled\" for r in bad); "
                "assert bad[0][\"violations\"][0][\"layer\"]' " +
                quoted(file.string()))
          .exit_code == 0);
  for (const char* rules : {"gate-lora.cfg", "gate-pretraining.cfg", "gate-compression.cfg"}) {
    CAPTURE(rules);
    const Outcome same = gate(temp, "base", rules);
    INFO(same.out << same.err);
    // A step of a run changes its weights, and of all rules only that one is broken.
    const bool of_run = std::string_view(rules) == "gate-pretraining.cfg";
    CHECK(same.exit_code == (of_run ? 1 : 0));
    if (of_run) {
      CHECK(same.out.find("Bad. Failed: 1 of 9 rules is broken.") != std::string::npos);
      CHECK(same.out.find("FAIL  the weights have changed") != std::string::npos);
    }
    CHECK(gate(temp, "zeroed", rules).exit_code == 1);
    CHECK(gate(temp, "scaled", rules).exit_code == 1);
  }
}

TEST_CASE("without a name the latest checkpoint is taken, and the one before it found", "[gate]") {
  const TempFolder temp;
  std::vector<TensorToWrite> tensors = base_tensors();
  scan(temp, "checkpoint-9", tensors);
  for (float& value : damaged_values(tensors)) value *= 1.5F;
  scan(temp, "checkpoint-10", tensors);
  const std::string archive = (temp / "archive").string();
  const std::string taken = "wishart: using checkpoint-10, the latest of 2 checkpoints by step\n";
  const Outcome layers = run_wishart({"export", archive});
  CHECK(layers.out == run_wishart({"export", archive, "--checkpoint", "checkpoint-10"}).out);
  CHECK(layers.err == taken);
  CHECK(run_wishart({"compare", archive, "previous", "latest"}).out ==
        run_wishart({"compare", archive, "checkpoint-9", "checkpoint-10"}).out);
  CHECK(run_wishart({"verify", archive, "--checkpoint", "latest"}).out.find("1 of 1 file") == 0);

  const std::string rule = "[jump]\nmetric = log_norm\nagainst = previous\nmax = 0.2\n";
  const std::string rules = temp.write("rules.cfg", rule).string();
  const Outcome judged = run_wishart({"gate", archive, "--rules", rules, "--wide"});
  CHECK(judged.exit_code == 1);
  CHECK(judged.out.find("jump (checkpoint-10 against checkpoint-9)") != std::string::npos);
  CHECK(judged.err == taken);
  const Outcome first =
      run_wishart({"gate", archive, "--checkpoint", "checkpoint-9", "--rules", rules});
  CHECK(first.exit_code == 3);
  CHECK(first.out.empty());
  CHECK(first.err ==
        "wishart: " + archive +
            ": checkpoint-9 is the first checkpoint by step, there is none before it. "
            "Rule 'jump' compares with the checkpoint before it: name one with --base, "
            "or set alone = passes in the rule\n");
  const std::string alone = temp.write("alone.cfg", rule + "alone = passes\n").string();
  const Outcome passed =
      run_wishart({"gate", archive, "--checkpoint", "checkpoint-9", "--rules", alone, "--wide"});
  CHECK(passed.exit_code == 0);
  CHECK(passed.out.find("nothing was compared") != std::string::npos);
  // The one before is not the base.
  const std::string based =
      temp.write("based.cfg", rule + "[drift]\nmetric = D\nagainst = first\nmax = 9\n").string();
  const Outcome no_base = run_wishart({"gate", archive, "--rules", based});
  CHECK(no_base.exit_code == 2);
  CHECK(no_base.err ==
        "wishart: rule 'drift': compares with the base (against = first), but none "
        "is named. Name it with --base\n");
}

TEST_CASE("the gate of a run stops zeros every night, missing layers and weights that stand still",
          "[gate][zeros]") {
  const TempFolder temp;
  const std::string archive = (temp / "archive").string();
  const auto judged = [&](std::vector<std::string> more = {}) {
    std::vector<std::string> words{"gate", archive, "--rules",
                                   in_source("jobs/gate-pretraining.cfg"), "--wide"};
    words.insert(words.end(), more.begin(), more.end());
    return run_wishart(words);
  };
  const auto has = [](const Outcome& outcome, const std::string& part) {
    INFO(outcome.out << outcome.err);
    CHECK(outcome.out.find(part) != std::string::npos);
  };
  std::vector<TensorToWrite> tensors = base_tensors();
  const std::vector<float> healthy = damaged_values(tensors);
  std::fill(damaged_values(tensors).begin(), damaged_values(tensors).end(), 0.0F);
  scan(temp, "checkpoint-1", tensors);
  CHECK(judged().exit_code == 1);
  has(judged(), "FAIL  no layer is zero");
  tensors.front().values.front() += 0.01F;
  scan(temp, "checkpoint-2", tensors);
  CHECK(judged().exit_code == 1);
  has(judged(), std::string("Worst: ") + kDamaged + " with 1");
  has(run_wishart({"report", archive, "--checkpoint", "checkpoint-2", "--wide"}),
      std::string("Bad. Do not use it: 1 of 4 layers is zero: ") + kDamaged + ".");
  damaged_values(tensors) = healthy;
  tensors.front().values.front() += 0.01F;
  scan(temp, "checkpoint-3", tensors);
  CHECK(judged().exit_code == 0);
  has(judged(), "Good. Passed: all 9 rules are kept.");

  tensors.pop_back();
  tensors.front().values.front() += 0.01F;
  scan(temp, "checkpoint-4", tensors);
  CHECK(judged().exit_code == 1);
  has(judged(), "FAIL  every layer is there (checkpoint-4 against checkpoint-3)");
  has(judged(), "checkpoint-4 is incomplete: it has 3 of the 4 layers of its run.");
  tensors.front().values.front() += 0.01F;
  scan(temp, "checkpoint-5", tensors);
  CHECK(judged().exit_code == 0);  // the one before lacks the layer too
  has(judged(), "Attention. Passed: all 9 rules are kept. ");
  has(judged(), "But it is incomplete.");
  has(judged(), "checkpoint-5 is incomplete: it has 3 of the 4 layers of its run.");

  scan(temp, "checkpoint-6", tensors);
  CHECK(judged().exit_code == 1);
  has(judged(), "FAIL  the weights have changed (checkpoint-6 against checkpoint-5)");
}
