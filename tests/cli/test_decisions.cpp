/// @file
/// `verify`, `compare`, `gate` and `rank` on archives with planted changes.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

constexpr const char* kDamaged = "model.layers.1.mlp.up_proj.weight";

/// Layers of a small model. Each is noise with a few strong directions, as trained layers are.
std::vector<TensorToWrite> base_tensors() {
  std::vector<TensorToWrite> tensors;
  std::uint64_t seed = 1;
  for (const char* name : {"model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight",
                           "model.layers.0.self_attn.q_proj.weight", kDamaged}) {
    constexpr std::int64_t rows = 96;
    constexpr std::int64_t cols = 64;
    std::vector<float> values = noise_values(rows * cols, seed++);
    const std::vector<float> left = noise_values(rows * 12, seed++);
    const std::vector<float> right = noise_values(cols * 12, seed++);
    for (std::int64_t k = 0; k < 12; ++k) {
      const float weight = 2.5F / std::sqrt(std::sqrt(static_cast<float>(k + 1)));
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < cols; ++j) {
          values[static_cast<std::size_t>(i * cols + j)] +=
              weight * left[static_cast<std::size_t>(k * rows + i)] *
              right[static_cast<std::size_t>(k * cols + j)];
        }
      }
    }
    tensors.push_back({name, {rows, cols}, values});
  }
  return tensors;
}

/// The values of the tensor that damage is planted in.
std::vector<float>& damaged_values(std::vector<TensorToWrite>& tensors) {
  return tensors.back().values;
}

/// Scans `tensors` into `archive` under `id`.
void scan(const TempFolder& temp, const std::string& id,
          const std::vector<TensorToWrite>& tensors) {
  write_bytes(temp / id / "model.safetensors", safetensors_bytes(tensors));
  const Outcome outcome = run_wishart({"scan", (temp / id).string(), "--archive",
                                       (temp / "archive").string(), "--progress", "none"});
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
}

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
    CHECK(same.exit_code == 0);
    CHECK(gate(temp, "zeroed", rules).exit_code == 1);
    CHECK(gate(temp, "scaled", rules).exit_code == 1);
  }
}

TEST_CASE("compare puts what changed most first", "[compare]") {
  const TempFolder temp;
  std::vector<TensorToWrite> tensors = base_tensors();
  scan(temp, "base", tensors);
  for (float& value : damaged_values(tensors)) value *= 1.5F;
  tensors[0].name = "model.another.weight";
  scan(temp, "other", tensors);
  const std::string archive = (temp / "archive").string();
  const CsvTable table = parse_csv(
      run_wishart({"compare", archive, "base", "other", "--format", "csv", "--table", "layers"})
          .out);
  REQUIRE(table.rows.size() == 5);
  CHECK(table.rows[0].at("status") == "removed");
  CHECK(table.rows[1].at("status") == "added");
  CHECK(table.rows[2].at("key") == kDamaged);
  CHECK(number(table.rows[2].at("moved")) == Approx(0.5).epsilon(1e-6));
  CHECK(number(table.rows[2].at("log_spectral_norm_change")) ==
        Approx(2 * std::log10(1.5)).epsilon(1e-6));
  CHECK(table.rows[3].at("status") == "same");
  const std::string a = archive + "/base.h5";
  const std::string b = archive + "/other.h5";
  CHECK(run_wishart({"compare", a, b, "--format", "csv", "--table", "layers"}).out ==
        run_wishart({"compare", archive, "base", "other", "--format", "csv", "--table", "layers"})
            .out);
  const Outcome text = run_wishart({"compare", archive, "base", "other", "--wide"});
  CHECK(text.exit_code == 0);
  // Two layers that are the same, one whose weights, but not their spectrum's shape, changed.
  CHECK(text.out.find("alpha is the same in all 3 layers.\n") != std::string::npos);
  CHECK(text.out.find("5 layers: 1 added, 1 changed, 1 removed, 2 same") != std::string::npos);
  CHECK(run_wishart({"compare", archive, "base", "none"}).exit_code == 2);
  const CsvTable paired =
      parse_csv(run_wishart({"compare", archive, "base", "other", "--format", "csv"}).out);
  REQUIRE(paired.rows.size() == 8 * 5);  // metrics, for all layers and four roles
  CHECK(paired.rows[0].at("metric") == "alpha");
  CHECK(paired.rows[0].at("pairs") == "3");
  CHECK(paired.rows[0].at("left_out") == "2");
  CHECK(paired.rows[3].at("metric") == "log_norm");
  CHECK(paired.rows[3].at("rose") == "1");
  CHECK(number(paired.rows[3].at("mean")) == Approx(2 * std::log10(1.5) / 3).epsilon(1e-6));
}

