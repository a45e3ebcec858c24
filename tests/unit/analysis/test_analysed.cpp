/// @file
/// Whole models and changes of weights are kept apart.

#include <catch2/catch.hpp>

#include "wishart/analysis/analysed.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/core/error.hpp"
#include "wishart/record/mode.hpp"
#include "wishart/record/run_name.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

namespace {

Provenance about(const std::string& id, AnalysisKind kind, const std::string& base = "") {
  Provenance provenance;
  provenance.checkpoint_id = id;
  provenance.analysis = kind;
  provenance.base_path = base;
  return provenance;
}

std::vector<std::string> kept_of(std::vector<Analysed> all, Prefer prefer = Prefer::most,
                                 const std::string& like = "") {
  (void)take_apart(
      all, [](const Analysed& one) { return one; }, prefer, like);
  std::vector<std::string> ids;
  for (const Analysed& one : all) ids.push_back(one.checkpoint);
  return ids;
}

}  // namespace

TEST_CASE("changes of weights are left out where there are whole models", "[analysed]") {
  const Analysed weights = analysed(about("w", AnalysisKind::weights));
  const Analysed difference = analysed(about("d", AnalysisKind::difference, "/base"));
  const Analysed adapter = analysed(about("a", AnalysisKind::adapter));
  const Analysed merged = analysed(about("m", AnalysisKind::adapter_on_base, "/base"));
  using Ids = std::vector<std::string>;
  CHECK(kept_of({difference, weights, adapter, merged}) == Ids{"w", "m"});
  CHECK(kept_of({difference, adapter}) == Ids{"d", "a"});
  CHECK(kept_of({}).empty());
}

TEST_CASE("what is left out is named, with the reason", "[analysed]") {
  CHECK(left_out_text({}).empty());
  std::vector<Analysed> many{analysed(about("d", AnalysisKind::difference, "/a\nb")),
                             analysed(about("e", AnalysisKind::adapter))};
  for (Analysed& one : many) one.why = LeftOut::change;
  const std::string head =
      "Left out, because only whole weights are compared here: "
      "d (difference to /a\\x0ab), e (adapter alone)";
  CHECK(left_out_text(many) == head + ". For a report on one of them, use --checkpoint ID.");
  for (int i = 0; i < 6; ++i) many.push_back(many[1]);
  CHECK(left_out_text(many) == head +
                                   ", e (adapter alone), e (adapter alone), e (adapter alone), and "
                                   "3 more. For a report on one of them, use --checkpoint ID.");
}

TEST_CASE("modes and fits are kept apart, whatever the order of files", "[analysed]") {
  using Ids = std::vector<std::string>;
  const auto at = [](const std::string& id, std::int64_t step, const std::string& mode,
                     const std::string& fit = "{\"fit\": \"PL\", \"xmax\": 0, \"bootstrap\": 50}") {
    Provenance provenance = about(id, AnalysisKind::weights);
    provenance.training.step = step;
    provenance.mode = mode;
    provenance.fit_options = fit;
    provenance.checkpoint_identity = std::to_string(step);
    return analysed(provenance);
  };
  const std::string ours = "corrected";
  const std::string compat = "weightwatcher";
  const Analysed one = at("c-1", 1, ours);
  const Analysed two = at("c-2", 2, ours);
  std::vector<Analysed> all{at("c-1-ww", 1, compat), two, at("c-2-ww", 2, compat), one};
  for (const Prefer prefer : {Prefer::latest, Prefer::most}) {
    CHECK(kept_of(all, prefer) == Ids{"c-2", "c-1"});
    CHECK(kept_of({all[3], all[2], all[1], all[0]}, prefer) == Ids{"c-1", "c-2"});
    CHECK(kept_of(all, prefer, "c-2-ww") == Ids{"c-1-ww", "c-2-ww"});
  }
  // A run that went on in another mode, and a ranking of more in one than in the other.
  all = {one, two, at("c-3", 3, compat)};
  CHECK(kept_of(all, Prefer::latest) == Ids{"c-3"});
  CHECK(kept_of(all, Prefer::most) == Ids{"c-1", "c-2"});
  // Only options that change metrics tell fits apart.
  const Analysed more = at("c-4", 4, ours, "{\"fit\": \"PL\", \"xmax\": 0, \"bootstrap\": 99}");
  const Analysed other = at("c-5", 5, ours, "{\"fit\": \"PL\", \"xmax\": 5, \"bootstrap\": 50}");
  CHECK(kept_of({one, two, more}) == Ids{"c-1", "c-2", "c-4"});
  CHECK(kept_of({one, two, other}) == Ids{"c-1", "c-2"});
  CHECK(kept_of({one, two, other}, Prefer::latest) == Ids{"c-5"});
  // The same checkpoint counts once.
  CHECK(kept_of({at("c-1-b", 1, ours), one, two}) == Ids{"c-1", "c-2"});
  CHECK(kept_of({at("c-1-b", 1, ours), one, two}, Prefer::most, "c-1-b") == Ids{"c-1-b", "c-2"});

  all = {one, at("w", 1, compat), other, at("c-1-b", 1, ours), two};
  CHECK(
      left_out_text(take_apart(
          all, [](const Analysed& each) { return each; }, Prefer::most)) ==
      "Left out, because only one mode is compared here: w (mode weightwatcher). Left out, because "
      "the options or the version of their fits are not those of the others (`wishart refit` makes "
      "them the same): c-5. Left out, because the same checkpoint is here under another name: "
      "c-1-b. For a report on one of them, use --checkpoint ID.");
}

