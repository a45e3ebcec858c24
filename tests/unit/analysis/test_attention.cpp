/// @file
/// Which layers need attention: gravest first, worst first, each under every word of its warning.

#include <catch2/catch.hpp>

#include "wishart/analysis/attention.hpp"
#include "wishart/analysis/metric.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;

namespace {

LayerRow layer(const std::string& key, double alpha = 3.5, const std::string& warning = "") {
  LayerRow row = test::sample_layer(key);
  row.alpha = alpha;
  row.warning = warning;
  row.matrix_rank = 32;
  row.num_pl_spikes = 20;
  return row;
}

/// `warning: key key ...` of each group of warnings, or of remarks.
std::vector<std::string> groups_of(std::vector<LayerRow> layers, bool remarks = false) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i].layer_id = static_cast<std::int64_t>(i);
  }
  std::vector<std::string> texts;
  for (const AttentionGroup& group :
       remarks ? remarks_on(layers) : layers_that_need_attention(layers)) {
    std::string text = group.warning + ":";
    for (const LayerRow* row : group.layers) text += " " + row->key;
    texts.push_back(text);
    CHECK_FALSE(group.meaning.empty());
  }
  return texts;
}

LayerRow with_status(LayerRow row, const std::string& status) {
  row.status = status;
  return row;
}

}  // namespace

TEST_CASE("good layers need no attention", "[attention]") {
  CHECK(groups_of({}).empty());
  CHECK(groups_of({layer("a"), layer("b")}).empty());
}

TEST_CASE("warnings come gravest first", "[attention]") {
  CHECK(groups_of({layer("q", 3, "unusual"), layer("b", 3, "unlike-blocks"),
                   layer("l", 3, "like-noise"), layer("p", 3, "unlike-past"),
                   layer("s", 3, "small-tail"), layer("r", 3, "rank-collapse"),
                   with_status(layer("f", kNan, "fit-failed"), "failed"),
                   with_status(layer("n", kNan, "nonfinite"), "nonfinite"),
                   with_status(layer("e", kNan, "error"), "error"),
                   with_status(layer("t", kNan, "no-tail"), "no-tail")}) ==
        std::vector<std::string>{"error: e", "nonfinite: n", "fit-failed: f", "rank-collapse: r",
                                 "unlike-past: p", "like-noise: l", "unlike-blocks: b",
                                 "unusual: q"});
}

TEST_CASE("in a group the worst layer comes first, equals in their order", "[attention]") {
  LayerRow low = layer("low", 3, "rank-collapse");
  low.matrix_rank = 11;
  CHECK(groups_of({layer("high", 3, "rank-collapse"), low}) ==
        std::vector<std::string>{"rank-collapse: low high"});
  LayerRow one = with_status(layer("one", kNan, "nonfinite"), "nonfinite");
  one.num_nan = 1;
  LayerRow many = with_status(layer("many", kNan, "nonfinite"), "nonfinite");
  many.num_inf = 500;
  CHECK(groups_of({one, many}) == std::vector<std::string>{"nonfinite: many one"});
}

TEST_CASE("a layer with several warnings stands under each", "[attention]") {
  CHECK(groups_of({layer("a", 7, "small-tail;rank-collapse;unusual")}) ==
        std::vector<std::string>{"rank-collapse: a", "unusual: a"});
}

TEST_CASE("what only tells how to read alpha is a remark", "[attention]") {
  LayerRow few = layer("few", 3, "small-tail");
  few.num_pl_spikes = 11;
  const std::vector<LayerRow> layers{layer("more", 3, "small-tail"),
                                     few,
                                     with_status(layer("t", kNan, "no-tail"), "no-tail"),
                                     layer("a", 1.9),
                                     layer("b", 1.2),
                                     layer("c", 1.9),
                                     layer("d", 7),
                                     layer("e", 40),
                                     layer("f", 9)};
  CHECK(groups_of(layers).empty());
  CHECK(groups_of(layers, true) == std::vector<std::string>{"small-tail: few more", "no-tail: t",
                                                            "alpha < 2: b a c",
                                                            "alpha > 6: e f d"});
}

TEST_CASE("a failed fit is not over-trained, though WeightWatcher calls it so", "[attention]") {
  CHECK(groups_of({with_status(layer("a", -1, "over-trained"), "failed")}) ==
        std::vector<std::string>{"fit-failed: a"});
  CHECK(groups_of({with_status(layer("a", -1, "over-trained"), "failed")}, true).empty());
}

TEST_CASE("a warning is a whole word of the list", "[attention]") {
  CHECK(has_warning(layer("a", 3, "small-tail;fit-failed"), "fit-failed"));
  CHECK_FALSE(has_warning(layer("a", 3, "small-tail"), "small"));
  CHECK_FALSE(has_warning(layer("a", 3, ""), "small-tail"));
}
