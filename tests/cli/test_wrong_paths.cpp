/// @file
/// Paths of the wrong kind: an archive for a checkpoint, a folder without an archive, a packed file
/// where one is written; and what a damaged packed file still gives.

#include <algorithm>
#include <fstream>

#include <catch2/catch.hpp>

#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

/// A run of `count` checkpoints, and its archive.
struct Run {
  TempFolder temp;
  std::string run = (temp / "run").string();
  std::string archive = (temp / "archive").string();

  explicit Run(int count) {
    for (int i = 1; i <= count; ++i) {
      write_layers(temp / ("run/checkpoint-" + std::to_string(i)), 2, 48 + i, 32);
    }
    REQUIRE(run_wishart({"scan", run, "--archive", archive}).exit_code == 0);
  }

  [[nodiscard]] std::string packed() const {
    const std::string file = (temp / "packed.h5").string();
    REQUIRE(run_wishart({"merge", archive, "--out", file}).exit_code == 0);
    return file;
  }
};

void check_refused(const std::vector<std::string>& words, int exit_code, const std::string& text) {
  const Outcome outcome = run_wishart(words);
  CAPTURE(words, outcome.out);
  CHECK(outcome.exit_code == exit_code);
  CHECK(outcome.err == "wishart: " + text + "\n");
  CHECK(outcome.out.empty());
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Changes a byte of the file, in the first checkpoint that a byte is in.
void damage(const std::string& file, std::int64_t at) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(at);
  const char byte = static_cast<char>(stream.get());
  stream.seekp(at);
  stream.put(static_cast<char>(byte ^ 0x55));
}

}  // namespace

TEST_CASE("an archive is no checkpoint, and nothing is written for it", "[wrong-paths]") {
  const Run one(2);
  const std::vector<std::string> before = names_in(one.run);
  const std::string text = ": is an archive of wishart, expected a checkpoint";
  const std::string file = one.archive + "/checkpoint-1.h5";
  const std::string target = (one.temp / "target").string();
  for (const std::string& path : {one.archive, file, one.packed()}) {
    check_refused({"scan", path, "--archive", one.run}, 3, path + text);
    check_refused({"scan", path, "--archive", target}, 3, path + text);
    check_refused({"inspect", path}, 3, path + text);
    check_refused({"plan", path, "--ranks", "2"}, 3, path + text);
    check_refused({"check", path, "--base", one.run + "/checkpoint-1"}, 3, path + text);
    check_refused({"check", one.run + "/checkpoint-1", "--base", path}, 3, path + text);
  }
  CHECK(names_in(one.run) == before);
  CHECK_FALSE(std::filesystem::exists(target));
}

TEST_CASE("a folder without an archive is none that holds nothing", "[wrong-paths]") {
  const Run one(1);
  const std::string empty = (one.temp / "empty").string();
  std::filesystem::create_directory(empty);
  for (const std::string& path : {empty, one.run}) {
    const std::string text = path + ": holds no archive. Run `wishart scan` into it first";
    check_refused({"export", path, "--table", "history"}, 3, text);
    check_refused({"export", path, "--all", "--format", "csv"}, 3, text);
    check_refused({"index", path}, 3, text);
    check_refused({"refit", path}, 3, text);
    check_refused({"merge", path, "--out", (one.temp / "p.h5").string()}, 3, text);
    CHECK_FALSE(std::filesystem::exists(path + "/index.h5"));
  }
  // Nor does a scan that archives nothing leave an index.
  const std::string target = (one.temp / "target").string();
  CHECK(run_wishart({"scan", one.run, "--archive", target, "--layers", "nope"}).exit_code == 2);
  CHECK_FALSE(std::filesystem::exists(target + "/index.h5"));
}

TEST_CASE("a run without a checkpoint yet has nothing new", "[wrong-paths]") {
  const TempFolder temp;
  const std::string archive = (temp / "archive").string();
  std::filesystem::create_directories(temp / "run/checkpoint-1");
  const std::string run = (temp / "run").string();
  CHECK(run_wishart({"inspect", run, "--archive", archive}).out == run + ": 0 checkpoints\n");
  const Outcome csv = run_wishart({"inspect", run, "--archive", archive, "--format", "csv"});
  CHECK(csv.out == "checkpoint,state,detail,path\n");
  CHECK(csv.exit_code == 0);
  check_refused({"inspect", run}, 3, run + ": expected a folder with files of weights, found none");
  const std::string none = (temp / "none").string();
  check_refused({"inspect", none, "--archive", archive}, 3, none + ": no such file or folder");
  temp.write("run/checkpoint-1/saved_model.pb", "x");
  const Outcome unsupported = run_wishart({"inspect", run, "--archive", archive});
  CHECK(unsupported.exit_code == 3);
  CHECK(unsupported.err.find(
            run + ": expected files of weights in this folder or in its folders, found "
                  "checkpoint-1/saved_model.pb (TensorFlow SavedModel)") != std::string::npos);
}