TEST_CASE("a checkpoint in another mode is no third of a history", "[analysed]") {
  const auto record = [](const std::string& id, std::int64_t step, const std::string& mode) {
    CheckpointRecord one = sample_checkpoint(id);
    one.provenance.training.step = step;
    one.provenance.checkpoint_identity = std::to_string(step);
    one.provenance.mode = mode;
    return one;
  };
  HistoryBuilder builder(3);
  builder.add(record("checkpoint-1000", 1000, "corrected"));
  builder.add(record("checkpoint-1000-ww", 1000, "weightwatcher"));
  builder.add(record("checkpoint-2000", 2000, "corrected"));
  builder.add(record("copy-of-2000", 2000, "corrected"));
  const History history = builder.take();
  REQUIRE(history.rows.size() == 2);
  CHECK(history.rows[0].checkpoint == "checkpoint-1000");
  CHECK(history.rows[1].checkpoint == "checkpoint-2000");
  REQUIRE(history.left_out.size() == 2);
  CHECK(history.left_out[0].why == LeftOut::mode);
  CHECK(history.left_out[1].why == LeftOut::twice);
  CHECK(history.conclusion.advice == Advice::unknown);
  CHECK(history.conclusion.reasons.at(0) ==
        "An advice needs 3 checkpoints of one stage; there are 2.");
}

TEST_CASE("one kind is not compared with the other", "[analysed]") {
  const Provenance weights = about("w", AnalysisKind::weights);
  const Provenance difference = about("d", AnalysisKind::difference, "/base");
  check_alike(difference, about("a", AnalysisKind::adapter));
  check_alike(weights, about("m", AnalysisKind::adapter_on_base, "/base"));
  CHECK(error_of([&] { check_alike(difference, weights); }) ==
        "2: d is the difference to /base, w holds whole weights: a change of weights is not "
        "compared with whole weights. Name two of the same kind");
}

TEST_CASE("a history without its differences is the history of the others", "[analysed]") {
  const auto history = [](bool with) {
    HistoryBuilder builder(2);
    for (std::int64_t step : {10, 20, 30}) {
      CheckpointRecord record = sample_checkpoint("s" + std::to_string(step));
      record.provenance.training.step = step;
      record.layers[0].alpha = 3 - 0.02 * static_cast<double>(step);
      builder.add(record);
      if (!with) continue;
      record.provenance.checkpoint_id += "-base-s10";
      record.provenance.analysis = AnalysisKind::difference;
      record.layers[0].alpha = 1.5;
      builder.add(record);
    }
    return builder.take();
  };
  const History alone = history(false);
  const History mixed = history(true);
  CHECK(mixed.left_out.size() == 3);
  CHECK_FALSE(mixed.of_changes);
  REQUIRE(mixed.rows.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(mixed.rows[i].checkpoint == alone.rows[i].checkpoint);
    CHECK(mixed.rows[i].alpha == alone.rows[i].alpha);
    CHECK(mixed.rows[i].unchanged == alone.rows[i].unchanged);
  }
  CHECK(mixed.drifts.size() == alone.drifts.size());
  CHECK(mixed.conclusion.advice == alone.conclusion.advice);
}

