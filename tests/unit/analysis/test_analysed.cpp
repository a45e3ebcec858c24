/// @file
/// Whole models and changes of weights are kept apart.

#include <catch2/catch.hpp>

#include "wishart/analysis/analysed.hpp"
#include "wishart/analysis/history.hpp"

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
