#include <catch2/catch.hpp>

#include "wishart/analysis/ranking.hpp"
#include "wishart/analysis/verdict.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;

namespace {

/// A model whose layers all have this alpha.
Model planted(const std::string& name, std::int64_t layers, double alpha) {
  std::vector<LayerRow> rows;
  for (std::int64_t i = 0; i < layers; ++i) {
    rows.push_back(test::sample_layer("l" + std::to_string(i)));
    rows.back().alpha = alpha;
  }
  return model_of(name, rows);
}

const FollowRow& row_of(const Following& following, const std::string& group) {
  for (const FollowRow& row : following.rows) {
    if (row.metric == "alpha" && row.group == group) return row;
  }
  FAIL("no row of " << group);
  return following.rows.front();
}

}  // namespace

TEST_CASE("a model has the means of its layers and their errors", "[rank]") {
  std::vector<LayerRow> rows{test::sample_layer("a"), test::sample_layer("b")};
  rows[0].alpha = 2;
  rows[1].alpha = 4;
  const Model model = model_of("m", rows);
  CHECK(model.depth == 2);
  CHECK(model.values[0] == 3);
  CHECK(model.errors[0] == 1);  // sd sqrt(2), over sqrt(2)
  CHECK(model.values.size() == rank_metrics().size());
}

TEST_CASE("a planted correlation is found, with the metric that carries it", "[rank]") {
  std::vector<Model> models;
  std::vector<Score> scores;
  for (int i = 0; i < 8; ++i) {
    models.push_back(planted("m" + std::to_string(i), 3, 2 + 0.3 * i));
    scores.push_back({"m" + std::to_string(i), 90.0 - i, ""});
  }
  scores.push_back({"nobody", 1, ""});
  const Following following = follow(models, scores);
  CHECK(row_of(following, "all").spearman == Approx(-1).epsilon(1e-12));
  CHECK(row_of(following, "all").kendall == Approx(-1).epsilon(1e-12));
  CHECK(row_of(following, "all").models == 8);
  // Fisher's interval has no width at -1, which would be certainty.
  CHECK(std::isnan(row_of(following, "all").spearman_low));
  CHECK(std::isnan(row_of(following, "all").kendall_high));
  CHECK(following.best.metric == "alpha");
  CHECK(following.best.basis == "all");
  CHECK(following.unmatched == std::vector<std::string>{"nobody"});
}

TEST_CASE("Simpson's paradox is shown: groups say the opposite of the whole", "[rank]") {
  // Within each depth the score falls with alpha; deeper models have larger alphas and scores.
  std::vector<Model> models;
  std::vector<Score> scores;
  for (int depth = 1; depth <= 3; ++depth) {
    for (int i = 0; i < 6; ++i) {
      const std::string name = "d" + std::to_string(depth) + "-" + std::to_string(i);
      models.push_back(planted(name, depth * 2, 2 + depth + 0.1 * i));
      scores.push_back({name, 60.0 + 10 * depth - i, ""});
    }
  }
  const Following following = follow(models, scores);
  CHECK(row_of(following, "all").spearman > 0.5);
  CHECK(row_of(following, "within").spearman < -0.9);
  CHECK(row_of(following, "all").reversed_within);
  CHECK(row_of(following, "4 matrices").spearman == Approx(-1).epsilon(1e-12));
  CHECK(following.best.basis == "within");
}

TEST_CASE("groups of the scores win over those by depth", "[rank]") {
  std::vector<Model> models;
  std::vector<Score> scores;
  for (int i = 0; i < 10; ++i) {
    models.push_back(planted("m" + std::to_string(i), 3, 2 + 0.1 * i));
    scores.push_back({"m" + std::to_string(i), double(i % 5), i < 5 ? "old" : "new"});
  }
  const Following following = follow(models, scores);
  CHECK(row_of(following, "old").models == 5);
  CHECK(row_of(following, "within").spearman > 0.99);
  CHECK_FALSE(row_of(following, "all").reversed_within);
}

