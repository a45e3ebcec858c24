/// @file
/// One synthetic model in every format: the same numbers, whatever holds them.

#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "wishart/record/weight_measures.hpp"

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::test;

namespace {

CsvTable scanned(const std::filesystem::path& checkpoint, const std::filesystem::path& archive,
                 const std::string& id, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{
      "scan", checkpoint.string(), "--archive", archive.string(), "--id",
      id,     "--progress",        "none",      "--no-reuse"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome scan = run_wishart(arguments);
  INFO(scan.err);
  REQUIRE(scan.exit_code == 0);
  const Outcome table = run_wishart({"export", archive.string(), "--checkpoint", id});
  REQUIRE(table.exit_code == 0);
  return parse_csv(table.out);
}

/// The columns that only a scan with a base, or of permuted elements, fills.
std::set<std::string> measures_beside_the_spectrum() {
  std::set<std::string> names;
  WeightMeasures measures;
  visit_columns(measures, [&](const char* name, auto&) { names.insert(name); });
  return names;
}

/// All cells but those of the way of storing must be the same. `hash` is among them: it covers
/// every bit of every element as float64.
void check_same(const CsvTable& ours, const CsvTable& expected,
                const std::set<std::string>& only_in_ours = {}) {
  REQUIRE(ours.columns == expected.columns);
  REQUIRE(ours.rows.size() == expected.rows.size());
  REQUIRE_FALSE(ours.rows.empty());
  for (std::size_t i = 0; i < ours.rows.size(); ++i) {
    for (const std::string& column : ours.columns) {
      const bool is_time = column.find("seconds") != std::string::npos;
      if (column == "dtype" || is_time || only_in_ours.count(column) > 0) continue;
      CAPTURE(ours.rows[i].at("key"), column);
      CHECK(ours.rows[i].at(column) == expected.rows[i].at(column));
    }
  }
}

/// The same names, shapes and, up to the rounding of sums of products, norms.
void check_close(const CsvTable& ours, const CsvTable& expected) {
  REQUIRE(ours.rows.size() == expected.rows.size());
  for (std::size_t i = 0; i < ours.rows.size(); ++i) {
    CAPTURE(ours.rows[i].at("key"));
    for (const char* column : {"key", "role", "rows", "cols", "num_evals"}) {
      CHECK(ours.rows[i].at(column) == expected.rows[i].at(column));
    }
    for (const char* column : {"sum_squares", "spectral_norm", "norm", "stable_rank"}) {
      CAPTURE(column);
      // A sum of at most 8 products, and twice the rounding of the squares.
      CHECK(relative_difference(number(ours.rows[i].at(column)),
                                number(expected.rows[i].at(column))) <= 32 * 2.3e-16 * 8);
    }
  }
}

/// Writes the model in all formats into a folder.
bool make_formats(const TempFolder& folder) {
  const Outcome made = run_shell("/usr/bin/python3 " + quoted(in_source("tools/make-formats")) +
                                 " " + quoted((folder / "models").string()));
  if (made.exit_code != 0) WARN("skipped: tools/make-formats: " << made.err);
  return made.exit_code == 0;
}

}  // namespace

TEST_CASE("one model in every format has one spectrum", "[formats]") {
  const TempFolder folder;
  if (!make_formats(folder)) return;
  int formats = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "models")) {
    const std::string name = entry.path().filename().string();
    if (!std::filesystem::exists(entry.path().string() + ".expected") || name.starts_with("lora")) {
      continue;
    }
    CAPTURE(name);
    const std::filesystem::path expected = entry.path().string() + ".expected";
    check_same(scanned(entry.path(), folder / "archive", name),
               scanned(expected, folder / "archive", name + "-expected"));
    ++formats;
  }
  CHECK(formats >= 60);
}