TEST_CASE("a packed archive is written by nothing", "[wrong-paths]") {
  const Run one(1);
  const std::string packed = one.packed();
  const std::string text = packed +
                           ": is a packed archive, which cannot be changed. Unpack it first: "
                           "wishart merge FILE --unpack DIR";
  const std::string checkpoint = one.run + "/checkpoint-1";
  check_refused({"index", packed}, 2, text);
  check_refused({"merge", packed, "--out", (one.temp / "b.h5").string()}, 2, text);
  check_refused({"scan", checkpoint, "--archive", packed}, 2, text);
  check_refused({"check", checkpoint, "--base", checkpoint, "--archive", packed}, 2, text);
  check_refused({"inspect", one.run, "--archive", packed}, 2, text);
  check_refused({"plan", one.run, "--ranks", "2", "--archive", packed}, 2, text);
  check_refused({"refit", packed}, 2, text);
  const std::string file = one.archive + "/checkpoint-1.h5";
  check_refused({"scan", checkpoint, "--archive", file}, 2,
                file + ": is a file, expected the folder of an archive");
}

TEST_CASE("a damaged packed archive gives what is whole, and stays where it is", "[wrong-paths]") {
  const Run one(3);
  const std::string packed = one.packed();
  damage(packed, 20000);
  const Outcome verified = run_wishart({"verify", packed, "--repair"});
  CHECK(verified.exit_code == 3);
  CHECK(std::filesystem::exists(packed));
  CHECK(verified.out.find("  not set aside: it is a packed archive, which may hold whole "
                          "checkpoints\n") != std::string::npos);
  CHECK(verified.err.find("Restore it, or unpack what is whole (wishart merge FILE --unpack DIR) "
                          "and scan the rest again\n") != std::string::npos);
  const Outcome outcome = run_wishart({"merge", packed, "--unpack", (one.temp / "out").string()});
  INFO(outcome.err);
  CHECK(outcome.exit_code == 3);
  CHECK(outcome.out == (one.temp / "out").string() + ": 2 checkpoints\n");
  CHECK(outcome.err.find("wishart: " + packed +
                         ": 1 of 3 checkpoints cannot be read and was not unpacked: "
                         "checkpoint-") == 0);
  CHECK(
      outcome.err.find(". Scan what was not unpacked again, or restore the packed file. The first "
                       "reason: ") != std::string::npos);
  CHECK(names_in(one.temp / "out").size() == 2);
  CHECK(run_wishart({"verify", (one.temp / "out").string()}).exit_code == 0);
}

TEST_CASE("a copy under another name is renamed, not damaged", "[wrong-paths]") {
  const Run one(1);
  const std::string copy = one.archive + "/best.h5";
  std::filesystem::copy_file(one.archive + "/checkpoint-1.h5", copy);
  const Outcome verified = run_wishart({"verify", one.archive, "--repair"});
  CHECK(verified.exit_code == 3);
  CHECK(verified.out.find(copy +
                          ": renamed\n  holds the checkpoint 'checkpoint-1', but the file "
                          "has another name. Rename it back, or remove it if it is a copy\n") !=
        std::string::npos);
  CHECK(std::filesystem::exists(copy));
  const std::string packed = (one.temp / "packed.h5").string();
  const Outcome merged = run_wishart({"merge", one.archive, "--out", packed});
  CHECK(merged.exit_code == 0);
  CHECK(merged.err == "wishart: " + copy +
                          ": holds the checkpoint 'checkpoint-1', and is packed under another "
                          "name: best\n");
  const Outcome of_packed = run_wishart({"verify", packed});
  CHECK(of_packed.exit_code == 3);
  CHECK(of_packed.out.find(packed +
                           ": renamed\n  best: holds the checkpoint 'checkpoint-1', but was "
                           "packed under another name. Unpack the archive, rename the "
                           "file back, and pack it again\n") != std::string::npos);
}

TEST_CASE("what is wrong with checkpoints of a run is said of each, in full", "[wrong-paths]") {
  const Run one(2);
  const std::string target = (one.temp / "target").string();
  const Outcome scan = run_wishart({"scan", one.run, "--archive", target, "--layers", "nope"});
  const std::string text = ": --layers 'nope': no matrix of this checkpoint matches";
  CHECK(scan.out ==
        one.run + "/checkpoint-1" + text + "\n" + one.run + "/checkpoint-2" + text + "\n");
  CHECK(scan.messages() == std::vector<std::string>{"wishart: " + one.run + "/checkpoint-1" + text +
                                                    ". 1 more checkpoint is incomplete"});
  const std::string cut = one.run + "/checkpoint-2/model.safetensors";
  std::filesystem::resize_file(cut, 4);
  CHECK(run_wishart({"inspect", one.run})
            .out.find("checkpoint-2  unreadable  " + cut +
                      ": has 4 bytes, a safetensors file has at least 8. The file is truncated: "
                      "copy it again\n") != std::string::npos);
}
