/// @file
/// Checkpoints that another job changes while they are analysed: noticed, and what was computed
/// before is kept.

#include <set>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;
namespace fs = std::filesystem;

namespace {

/// A model of tools/make-formats, and one of its files.
struct Sample {
  const char* model;
  const char* file;
};

constexpr Sample kSamples[]{
    {"gguf-bf16", "model.gguf"},
    {"npz", "model.npz"},
    {"npy", "model.embed_tokens.weight.npy"},
    {"keras2", "model.h5"},
    {"keras3", "model.keras"},
    {"torch-views", "last.ckpt"},
    {"torch-legacy", "last.ckpt"},
    {"distributed-rows", "__0_0.distcp"},
    {"safetensors", "model.safetensors"},
};

/// All models, or nothing where they cannot be made.
bool make_models(const TempFolder& folder) {
  const Outcome made = run_shell("/usr/bin/python3 " + quoted(in_source("tools/make-formats")) +
                                 " " + quoted((folder / "models").string()));
  if (made.exit_code != 0) WARN("skipped: tools/make-formats: " << made.err);
  return made.exit_code == 0;
}

/// Scans a copy of the model while `command`, which has the file as $F, runs before the `at`-th
/// read of this file.
Outcome scan_while(const TempFolder& folder, const Sample& sample, const std::string& command,
                   int at) {
  const fs::path copy = folder / "copy";
  const fs::path archive = folder / "archive";
  fs::remove_all(copy);
  fs::remove_all(archive);
  fs::copy(folder / "models" / sample.model, copy);
  const std::string file = (copy / sample.file).string();
  REQUIRE(fs::exists(file));
  return run_shell("F=" + quoted(file) + " LD_PRELOAD=" + quoted(WISHART_EIO) +
                   " WISHART_SPOIL_PATH=" + quoted(file) +
                   " WISHART_SPOIL_WHEN=" + quoted((archive / "copy.lock").string()) +
                   " WISHART_SPOIL_AT=" + std::to_string(at) + " WISHART_SPOIL=" + quoted(command) +
                   " " + quoted(program_path()) + " scan " + quoted(copy.string()) + " --archive " +
                   quoted(archive.string()) + " --progress none");
}

/// Rows by status, and their reasons.
struct Rows {
  int good = 0;
  std::set<std::string> reasons;
};

Rows rows_of(const TempFolder& folder) {
  Rows rows;
  const std::string archive = (folder / "archive").string();
  for (const auto& row : parse_csv(run_wishart({"export", archive}).out).rows) {
    if (row.at("status") == "success") {
      ++rows.good;
    } else {
      rows.reasons.insert(row.at("reason"));
    }
  }
  return rows;
}

}  // namespace

TEST_CASE("a file that is written over while it is read is noticed", "[rewritten]") {
  const TempFolder folder;
  if (!make_models(folder)) return;
  for (const Sample& sample : kSamples) {
    CAPTURE(sample.model);
    // The same length, other bytes: nothing but the time of change tells.
    const Outcome scan = scan_while(
        folder, sample, "sleep 0.02; yes | dd of=\"$F\" bs=1 count=64 conv=notrunc 2>/dev/null", 1);
    INFO(scan.err);
    CHECK(scan.exit_code == 3);
    const Rows rows = rows_of(folder);
    REQUIRE(rows.reasons.size() >= 1);
    for (const std::string& reason : rows.reasons) {
      CHECK(reason.find(std::string(sample.file) +
                        ": changed while it was being read: expected ") != std::string::npos);
      CHECK(reason.ends_with(". Run again when no other program is writing to it"));
    }
    const bool has_other_files = rows.good > 0;
    CHECK(has_other_files == (std::string(sample.model) == "npy"));
    fs::copy(folder / "models" / sample.model, folder / "copy",
             fs::copy_options::overwrite_existing | fs::copy_options::recursive);
    const Outcome again = run_wishart({"scan", (folder / "copy").string(), "--archive",
                                       (folder / "archive").string(), "--progress", "none"});
    INFO(again.err);
    CHECK(again.exit_code == 0);
    CHECK(rows_of(folder).good == 4);
  }
}

TEST_CASE("what was computed before a file was cut short is kept", "[rewritten]") {
  const TempFolder folder;
  if (!make_models(folder)) return;
  for (const Sample& sample : kSamples) {
    if (std::string(sample.model) == "npy") continue;  // a file for each matrix
    CAPTURE(sample.model);
    // Before every read until one comes too late: each matrix has been the last one once.
    std::set<int> counts;
    for (int at = 1; at < 40; ++at) {
      const Outcome scan = scan_while(folder, sample, "truncate -s 100 \"$F\"", at);
      INFO(scan.err);
      if (scan.exit_code == 0) break;
      CHECK(scan.exit_code == 3);
      const Rows rows = rows_of(folder);
      for (const std::string& reason : rows.reasons) {
        CHECK((reason.find("The file was truncated while it was being read") != std::string::npos ||
               reason.find("changed while it was being read") != std::string::npos));
      }
      counts.insert(rows.good);
    }
    CHECK(counts.count(0) == 1);
    CHECK(*counts.rbegin() > 0);
    CHECK(*counts.rbegin() < 4);
  }
}

TEST_CASE("a file that is replaced while it is open is read on as it was", "[rewritten]") {
  const TempFolder folder;
  if (!make_models(folder)) return;
  for (const Sample& sample : kSamples) {
    CAPTURE(sample.model);
    const Outcome scan =
        scan_while(folder, sample, "sleep 0.02; cp \"$F\" \"$F.new\"; mv \"$F.new\" \"$F\"", 1);
    INFO(scan.err);
    CHECK(scan.exit_code == 0);
    CHECK(rows_of(folder).good == 4);
  }
}
