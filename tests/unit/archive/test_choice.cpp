/// @file
/// Which checkpoint is meant by a word, or by none.

#include <catch2/catch.hpp>

#include "wishart/archive/choice.hpp"
#include "wishart/archive/index.hpp"

#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;
using test::error_of;
using test::TempFolder;

namespace {

void add(const TempFolder& folder, const std::string& id, std::int64_t step,
         const std::string& mode = "corrected") {
  CheckpointRecord record = test::sample_record(1, id);
  record.provenance.training.step = step;
  record.provenance.checkpoint_identity = "files of " + id;
  record.provenance.mode = mode;
  record.provenance.analysis = AnalysisKind::weights;
  write_archive(folder.path(), record);
}

/// Three checkpoints whose names are in another order than their steps.
void add_run(const TempFolder& folder) {
  add(folder, "c", 50), add(folder, "a", 100), add(folder, "b", 600);
}

std::vector<std::string> run_of(const std::filesystem::path& archive) {
  const Reader reader(archive);
  std::vector<std::string> names;
  for (const TrainingPlace& place : reader.run()) names.push_back(place.name);
  return names;
}

}  // namespace

TEST_CASE("the latest is the last by stage, step and name", "[choice]") {
  const TempFolder folder;
  add_run(folder);
  CHECK(run_of(folder.path()) == std::vector<std::string>{"c", "a", "b"});
  const Choice none = choose(Reader(folder.path()), "");
  CHECK(none.id == "b");
  CHECK(none.note == "using b, the latest of 3 checkpoints by step");
  const Choice latest = choose(Reader(folder.path()), "latest");
  CHECK(latest.id == "b");
  CHECK(latest.note == "using b, the latest of 3 checkpoints by step");
  // The same step: one of them, with the shortest name if no name has the step, and told.
  add(folder, "b-10", 600), add(folder, "b-9", 600);
  const Choice shortest = choose(Reader(folder.path()), "");
  CHECK(shortest.id == "b");
  CHECK(shortest.note ==
        "using b, the latest of 5 checkpoints by step; left out: 2 of the same step as another");
  // A later stage begins at step 0 again.
  add(folder, "stage2-step1", 1), add(folder, "stage1-step900", 900);
  CHECK(choose(Reader(folder.path()), "").id == "stage2-step1");
  CHECK(choose(Reader(folder.path()), "previous").id == "stage1-step900");
}

TEST_CASE("an id is taken without a word, also if it is one of the words", "[choice]") {
  const TempFolder folder;
  add_run(folder);
  CHECK(choose(Reader(folder.path()), "a").note.empty());
  add(folder, "latest", 1);
  const Choice choice = choose(Reader(folder.path()), "latest");
  CHECK(choice.id == "latest");
  CHECK(choice.note == "'latest' is taken as the id of a checkpoint");
  CHECK(choose(Reader(folder.path()), "").id == "b");
}

TEST_CASE("previous is the one before the latest, or before another", "[choice]") {
  const TempFolder folder;
  add_run(folder);
  const Reader reader(folder.path());
  const Choice choice = choose(reader, "previous");
  CHECK(choice.id == "a");
  CHECK(choice.note == "using a, the checkpoint before b");
  CHECK(choose(reader, "previous", "a").id == "c");
  CHECK(error_of([&] { (void)choose(reader, "previous", "c"); }) ==
        "3: " + folder.path().string() +
            ": c is the first checkpoint by step, there is none before it");
  add(folder, "final", -1);
  CHECK(error_of([&] { (void)choose(Reader(folder.path()), "previous", "final"); }) ==
        "3: " + folder.path().string() + ": final has no step, so no checkpoint comes before it");
}

TEST_CASE("checkpoints without a step are never the latest", "[choice]") {
  const TempFolder folder;
  add_run(folder);
  add(folder, "z", -1);
  const Choice choice = choose(Reader(folder.path()), "");
  CHECK(choice.id == "b");
  CHECK(choice.note == "using b, the latest of 4 checkpoints by step; left out: 1 without a step");
  const TempFolder models;
  add(models, "base", -1), add(models, "tuned", -1);
  for (const char* word : {"", "latest", "previous"}) {
    CHECK(error_of([&] { (void)choose(Reader(models.path()), word); }) ==
          "2: " + models.path().string() +
              ": holds 2 checkpoints, and none of them has a step, so none is the latest. Name one "
              "of them: base, tuned");
  }
}

