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
  add(folder, "m-3", 50), add(folder, "m-1", 100), add(folder, "m-2", 600);
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
  CHECK(run_of(folder.path()) == std::vector<std::string>{"m-3", "m-1", "m-2"});
  const Choice none = choose(Reader(folder.path()), "");
  CHECK(none.id == "m-2");
  CHECK(none.note == "using m-2, the latest of 3 checkpoints by step");
  const Choice latest = choose(Reader(folder.path()), "latest");
  CHECK(latest.id == "m-2");
  CHECK(latest.note == "using m-2, the latest of 3 checkpoints by step");
  // The same step: one of them, with the shortest name if no name has the step, and told.
  add(folder, "m-2-10", 600), add(folder, "m-2-9", 600);
  const Choice shortest = choose(Reader(folder.path()), "");
  CHECK(shortest.id == "m-2");
  CHECK(shortest.note ==
        "using m-2, the latest of 5 checkpoints by step; left out: 2 of the same step as another");
  // A later stage begins at step 0 again.
  add(folder, "stage2-step1", 1), add(folder, "stage1-step900", 900);
  CHECK(choose(Reader(folder.path()), "").id == "stage2-step1");
  CHECK(choose(Reader(folder.path()), "previous").id == "stage1-step900");
}

TEST_CASE("an id is taken without a word, also if it is one of the words", "[choice]") {
  const TempFolder folder;
  add_run(folder);
  CHECK(choose(Reader(folder.path()), "m-1").note.empty());
  add(folder, "latest", 1);
  const Choice choice = choose(Reader(folder.path()), "latest");
  CHECK(choice.id == "latest");
  CHECK(choice.note == "'latest' is taken as the id of a checkpoint");
  CHECK(choose(Reader(folder.path()), "").id == "m-2");
}

TEST_CASE("previous is the one before the latest, or before another", "[choice]") {
  const TempFolder folder;
  add_run(folder);
  const Reader reader(folder.path());
  const Choice choice = choose(reader, "previous");
  CHECK(choice.id == "m-1");
  CHECK(choice.note == "using m-1, the checkpoint before m-2");
  CHECK(choose(reader, "previous", "m-1").id == "m-3");
  CHECK(error_of([&] { (void)choose(reader, "previous", "m-3"); }) ==
        "3: " + folder.path().string() +
            ": m-3 is the first checkpoint by step, there is none before it");
  add(folder, "final", -1);
  CHECK(error_of([&] { (void)choose(Reader(folder.path()), "previous", "final"); }) ==
        "3: " + folder.path().string() + ": final has no step, so no checkpoint comes before it");
}

TEST_CASE("checkpoints without a step are never the latest", "[choice]") {
  const TempFolder folder;
  add_run(folder);
  add(folder, "z", -1);
  const Choice choice = choose(Reader(folder.path()), "");
  CHECK(choice.id == "m-2");
  CHECK(choice.note ==
        "using m-2, the latest of 4 checkpoints by step; left out: 1 without a step");
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
    record.provenance.base_path = "/runs/m-3";
    write_archive(folder.path(), record);
  };
  add_difference("delta", 900), add_difference("delta-2", 950);
  // Where nothing else is, they are a run of their own.
  CHECK(run_of(folder.path()) == std::vector<std::string>{"delta", "delta-2"});
  add(folder, "m-3", 50);
  const Choice only = choose(Reader(folder.path()), "");
  CHECK(only.id == "m-3");
  CHECK(only.note == "using m-3, the only whole model of 3 checkpoints");
  add(folder, "m-1", 100);
  CHECK(run_of(folder.path()) == std::vector<std::string>{"m-3", "m-1"});
  CHECK(Reader(folder.path()).models() == std::vector<std::string>{"m-1", "m-3"});
  const Choice latest = choose(Reader(folder.path()), "latest");
  CHECK(latest.id == "m-1");
  CHECK(latest.note ==
        "using m-1, the latest of 4 checkpoints by step; left out: 2 as changes of weights");
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
  CHECK(choose(Reader(folder.path()), "m-2").id == "m-2");
}

TEST_CASE("a packed archive has the same order", "[choice]") {
  const TempFolder folder;
  const TempFolder out;
  add_run(folder);
  pack_archive(folder.path(), out / "run.h5");
  CHECK(run_of(out / "run.h5") == std::vector<std::string>{"m-3", "m-1", "m-2"});
  CHECK(choose(Reader(out / "run.h5"), "previous").id == "m-1");
}

TEST_CASE("previous and latest stay in the run of the checkpoint", "[choice]") {
  const TempFolder folder;
  for (const std::int64_t step : {1000, 2000, 4000}) {
    add(folder, "mixA-step" + std::to_string(step), step);
    add(folder, "mixB-step" + std::to_string(step), step);
  }
  const Reader reader(folder.path());
  CHECK(previous_of(reader, "mixB-step4000").id == "mixB-step2000");
  CHECK(previous_of(reader, "mixA-step4000").id == "mixA-step2000");
  CHECK(previous_of(reader, "mixB-step1000").missing ==
        folder.path().string() +
            ": mixB-step1000 is the first checkpoint by step, there is none before it; left out: 3 "
            "of another run");
  // The base of a fine-tuning is no step of it.
  const TempFolder tuned;
  for (const std::int64_t step : {100, 200}) {
    add(tuned, "checkpoint-" + std::to_string(step), step);
  }
  add(tuned, "pythia-step143000", 143000), add(tuned, "base", 60000);
  CHECK(choose(Reader(tuned.path()), "").note ==
        "using checkpoint-200, the latest of 4 checkpoints by step; left out: 2 of another run");
  CHECK(choose(Reader(tuned.path()), "previous").id == "checkpoint-100");
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