TEST_CASE("a model without a step leaves the run beside it a history", "[analysed]") {
  const auto history = [](const std::vector<std::int64_t>& steps) {
    HistoryBuilder builder(3);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      CheckpointRecord record = sample_checkpoint("c" + std::to_string(i));
      record.provenance.training.step = steps[i];
      builder.add(record);
    }
    return builder.take();
  };
  const History run = history({-1, 10, 20, 30});
  REQUIRE(run.rows.size() == 3);
  CHECK(run.rows[0].checkpoint == "c1");
  CHECK(run.rows[0].missing == 0);
  REQUIRE(run.left_out.size() == 1);
  CHECK(run.left_out[0].checkpoint == "c0");
  CHECK(left_out_name(run.left_out[0].why) == "place");
  CHECK(left_out_text(run.left_out) ==
        "Left out, because no step is known, so it has no place in a run: c0. For a report on one "
        "of them, use --checkpoint ID.");
  CHECK(unplaced_text(run.left_out) == "c0 has no step and is not part of the run.");
  CHECK(unplaced_text(history({-1, 10, 20, -1}).left_out) ==
        "2 checkpoints without a step, such as c0, are not part of the run.");
  // What is no run stays as it is.
  CHECK(history({-1, 10}).rows.size() == 2);
  CHECK(history({-1, 10}).left_out.empty());
  CHECK(unplaced_text({}).empty());
}

TEST_CASE("names tell runs", "[analysed][runs]") {
  const auto run = [](const char* name, std::int64_t step) {
    const RunName found = run_name(name, step);
    return found.run + " " + found.word + (found.placed ? " placed" : "");
  };
  CHECK(run("checkpoint-500", 500) == " checkpoint placed");
  CHECK(run("stage2-mixA-step500-tokens3B", 500) == "mixa step placed");
  CHECK(run("stage2-ingredient1-step1000", 1000) == "ingredient1 step placed");
  CHECK(run("pythia-70m-step143000", 143000) == "pythia-70m step placed");
  CHECK(run("step_0001000", 1000) == " step placed");
  CHECK(run("global_step100", 100) == " global_step placed");
  CHECK(run("epoch=2-step=3000-val_loss=1.23", 3000) == " step placed");
  CHECK(run("ep0-ba1000", 1000) == " ba placed");
  CHECK(run("0001000", 1000) == " # placed");
  CHECK(run("epoch-3", 900) == " epoch");
  CHECK(run("part3", 900) == "part #");
  CHECK(run("h_base_state", 60000) == "h-base-state ");
  for (const char* any : {"final", "last", "best_model", "checkpoint-final", "ema"}) {
    CHECK(run(any, 900) == " ");
  }
  for (const char* any :
       {"last-v1", "latest-rank0", "merged_model", "trained_model", "final_merged_checkpoint",
        "averaged", "model_soup", "interrupted", "3f1c9ab", "0a1b2c3d4e5f"}) {
    INFO(any);
    CHECK(run(any, 900) == " ");
  }
  CHECK(run("adapter", 900) == "adapter ");
  CHECK(run("lora-rank8-step100", 100) == "lora-rank8 step placed");
  CHECK(run("model-v1-step100", 100) == "v1 step placed");
  CHECK(run("ep1-ba200-rank0", 200) == " ba placed");
  CHECK(run("20260101-step100", 100) == "20260101 step placed");
  const RunName llama = run_name("llama-7b-step100", 100);
  for (const char* end : {"llama-7b", "llama-7b-final", "llama-7b-last-v1", "llama-7b-v2"}) {
    CHECK(run_name(end, 900).is_guess());
    CHECK(is_named_by(run_name(end, 900), llama));
  }
  CHECK(run_name("llama-7b-final", 900).whole == "llama-7b");
  for (const char* other : {"llama-13b", "llama-7b-chat", "llama"}) {
    CHECK_FALSE(is_named_by(run_name(other, 900), llama));
  }
  CHECK_FALSE(is_named_by(run_name("llama-7b", 900), run_name("checkpoint-100", 100)));
}