TEST_CASE("changes of weights have no place among whole models", "[choice]") {
  const TempFolder folder;
  const auto add_difference = [&](const std::string& id, std::int64_t step) {
    CheckpointRecord record = test::sample_record(1, id);
    record.provenance.training.step = step;
    record.provenance.analysis = AnalysisKind::difference;
    record.provenance.base_path = "/runs/c";
    write_archive(folder.path(), record);
  };
  add_difference("delta", 900), add_difference("delta-2", 950);
  // Where nothing else is, they are a run of their own.
  CHECK(run_of(folder.path()) == std::vector<std::string>{"delta", "delta-2"});
  add(folder, "c", 50);
  const Choice only = choose(Reader(folder.path()), "");
  CHECK(only.id == "c");
  CHECK(only.note == "using c, the only whole model of 3 checkpoints");
  add(folder, "a", 100);
  CHECK(run_of(folder.path()) == std::vector<std::string>{"c", "a"});
  CHECK(Reader(folder.path()).models() == std::vector<std::string>{"a", "c"});
  const Choice latest = choose(Reader(folder.path()), "latest");
  CHECK(latest.id == "a");
  CHECK(latest.note ==
        "using a, the latest of 4 checkpoints by step; left out: 2 as changes of weights");
  CHECK(choose(Reader(folder.path()), "delta").id == "delta");
  CHECK(error_of([&] {
          (void)choose(Reader(folder.path()), "previous", "delta");
        }).find("delta is a change of weights, so no model comes before it") != std::string::npos);
}

TEST_CASE("one checkpoint is the latest, whatever its step", "[choice]") {
  const TempFolder folder;
  add(folder, "base", -1);
  CHECK(choose(Reader(folder.path()), "").note.empty());
  CHECK(choose(Reader(folder.path()), "latest").note == "using base, the only checkpoint");
  CHECK(error_of([&] { (void)choose(Reader(folder / "base.h5"), "previous"); }) ==
        "3: " + (folder / "base.h5").string() +
            ": holds only one checkpoint, so there is none before it");
}

TEST_CASE("a file that cannot be read might be the latest", "[choice]") {
  const TempFolder folder;
  add_run(folder);
  const std::string bad = folder.write("bad.h5", "junk").string();
  for (const char* word : {"", "latest", "previous"}) {
    CHECK(error_of([&] { (void)choose(Reader(folder.path()), word); }) ==
          "3: " + bad +
              ": is not an HDF5 file, so not a wishart archive. So the order of the "
              "checkpoints is not known. Name the one you want with --checkpoint ID");
  }
  CHECK(choose(Reader(folder.path()), "b").id == "b");
}

TEST_CASE("a packed archive has the same order", "[choice]") {
  const TempFolder folder;
  const TempFolder out;
  add_run(folder);
  pack_archive(folder.path(), out / "run.h5");
  CHECK(run_of(out / "run.h5") == std::vector<std::string>{"c", "a", "b"});
  CHECK(choose(Reader(out / "run.h5"), "previous").id == "a");
}

TEST_CASE("previous and latest are of one mode", "[choice]") {
  const TempFolder folder;
  add(folder, "c-1000", 1000), add(folder, "c-1000-ww", 1000, "weightwatcher");
  add(folder, "c-2000", 2000);
  const Reader reader(folder.path());
  CHECK(run_of(folder.path()) == std::vector<std::string>{"c-1000", "c-2000"});
  CHECK(choose(reader, "previous").id == "c-1000");
  CHECK(choose(reader, "").note ==
        "using c-2000, the latest of 3 checkpoints by step; left out: 1 of another mode");
  CHECK(previous_of(reader, "c-1000-ww").missing ==
        folder.path().string() +
            ": c-1000-ww is the first checkpoint by step, there is none before it; left out: 2 of "
            "another mode");
  add(folder, "c-3000-ww", 3000, "weightwatcher");
  CHECK(choose(Reader(folder.path()), "previous").id == "c-1000-ww");
  CHECK(previous_of(Reader(folder.path()), "c-2000").id == "c-1000");
  // Without steps nothing is the latest, in whatever mode.
  const TempFolder models;
  add(models, "m", -1), add(models, "m-ww", -1, "weightwatcher");
  CHECK(
      error_of([&] { (void)choose(Reader(models.path()), ""); }) ==
      "2: " + models.path().string() +
          ": holds 2 checkpoints, and none of them has a step, so none is the latest. Name one of "
          "them: m, m-ww");
}
