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

std::vector<std::string> kept_of(std::vector<Analysed> all) {
  (void)take_apart(all, [](const Analysed& one) { return one; });
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
  std::vector<Analysed> many{{"d", AnalysisKind::difference, "/a\nb"},
                             {"e", AnalysisKind::adapter, ""}};
  const std::string head =
      "Left out, because only whole weights are compared here: "
      "d (difference to /a\\x0ab), e (adapter alone)";
  CHECK(left_out_text(many) == head + ". For a report on one of them, use --checkpoint ID.");
  for (int i = 0; i < 6; ++i) many.push_back(many[1]);
  CHECK(left_out_text(many) == head +
                                   ", e (adapter alone), e (adapter alone), e (adapter alone), and "
                                   "3 more. For a report on one of them, use --checkpoint ID.");
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
