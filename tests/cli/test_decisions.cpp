/// @file
/// `compare`, `rank` and `export` on archives with planted changes; packed ones too.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/small_model.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

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

TEST_CASE("a table of several runs says of each checkpoint what its own table says", "[export]") {
  const TempFolder temp;
  std::vector<TensorToWrite> whole = base_tensors();
  std::vector<TensorToWrite> poor = base_tensors();
  for (TensorToWrite& tensor : poor) {  // of half the rank
    const std::size_t half = tensor.values.size() / 2;
    std::copy_n(tensor.values.begin(), half,
                tensor.values.begin() + static_cast<std::ptrdiff_t>(half));
  }
  scan(temp, "one-step100", whole);
  scan(temp, "two-step200", poor);
  whole.back().values.front() += 1;
  poor.front().values.front() += 1;
  scan(temp, "one-step300", whole);
  scan(temp, "two-step400", poor);
  scan(temp, "one-step500", poor);  // falls
  scan(temp, "one-step500-copy", whole);
  const std::string archive = (temp / "archive").string();
  std::vector<std::string> unlike;
  const CsvTable all = parse_csv(run_wishart({"export", archive, "--all"}).out);
  REQUIRE(all.rows.size() == 24);
  for (std::size_t first = 0; first < all.rows.size(); first += 4) {
    const std::string& id = all.rows[first].at("checkpoint");
    CAPTURE(id);
    const CsvTable one = parse_csv(run_wishart({"export", archive, "--checkpoint", id}).out);
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(all.rows[first + i].at("warning") == one.rows[i].at("warning"));
    }
    if (one.rows[0].at("warning").find("unlike-past") != std::string::npos) unlike.push_back(id);
  }
  CHECK(unlike == std::vector<std::string>{"one-step500"});
}