TEST_CASE("rank orders models and finds the metric that follows the scores", "[rank]") {
  const TempFolder temp;
  std::string scores = "model,score\n";
  for (int i = 0; i < 6; ++i) {
    std::vector<TensorToWrite> tensors = base_tensors();
    for (TensorToWrite& tensor : tensors) {
      for (float& value : tensor.values) value *= 1 + 0.3F * static_cast<float>(i);
    }
    scan(temp, "m" + std::to_string(i), tensors);
    scores += "m" + std::to_string(i) + "," + std::to_string(80 - 3 * i) + "\n";
  }
  const std::string archive = (temp / "archive").string();
  const auto csv = temp.write("scores.csv", scores);
  const Outcome ranked = run_wishart({"rank", archive, "--metric", "log_norm", "--format", "csv"});
  const CsvTable models = parse_csv(ranked.out);
  REQUIRE(models.rows.size() == 6);
  CHECK(models.rows.front().at("model") == "m0");
  CHECK(models.rows.back().at("model") == "m5");
  const CsvTable rows =
      parse_csv(run_wishart({"rank", archive, "--scores", csv.string(), "--format", "csv"}).out);
  bool found = false;
  for (const auto& row : rows.rows) {
    if (row.at("metric") != "log_norm") continue;
    found = true;
    CHECK(number(row.at("spearman")) == Approx(-1));
    CHECK(row.at("models") == "6");
  }
  CHECK(found);
  const Outcome text = run_wishart({"rank", archive, "--scores", csv.string(), "--wide"});
  CHECK(text.out.find("follows the scores best") != std::string::npos);
  CHECK(text.out.find("runs against") == std::string::npos);
  // Of a loss, the model with the smallest norm would be the worst.
  const auto losses =
      temp.write("losses.csv", "model,eval_loss\n" + scores.substr(scores.find('\n') + 1));
  const std::vector<std::string> by_loss{"rank",     archive,         "--metric", "log_norm",
                                         "--scores", losses.string(), "--score",  "eval_loss",
                                         "--format", "brief"};
  CHECK(run_wishart(by_loss).out.find("runs against the scores (eval_loss, less is better)") !=
        std::string::npos);
  std::vector<std::string> turned = by_loss;
  turned.emplace_back("--higher-is-better");
  CHECK(run_wishart(turned).out.find("follows the scores (eval_loss, more is better)") !=
        std::string::npos);
  CHECK(run_wishart({"rank", archive, "--metric", "beta"}).err.find("--metric: expected one of") !=
        std::string::npos);
}