TEST_CASE("a history keeps to one run", "[analysed][runs]") {
  using Ids = std::vector<std::string>;
  struct One {
    const char* id;
    std::int64_t step;
    const char* path = "/run/x";
  };
  const auto kept = [](const std::vector<One>& all, const std::string& like = "") {
    std::vector<Analysed> members;
    for (const One& one : all) {
      Provenance provenance = about(one.id, AnalysisKind::weights);
      provenance.training.step = one.step;
      provenance.checkpoint_path = one.path;
      members.push_back(analysed(provenance));
    }
    return kept_of(std::move(members), Prefer::latest, like);
  };
  // A single checkpoint is no run beside one, whatever its step.
  CHECK(kept({{"checkpoint-100", 100}, {"checkpoint-200", 200}, {"base", 60000}}) ==
        Ids{"checkpoint-100", "checkpoint-200"});
  CHECK(kept({{"rm", 500}, {"dpo", 900}, {"sft", 2000}}, "dpo") == Ids{"dpo"});
  CHECK(kept({{"rm", 500}, {"dpo", 900}, {"sft", 2000}}) == Ids{"sft"});
  // Ingredients go on from one first stage.
  const std::vector<One> olmo{
      {"stage1-step100-tokens1B", 100},           {"stage1-step900-tokens9B", 900},
      {"stage2-ingredient1-step10-tokens1B", 10}, {"stage2-ingredient1-step40-tokens4B", 40},
      {"stage2-ingredient2-step15-tokens1B", 15}, {"stage2-ingredient2-step30-tokens3B", 30}};
  const Ids first{olmo[0].id, olmo[1].id};
  CHECK(kept(olmo) == Ids{first[0], first[1], olmo[2].id, olmo[3].id});
  CHECK(kept(olmo, olmo[5].id) == Ids{first[0], first[1], olmo[4].id, olmo[5].id});
  CHECK(kept(olmo, first[1]) == first);
  // Names that are lawful in one run.
  for (const std::vector<One>& one :
       {std::vector<One>{{"checkpoint-100", 100}, {"checkpoint-200", 200}, {"final", 250}},
        {{"mixA-step100", 100}, {"mixA-step200", 200}, {"mixA-final", 250}},
        {{"stage1-step100", 100}, {"stage2-step50", 50}},
        {{"pretrain-stage1-step100", 100}, {"anneal-stage2-step50", 50}},
        {{"epoch0-step100", 100}, {"epoch0-step200", 200}, {"epoch1-step300", 300}},
        {{"part-1", 100}, {"part-2", 200}, {"part-3", 300}},
        // Moved to another folder, or gone on in it.
        {{"step100", 100, "/a/run7/step100"}, {"step200", 200, "/b/run8/step200"}},
        {{"step100", 100, "/run/step100/hf"}, {"step200", 200, "/run/step200/hf"}},
        // The same name of a folder in two places.
        {{"step100", 100, "/a/run/step100"},
         {"step200", 200, "/b/run/step200"},
         {"step300", 300, "/a/run/step300"}}}) {
    Ids all;
    for (const One& each : one) all.emplace_back(each.id);
    CHECK(kept(one) == all);
  }
  // Steps that interleave are not those of one run that was moved.
  CHECK(kept({{"step100", 100, "/a/step100"},
              {"step150", 150, "/b/step150"},
              {"step200", 200, "/a/step200"},
              {"step250", 250, "/b/step250"}}) == Ids{"step150", "step250"});
  // Copies go with what they are copies of; a copy that is asked for brings those like it.
  const std::vector<One> copies{
      {"step100", 100}, {"step100-ema", 100}, {"step200", 200}, {"step200-ema", 200}};
  CHECK(kept(copies) == Ids{"step100", "step200"});
  CHECK(kept(copies, "step200-ema") == Ids{"step100-ema", "step200-ema"});
  CHECK(kept({{"step100", 100}, {"step200", 200}, {"step200-int8", 200}}, "step200-int8") ==
        Ids{"step100", "step200-int8"});
  // The last of a run whose name has numbers, or in the folder of the run.
  const auto all_kept = [&](const std::vector<One>& all) {
    Ids ids;
    for (const One& one : all) ids.emplace_back(one.id);
    return kept(all) == ids;
  };
  for (const char* end : {"llama-7b-final", "llama-7b", "llama-7b-last-v1"}) {
    INFO(end);
    CHECK(all_kept({{"llama-7b-step100", 100}, {"llama-7b-step200", 200}, {end, 900}}));
    CHECK(all_kept({{"llama-7b-100", 100}, {"llama-7b-200", 200}, {end, 900}}));
  }
  CHECK(
      all_kept({{"qwen2-sft-step100", 100}, {"qwen2-sft-step200", 200}, {"qwen2-sft-final", 250}}));
  CHECK(all_kept({{"epoch=1-step=100", 100}, {"epoch=2-step=200", 200}, {"last-v1", 250}}));
  CHECK(all_kept({{"ep1-ba100-rank0", 100}, {"ep2-ba200-rank0", 200}, {"latest-rank0", 250}}));
  CHECK(all_kept({{"step100", 100}, {"step200", 200}, {"final_merged_checkpoint", 250}}));
  for (const char* name : {"my-sft", "my-llama3-sft"}) {
    const std::string folder = std::string("/hist/") + name;
    const std::string first_path = folder + "/checkpoint-100";
    const std::string second_path = folder + "/checkpoint-200";
    CHECK(all_kept({{"checkpoint-100", 100, first_path.c_str()},
                    {"checkpoint-200", 200, second_path.c_str()},
                    {name, 900, folder.c_str()}}));
  }
  // Each run has its own last one; other models are of none.
  const std::vector<One> sizes{{"m7-step100", 100}, {"m7-step300", 300}, {"m7-final", 400},
                               {"m9-step200", 200}, {"m9-step400", 400}, {"m9-final", 500}};
  CHECK(kept(sizes, "m7-final") == Ids{"m7-step100", "m7-step300", "m7-final"});
  CHECK(kept(sizes) == Ids{"m9-step200", "m9-step400", "m9-final"});
  CHECK(kept({{"checkpoint-100", 100}, {"checkpoint-200", 200}, {"llama-7b", 60000}}) ==
        Ids{"checkpoint-100", "checkpoint-200"});
  // Names that do not repeat tell nothing.
  CHECK(all_kept({{"3f1c9ab", 100}, {"0a1b2c3", 200}, {"77e0d41", 300}, {"1234567", 400}}));
  CHECK(all_kept({{"3f1c9ab", 100, "/a/3f1c9ab"}, {"0a1b2c3", 200, "/b/0a1b2c3"}}));
  CHECK(all_kept({{"runa-step100", 100}, {"runb-step200", 200}, {"runc-step300", 300}}));
}

TEST_CASE("the mode of an archive of another program is neither of the two", "[analysis]") {
  for (const Mode mode : {Mode::corrected, Mode::weightwatcher}) {
    CHECK(mode_of(mode_name(mode)) == mode);
  }
  CHECK_THROWS_AS(mode_name(Mode::other), Error);
  Provenance provenance;
  for (const char* name : {"", "corrected", "WeightWatcher", "weightwatcher2"}) {
    provenance.mode = name;
    CHECK((mode_of(name) == Mode::other) == (provenance.mode != "corrected"));
    CHECK_FALSE(is_compat(provenance));
  }
  provenance.mode = "weightwatcher";
  CHECK(is_compat(provenance));
}
