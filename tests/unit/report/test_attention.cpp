/// @file
/// Which layers need attention: gravest first, worst first, each under every word of its warning.

#include <catch2/catch.hpp>

#include "wishart/analysis/metric.hpp"

#include "attention.hpp"
#include "support.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

/// `warning: key key ...` of each group.
std::vector<std::string> groups_of(std::vector<LayerRow> layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i].layer_id = static_cast<std::int64_t>(i);
  }
  std::vector<std::string> texts;
  for (const AttentionGroup& group : layers_that_need_attention(layers)) {
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
  CHECK(groups_of({layer("s", 3, "small-tail"), layer("u", 7, "under-trained"),
                   layer("o", 1.5, "over-trained"), layer("r", 3, "rank-collapse"),
                   with_status(layer("f", kNan, "fit-failed"), "failed"),
                   with_status(layer("n", kNan, "nonfinite"), "nonfinite"),
                   with_status(layer("e", kNan, "error"), "error"),
                   with_status(layer("t", kNan, "no-tail"), "no-tail")}) ==
        std::vector<std::string>{"error: e", "nonfinite: n", "fit-failed: f", "rank-collapse: r",
                                 "over-trained: o", "under-trained: u", "small-tail: s",
                                 "no-tail: t"});
}

TEST_CASE("in a group the worst layer comes first, equals in their order", "[attention]") {
  CHECK(groups_of({layer("a", 1.9, "over-trained"), layer("b", 1.2, "over-trained"),
                   layer("c", 1.9, "over-trained")}) ==
        std::vector<std::string>{"over-trained: b a c"});
  CHECK(groups_of({layer("a", 7, "under-trained"), layer("b", 40, "under-trained"),
                   layer("c", 9, "under-trained")}) ==
        std::vector<std::string>{"under-trained: b c a"});
  LayerRow few = layer("few", 3, "small-tail");
  few.num_pl_spikes = 11;
  CHECK(groups_of({layer("more", 3, "small-tail"), few}) ==
        std::vector<std::string>{"small-tail: few more"});
  LayerRow one = with_status(layer("one", kNan, "nonfinite"), "nonfinite");
  one.num_nan = 1;
  LayerRow many = with_status(layer("many", kNan, "nonfinite"), "nonfinite");
  many.num_inf = 500;
  CHECK(groups_of({one, many}) == std::vector<std::string>{"nonfinite: many one"});
}

TEST_CASE("a layer with several warnings stands under each", "[attention]") {
  CHECK(groups_of({layer("a", 7, "under-trained;small-tail")}) ==
        std::vector<std::string>{"under-trained: a", "small-tail: a"});
}

TEST_CASE("a failed fit is not over-trained, though WeightWatcher calls it so", "[attention]") {
  CHECK(groups_of({with_status(layer("a", -1, "over-trained"), "failed")}) ==
        std::vector<std::string>{"fit-failed: a"});
}

TEST_CASE("a warning is a whole word of the list", "[attention]") {
  CHECK(analysis::has_warning(layer("a", 3, "small-tail;fit-failed"), "fit-failed"));
  CHECK_FALSE(analysis::has_warning(layer("a", 3, "small-tail"), "small"));
  CHECK_FALSE(analysis::has_warning(layer("a", 3, ""), "small-tail"));
}