TEST_CASE("commands that read an archive read a packed one too", "[packed]") {
  const TempFolder temp;
  std::vector<TensorToWrite> tensors = base_tensors();
  scan(temp, "checkpoint-1", tensors);
  for (float& value : damaged_values(tensors)) value *= 1.5F;
  scan(temp, "checkpoint-2", tensors);
  const std::string archive = (temp / "archive").string();
  const std::string packed = (temp / "packed.h5").string();
  REQUIRE(run_wishart({"merge", archive, "--out", packed}).exit_code == 0);
  const std::vector<std::vector<std::string>> commands{
      {"report"},
      {"report", "--checkpoint", "checkpoint-1"},
      {"export", "--table", "history"},
      {"export", "--checkpoint", "checkpoint-2"},
      {"export", "--checkpoint", "checkpoint-2", "--table", "spectrum", "--matrix", kDamaged},
      {"rank", "--format", "csv"},
      {"gate", "--stage", "checkpoint-1", "--stage", "checkpoint-2", "--rules",
       in_source("jobs/gate-finetune.cfg")}};
  for (const std::vector<std::string>& words : commands) {
    const auto output = [&](const std::string& from) {
      std::vector<std::string> arguments = words;
      arguments.insert(arguments.begin() + 1, from);
      return run_wishart(arguments);
    };
    CAPTURE(words);
    const Outcome of_folder = output(archive);
    const Outcome of_packed = output(packed);
    INFO(of_packed.err);
    CHECK(of_packed.exit_code == of_folder.exit_code);
    CHECK(of_packed.out == of_folder.out);
    CHECK_FALSE(of_packed.out.empty());
  }
  CHECK(run_wishart({"compare", packed, "checkpoint-1", "checkpoint-2"}).out ==
        run_wishart({"compare", archive, "checkpoint-1", "checkpoint-2"}).out);
  CHECK(run_wishart({"verify", packed}).out.find("1 of 1 file is intact (seal checked)") == 0);
  const Outcome refit = run_wishart({"refit", packed});
  CHECK(refit.exit_code == 2);
  CHECK(refit.err ==
        "wishart: " + packed +
            ": is a packed archive, which cannot be changed. Unpack it first: wishart merge "
            "FILE --unpack DIR\n");
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

TEST_CASE("the gate of a run stops zeros every night, and a checkpoint that lacks layers",
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
  has(judged(), "Good. Passed: all 8 rules are kept.");

  tensors.pop_back();
  tensors.front().values.front() += 0.01F;
  scan(temp, "checkpoint-4", tensors);
  CHECK(judged().exit_code == 1);
  has(judged(), "FAIL  every layer is there (checkpoint-4 against checkpoint-3)");
  has(judged(), "checkpoint-4 is incomplete: it has 3 of the 4 layers of its run.");
  tensors.front().values.front() += 0.01F;
  scan(temp, "checkpoint-5", tensors);
  CHECK(judged().exit_code == 0);  // the one before lacks the layer too
  has(judged(), "Attention. Passed: all 8 rules are kept. ");
  has(judged(), "But it is incomplete.");
  has(judged(), "checkpoint-5 is incomplete: it has 3 of the 4 layers of its run.");
}

TEST_CASE("all checkpoints are exported in one table; a damaged one is told and left out",
          "[export]") {
  const TempFolder temp;
  for (const char* id : {"checkpoint-10", "checkpoint-9", "checkpoint-11"}) {
    scan(temp, id, base_tensors());
  }
  const std::string archive = (temp / "archive").string();
  const Outcome all = run_wishart({"export", archive, "--all"});
  CHECK(all.exit_code == 0);
  CHECK(all.err.empty());
  const CsvTable table = parse_csv(all.out);
  REQUIRE(table.rows.size() == 12);
  CHECK(table.columns[0] == "checkpoint");
  CHECK(table.columns[1] == "step");
  CHECK(table.columns[2] == "tokens");
  CHECK(table.rows[0].at("checkpoint") == "checkpoint-9");
  CHECK(table.rows[4].at("step") == "10");
  CHECK(table.rows[11].at("step") == "11");
  const CsvTable one = parse_csv(run_wishart({"export", archive, "--checkpoint", "latest"}).out);
  for (const std::string& column : one.columns) {
    CHECK(table.rows[8].at(column) == one.rows[0].at(column));
  }
  const auto lines =
      temp.write("all.jsonl", run_wishart({"export", archive, "--all", "--format", "jsonl"}).out);
  CHECK(run_shell("/usr/bin/python3 -c 'import json,sys; r=[json.loads(l) for l in "
                  "open(sys.argv[1])]; assert len(r)==12 and r[-1][\"step\"]==11 and "
                  "list(r[0])[:4]==[\"schema\",\"checkpoint\",\"step\",\"tokens\"]' " +
                  quoted(lines.string()))
            .exit_code == 0);
  temp.write("archive/checkpoint-10.h5", "junk");
  const Outcome damaged = run_wishart({"export", archive, "--all"});
  CHECK(damaged.exit_code == 3);
  CHECK(damaged.err ==
        "wishart: 1 of 3 checkpoints cannot be read and is not in the table: " + archive +
            "/checkpoint-10.h5: is not an HDF5 file, so not a wishart archive. "
            "See wishart verify\n");
  CHECK(parse_csv(damaged.out).rows.size() == 8);
  // Damage inside of a table, behind attributes that can be read.
  const auto path = temp / "archive/checkpoint-11.h5";
  std::string bytes = run_shell("cat " + quoted(path.string())).out;
  for (std::size_t i = bytes.size() / 3; i < bytes.size() - 100; ++i) bytes[i] = 'x';
  write_bytes(path, bytes);
  const Outcome two = run_wishart({"export", archive, "--all"});
  CHECK(two.exit_code == 3);
  CHECK(two.err.find("wishart: 2 of 3 checkpoints cannot be read and are not in the table, the "
                     "first one: ") == 0);
  CHECK(parse_csv(two.out).rows.size() == 4);
  // The damaged one might be the latest.
  const Outcome latest = run_wishart({"export", archive});
  CHECK(latest.exit_code == 3);
  CHECK(latest.out.empty());
}

TEST_CASE("the parts of an archive are all of it, each checkpoint in one", "[verify]") {
  const TempFolder temp;
  scan(temp, "one", base_tensors());
  const std::string archive = (temp / "archive").string();
  for (const char* name : {"two", "three", "four", "five", "six", "seven", "eight"}) {
    std::filesystem::copy_file(archive + "/one.h5", archive + "/" + name + ".h5");
  }
  // One that is damaged is found by its own part.
  std::filesystem::resize_file(archive + "/six.h5", 2000);
  int found = 0;
  int checkpoints = 0;
  for (const std::string part : {"1", "2", "3"}) {
    const Outcome outcome = run_wishart({"verify", archive, "--part", part + "/3"});
    CAPTURE(part, outcome.out, outcome.err);
    const std::string line = "\npart " + part + " of 3: ";
    const std::size_t at = outcome.out.find(line);
    REQUIRE(at != std::string::npos);
    checkpoints += std::atoi(outcome.out.c_str() + at + line.size());
    CHECK(outcome.out.find(" of 8 checkpoints\n") != std::string::npos);
    found += outcome.out.find("six.h5: damaged") != std::string::npos ? 1 : 0;
  }
  CHECK(checkpoints == 8);
  CHECK(found == 1);
  const Outcome json = run_wishart({"verify", archive, "--part", "2/10000", "--format", "json"});
  CHECK(json.exit_code == 0);
  CHECK(json.out.find("\"part\": 2, \"parts\": 10000, ") != std::string::npos);
  CHECK(run_wishart({"verify", archive + "/one.h5", "--part", "1/2"}).messages() ==
        std::vector<std::string>{"wishart: --part: " + archive +
                                 "/one.h5 is one file, with one seal over all of it. Leave out "
                                 "--part"});
}

TEST_CASE("verify names what is damaged, repair sets it aside, and a scan mends it", "[verify]") {
  const TempFolder temp;
  scan(temp, "good", base_tensors());
  scan(temp, "bad", base_tensors());
  const std::string archive = (temp / "archive").string();
  const Outcome whole = run_wishart({"verify", archive});
  CHECK(whole.exit_code == 0);
  CHECK(whole.out.find("3 of 3 files are intact (seal checked)") != std::string::npos);
  const auto path = temp / "archive/bad.h5";
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path) / 2));
    file.put('\x5a');
  }
  const Outcome damaged = run_wishart({"verify", archive});
  CHECK(damaged.exit_code == 3);
  CHECK(damaged.out.find("bad.h5: damaged\n") != std::string::npos);
  CHECK(damaged.out.find("2 of 3 files are intact") != std::string::npos);
  CHECK(std::filesystem::exists(path));
  const Outcome repaired = run_wishart({"verify", archive, "--repair", "--format", "json"});
  CHECK(repaired.exit_code == 3);
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(std::filesystem::exists(path.string() + ".damaged"));
  const auto json = temp.write("verify.json", repaired.out);
  CHECK(run_shell("/usr/bin/python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); "
                  "f={x[\"standing\"]:x for x in d[\"files\"]}; "
                  "assert f[\"damaged\"][\"set_aside\"] and f[\"damaged\"][\"findings\"] and "
                  "f[\"whole\"][\"sealed\"]' " +
                  quoted(json.string()))
            .exit_code == 0);
  scan(temp, "bad", base_tensors());
  CHECK(run_wishart({"verify", archive}).exit_code == 0);
  temp.write("archive/index.h5", "junk");
  CHECK(run_wishart({"verify", archive, "--repair"}).exit_code == 3);
  CHECK(run_wishart({"verify", archive}).exit_code == 0);
  std::filesystem::create_directories(temp / "empty");
  CHECK(run_wishart({"verify", (temp / "empty").string()}).err.find("holds no archive") !=
        std::string::npos);
}