TEST_CASE("an adapter has the spectrum of the change that it makes", "[formats][lora]") {
  const TempFolder folder;
  if (!make_formats(folder)) return;
  const auto models = folder / "models";
  for (const char* name : {"lora", "lora-rs", "lora-fan-in"}) {
    CAPTURE(name);
    const CsvTable change = scanned(models / name, folder / "archive", name);
    check_close(change, scanned(models / (std::string(name) + ".expected"), folder / "archive",
                                std::string(name) + "-expected"));
    CHECK(change.rows.front().at("dtype") == "LoRA of rank 8 in F32");
    check_close(scanned(models / name, folder / "archive", std::string(name) + "-on-base",
                        {"--with-base", (models / "torch-views").string()}),
                scanned(models / (std::string(name) + ".merged"), folder / "archive",
                        std::string(name) + "-merged"));
  }
  const Outcome wrong =
      run_wishart({"inspect", (models / "lora").string(), "--base", (models / "torch").string()});
  CHECK(wrong.exit_code == 2);
}

TEST_CASE("the difference to a base is that of the elements", "[formats][base]") {
  const TempFolder folder;
  if (!make_formats(folder)) return;
  const auto models = folder / "models";
  const CsvTable expected = scanned(models / "tuned.difference", folder / "archive", "expected");
  for (const char* base : {"safetensors", "torch-views", "distributed-columns"}) {
    CAPTURE(base);
    const CsvTable ours =
        scanned(models / "tuned", folder / "archive", base, {"--base", (models / base).string()});
    // These are of a difference only.
    std::set<std::string> own = measures_beside_the_spectrum();
    own.insert({"num_intruders", "usual_status"});
    check_same(ours, expected, own);
    for (const auto& row : ours.rows) {
      CHECK(row.at("usual_status") == "of-difference");
      CHECK(number(row.at("num_intruders")) >= 0);
    }
  }
  // What the base lacks is skipped with the reason.
  const Outcome skipped =
      run_wishart({"inspect", (models / "tuned").string(), "--base", (models / "mxfp4").string()});
  CHECK(skipped.exit_code == 3);
  CHECK(skipped.err.find("expected weights with the same names and shapes as in the base, found "
                         "none") != std::string::npos);
}

TEST_CASE("the parts of fused tensors are those that numpy cuts out", "[formats][fused]") {
  const TempFolder folder;
  if (!make_formats(folder)) return;
  const auto models = folder / "models";
  const CsvTable parts = scanned(models / "megatron.parts", folder / "archive", "parts");
  for (const char* name : {"megatron", "megatron-tp-pp", "megatron-vpp"}) {
    const CsvTable split = scanned(models / name, folder / "archive", name, {"--split-fused"});
    int compared = 0;
    for (const auto& part : parts.rows) {
      // `x.q` of numpy is `x.weight[q]` of ours.
      const std::string& key = part.at("key");
      const std::size_t dot = key.rfind('.');
      const std::string ours = key.substr(0, dot) + ".weight[" + key.substr(dot + 1) + "]";
      for (const auto& row : split.rows) {
        if (row.at("key") != ours) continue;
        CAPTURE(name, ours);
        for (const char* column : {"hash", "rows", "cols", "spectral_norm", "sum_squares"}) {
          CHECK(row.at(column) == part.at(column));
        }
        ++compared;
      }
    }
    CHECK(compared == 20);  // of 4 layers q, k, v, gate, up
  }
}

TEST_CASE("a network and its copy in another format have one table", "[.shared][formats][oracle]") {
  const auto shared = shared_folder();
  if (!shared) return;
  const std::vector<std::string> compat{"--compat", "weightwatcher"};
  const auto fixtures = *shared / "fixtures";
  for (const auto& [ours, twin] : std::vector<std::pair<const char*, const char*>>{
           {"oracle/resnet20/resnet20-12fca82f.th", "oracle/resnet20/model.safetensors"},
           {"oracle/resnet32/resnet32-d509ac18.th", "oracle/resnet32/model.safetensors"},
           {"history/state-600.pt", "history/checkpoint-600"}}) {
    CAPTURE(ours);
    const TempFolder folder;
    check_same(scanned(fixtures / ours, folder / "archive", "ours", compat),
               scanned(fixtures / twin, folder / "archive", "twin", compat));
  }
}
