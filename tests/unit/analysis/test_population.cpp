#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/analysis/population.hpp"
#include "wishart/analysis/ranking.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using test::sample_layer;

TEST_CASE("all metrics that rank can order by are known, except three", "[population]") {
  int known = 0;
  for (const RankMetric& metric : rank_metrics()) {
    const std::string name = metric.name;
    const bool none = name == "mp_softrank" || name == "entropy" || name == "alpha_hill";
    CHECK((worth_of(name) == nullptr) == none);
    known += none ? 0 : 1;
  }
  CHECK(known == 7);
  for (const Worth& worth : worths()) {
    for (const Rho* rho : {&worth.all, &worth.fixed, &worth.shape, &worth.change}) {
      CHECK(rho->low <= rho->value);
      CHECK(rho->value <= rho->high);
      CHECK(rho->models > 100);
    }
  }
}

TEST_CASE("mean alpha does not order models of one shape", "[population]") {
  const Worth* alpha = worth_of("alpha");
  REQUIRE(alpha != nullptr);
  CHECK(alpha->all.value == Approx(0.25).margin(0.005));
  CHECK(alpha->fixed.value == Approx(0.32).margin(0.005));
  CHECK(alpha->shape.value == Approx(-0.07).margin(0.005));
  CHECK(alpha->all.models == 1946);
  CHECK(is_worth_nothing(*alpha));
  const Worth* below = worth_of("share_below_2");
  REQUIRE(below != nullptr);
  CHECK(below->shape.value == Approx(-0.21).margin(0.005));
  CHECK_FALSE(is_worth_nothing(*below));
}

TEST_CASE("half of the derived models move mean alpha by less than 0.02", "[population]") {
  CHECK(change_percentile("alpha", 0.02025) == Approx(50));
  CHECK(change_percentile("alpha", -0.02025) == Approx(50));
  CHECK(change_percentile("alpha", 0.19342) == Approx(90));
  CHECK(change_percentile("alpha", 5) == 99);
  CHECK(std::isnan(change_percentile("D", 0.1)));
}

TEST_CASE("a change is that of the mean over pairs, embeddings and head left out", "[population]") {
  LayerRow a = sample_layer("a.mlp");
  LayerRow b = a;
  b.alpha = 3.3;
  LayerRow head = a;
  head.role = "head";
  LayerRow other_head = head;
  other_head.alpha = 9;
  LayerRow embedding = a;
  embedding.role = "embedding.token";
  LayerRow no_tail = a;
  no_tail.alpha = kNan;
  const std::vector<LayerPair> pairs{
      {&a, &b},      {&head, &other_head}, {&embedding, &b},        {&a, &no_tail},
      {nullptr, &b}, {&a, nullptr},        {&embedding, &embedding}};
  const std::vector<UsualChange> changes = usual_changes(pairs);
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].metric == "alpha");
  CHECK(changes[0].layers == 2);  // B's role counts
  CHECK(changes[0].change == Approx(0.3));
  CHECK(changes[0].percentile > 90);
  CHECK(changes[0].text ==
        "Without embeddings and head, the mean alpha rose by 0.3, more than in 91 % of 1680 "
        "derived models (half of them change "
        "by less than 0.02, a tenth by more than 0.19).");
  CHECK(changes[1].metric == "log_norm");
  CHECK(changes[1].layers == 3);
  CHECK(changes[1].text == "Without embeddings and head, the mean log_norm did not change.");
  LayerRow difference = b;
  difference.weights.base_norm = 1;
  CHECK(usual_changes(std::vector<LayerPair>{{&a, &difference}}).empty());
  CHECK(usual_changes(std::vector<LayerPair>{}).empty());
}

TEST_CASE("a small change is said to be small", "[population]") {
  const auto text_of = [](double alpha) {
    LayerRow a = sample_layer("a.mlp");
    LayerRow b = a;
    b.alpha = alpha;
    return usual_changes({a}, {b}).front().text;
  };
  CHECK(text_of(2.998) ==
        "Without embeddings and head, the mean alpha fell by 0.002, less than in 87 % of 1680 "
        "derived models (half of them "
        "change by less than 0.02, a tenth by more than 0.19).");
  CHECK(text_of(3.02).find(", about the median of 1680 derived models (") != std::string::npos);
}

TEST_CASE("layers of two checkpoints are paired by key and shape", "[population]") {
  LayerRow a = sample_layer("a.mlp");
  LayerRow other = sample_layer("b.mlp");
  LayerRow reshaped = sample_layer("c.mlp");
  LayerRow b = a;
  b.alpha = 4;
  LayerRow other_shape = reshaped;
  other_shape.rows = 9;
  const auto changes = usual_changes({a, other, reshaped}, {other_shape, b});
  REQUIRE_FALSE(changes.empty());
  CHECK(changes[0].layers == 1);
  CHECK(changes[0].change == 1);
}

TEST_CASE("the worth of an order in words", "[population]") {
  CHECK(worth_text("alpha") ==
        "Among models of the same shape this order is worth nothing: Spearman's rho of alpha "
        "against a public leaderboard is -0.07 (-0.14 to +0.01) over 1566 models in 21 groups of "
        "one shape, indistinguishable from 0. Across shapes it follows the size as well as the "
        "quality: over 1946 models of all sizes it is +0.25 (+0.21 to +0.29), with the number of "
        "parameters held fixed +0.32 (+0.28 to +0.36).");
  CHECK(worth_text("share_below_2").starts_with("Spearman's rho of share_below_2 against "));
  CHECK(worth_text("alpha_hill") ==
        "It is not known how alpha_hill follows the quality of models.");
}

TEST_CASE("a change within rounding is none", "[population]") {
  const std::vector<LayerRow> a{sample_layer("a"), sample_layer("b")};
  std::vector<LayerRow> b = a;
  for (LayerRow& row : b) row.alpha *= 1 + 2e-16, row.log_norm *= 1 - 1e-12;
  REQUIRE(b[0].alpha != a[0].alpha);
  const std::vector<UsualChange> changes = usual_changes(a, b);
  REQUIRE_FALSE(changes.empty());
  for (const UsualChange& change : changes) {
    CHECK(change.text ==
          "Without embeddings and head, the mean " + change.metric + " did not change.");
  }
}