TEST_CASE("too few scores say nothing", "[rank]") {
  const std::vector<Model> models{planted("a", 2, 3), planted("b", 2, 4)};
  const Following following = follow(models, {{"a", 1, ""}, {"b", 2, ""}});
  CHECK(std::isnan(row_of(following, "all").spearman));
  CHECK(following.best.metric.empty());
}

TEST_CASE("the words of a column's name tell losses from scores", "[rank]") {
  for (const char* name :
       {"loss", "eval_loss", "Val-PPL", "perplexity", "nll", "bpb", "test.wer", "wer2",
        "word_perplexity,none", "bits_per_byte,none", "cross_entropy", "error_rate", "top1_err",
        "ppl_c4", "val_ppl", "evalLoss", "valloss", "negative_log_likelihood"}) {
    CAPTURE(name);
    CHECK(is_lower_better(name) == true);
  }
  for (const char* name : {"score", "accuracy", "acc_norm,none", "exact_match_f1", "neg_loss",
                           "win-rate", "mc1_acc", "meanScore"}) {
    CAPTURE(name);
    CHECK(is_lower_better(name) == false);
  }
  for (const char* name : {"", "lossless", "ppl_rank", "value", "hellaswag", "loss_reduction",
                           "score_error", "toxicity_score", "acc_stderr,none", "mmlu_4bits"}) {
    CAPTURE(name);
    CHECK_FALSE(is_lower_better(name).has_value());
  }
}

TEST_CASE("checkpoints of one run are known by their names and steps", "[rank]") {
  std::vector<Model> models;
  std::vector<Score> scores;
  for (int i = 1; i <= 3; ++i) {
    const std::string name = "checkpoint-" + std::to_string(100 * i);
    models.push_back(planted(name, 3, 2 + 0.3 * i));
    models.back().about.step = 100 * i;
    scores.push_back({name, 3.0 - i, ""});
  }
  CHECK(follow(models, scores).of_runs);
  models.push_back(planted("other", 3, 4));  // without a score it does not matter
  CHECK(follow(models, scores).of_runs);
  // The base of the run beside it, in whatever group, makes no population.
  scores.push_back({"other", 1, ""});
  CHECK(follow(models, scores).of_runs);
  for (int i = 0; i < 3; ++i) scores[static_cast<std::size_t>(i)].group = "run";
  scores.back().group = "others";
  CHECK(follow(models, scores).of_runs);
  for (const char* name : {"p", "q"}) {
    models.push_back(planted(name, 3, 5));
    scores.push_back({name, 2, "others"});
  }
  CHECK_FALSE(follow(models, scores).of_runs);  // half of them
  CHECK_FALSE(follow(models, {}).of_runs);
}

TEST_CASE("models that are not finite come last, and it is said", "[rank]") {
  std::vector<Model> models{planted("good", 3, 3), planted("none", 3, kNan), planted("nan", 3, 2),
                            planted("best", 3, 2.5)};
  models[2].nonfinite = 1;
  CHECK(nonfinite_text({models[0], models[1]}).empty());
  put_in_order(models, 0);
  std::vector<std::string> names;
  for (const Model& model : models) names.push_back(model.name);
  CHECK(names == std::vector<std::string>{"best", "good", "none", "nan"});
  const std::string text =
      "Do not use nan, placed last whatever the metric: it holds NaN or infinite weights, in 1 of "
      "3 matrices.";
  CHECK(nonfinite_text(models) == text);
  const Verdict verdict = verdict_of(models, 0, {});
  CHECK(verdict.sentence.starts_with("best comes first by alpha"));
  CHECK(verdict.reasons.at(0).text == text);
  models = {models[3], models[3]};
  CHECK(verdict_of(models, 0, {}).level == Level::bad);
  CHECK(nonfinite_text(models).starts_with("Do not use nan and 1 more, placed last"));
  std::vector<LayerRow> rows{test::sample_layer("a"), test::sample_layer("b")};
  rows[1].num_nan = 1;
  CHECK(model_of("m", rows).nonfinite == 1);
}
