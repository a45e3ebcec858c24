/// @file
/// The summary: which groups there are, in which order, and what counts.

#include <catch2/catch.hpp>

#include "wishart/fit/summary.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::fit;
using namespace wishart::test;

namespace {

LayerRow layer(const std::string& role, const std::string& stack, std::int64_t block, double alpha,
               std::int64_t num_params = 100) {
  LayerRow row;
  row.role = role;
  row.stack = stack;
  row.block = block;
  row.alpha = alpha;
  row.num_params = num_params;
  return row;
}

SummaryRow find(const std::vector<SummaryRow>& rows, const std::string& group_by,
                const std::string& group, const std::string& metric = "alpha") {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const SummaryRow& row) {
    return row.group_by == group_by && row.group == group && row.metric == metric;
  });
  REQUIRE(found != rows.end());
  return *found;
}

/// `group_by/group` of every group, in order.
std::vector<std::string> groups_of(const std::vector<SummaryRow>& rows) {
  std::vector<std::string> names;
  for (const SummaryRow& row : rows) {
    const std::string name = row.group_by + "/" + row.group;
    if (names.empty() || names.back() != name) names.push_back(name);
  }
  return names;
}

SummaryRow alphas(const std::vector<double>& values, bool weightwatcher = false) {
  std::vector<LayerRow> layers;
  for (const double value : values) layers.push_back(layer("other", "", -1, value));
  return find(summarize(layers, weightwatcher), "all", "all");
}

}  // namespace

TEST_CASE("groups are all, roles by name, blocks by number", "[summary]") {
  const std::vector<LayerRow> layers{
      layer("mlp.up", "model.layers", 10, 3),     layer("head", "", -1, 2),
      layer("attention.q", "model.layers", 2, 4), layer("mlp.up", "model.layers", 2, 5),
      layer("mlp.up", "encoder", 0, 5),           layer("other", "", 7, 5)};
  CHECK(groups_of(summarize(layers, false)) ==
        std::vector<std::string>{"all/all", "role/attention.q", "role/head", "role/mlp.up",
                                 "role/other", "block/7", "block/encoder.0", "block/model.layers.2",
                                 "block/model.layers.10"});
}

TEST_CASE("the order of the layers does not change the summary's groups", "[summary]") {
  std::vector<LayerRow> layers;
  for (std::int64_t block = 0; block < 12; ++block) {
    layers.push_back(layer("mlp.up", "m", block, static_cast<double>(block)));
    layers.push_back(layer("mlp.down", "m", block, 1));
  }
  const auto forward = groups_of(summarize(layers, false));
  std::reverse(layers.begin(), layers.end());
  CHECK(groups_of(summarize(layers, false)) == forward);
}

TEST_CASE("every group has every metric, in the same order", "[summary]") {
  const std::vector<std::string> expected{"alpha",          "D",
                                          "sigma",          "num_pl_spikes",
                                          "alpha_weighted", "log_alpha_norm",
                                          "log_norm",       "log_spectral_norm",
                                          "stable_rank",    "matrix_rank",
                                          "entropy",        "mp_softrank",
                                          "alpha_hill"};
  const std::vector<LayerRow> layers{layer("head", "", -1, 2), layer("mlp.up", "m", 0, 3)};
  const std::vector<SummaryRow> rows = summarize(layers, false);
  REQUIRE(rows.size() == 4 * expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].metric == expected[i % expected.size()]);
  }
}

TEST_CASE("the statistics of 1, 2, 3, 10 are known", "[summary]") {
  const SummaryRow row = alphas({10, 1, 3, 2});
  CHECK(row.count == 4);
  CHECK(row.excluded == 0);
  CHECK(row.mean == 4);
  CHECK(row.median == 2.5);
  CHECK(row.std == Approx(std::sqrt(50.0 / 3)).epsilon(4 * kEps));
  CHECK(row.min == 1);
  CHECK(row.max == 10);
  CHECK(alphas({10, 1, 3}).median == 3);
}

TEST_CASE("one layer has no standard deviation", "[summary]") {
  const SummaryRow row = alphas({3.5});
  CHECK(row.count == 1);
  CHECK(row.mean == 3.5);
  CHECK(row.median == 3.5);
  CHECK(row.min == 3.5);
  CHECK(row.max == 3.5);
  CHECK(std::isnan(row.std));
}

TEST_CASE("without layers there is the group of all, with nothing in it", "[summary]") {
  const std::vector<SummaryRow> rows = summarize({}, false);
  CHECK(groups_of(rows) == std::vector<std::string>{"all/all"});
  for (const SummaryRow& row : rows) {
    CHECK(row.count == 0);
    CHECK(row.excluded == 0);
    CHECK(std::isnan(row.mean));
    CHECK(std::isnan(row.median));
    CHECK(std::isnan(row.min));
    CHECK(std::isnan(row.max));
    CHECK(std::isnan(row.weighted_mean));
  }
}

TEST_CASE("NaN and infinities stay out and are counted", "[summary]") {
  const SummaryRow row = alphas({2, kNan, kInf, 4, -kInf});
  CHECK(row.count == 2);
  CHECK(row.excluded == 3);
  CHECK(row.mean == 3);
  CHECK(row.max == 4);
  const SummaryRow none = alphas({kNan, kNan});
  CHECK(none.count == 0);
  CHECK(none.excluded == 2);
  CHECK(std::isnan(none.mean));
}

TEST_CASE("compat means take in the -1 of failed fits and infinities, as pandas' mean does",
          "[summary]") {
  CHECK(alphas({3, -1, kNan}, true).mean == 1);
  CHECK(alphas({3, -1, kNan}, true).excluded == 1);
  CHECK(alphas({3, kInf}, true).mean == kInf);
  CHECK(alphas({3, kInf}, true).count == 2);
}

TEST_CASE("counts that are not known stay out", "[summary]") {
  LayerRow known = layer("other", "", -1, 2);
  known.num_pl_spikes = 40;
  known.matrix_rank = 0;
  LayerRow unknown = layer("other", "", -1, kNan);
  const std::vector<LayerRow> layers{known, unknown};
  const std::vector<SummaryRow> rows = summarize(layers, false);
  CHECK(find(rows, "all", "all", "num_pl_spikes").mean == 40);
  CHECK(find(rows, "all", "all", "num_pl_spikes").excluded == 1);
  CHECK(find(rows, "all", "all", "matrix_rank").mean == 0);
  CHECK(find(rows, "all", "all", "matrix_rank").count == 1);
}

TEST_CASE("the weighted mean counts parameters, of layers with a value only", "[summary]") {
  const std::vector<LayerRow> layers{layer("a", "", -1, 2, 300), layer("a", "", -1, 6, 100),
                                     layer("a", "", -1, kNan, 1'000'000)};
  const SummaryRow row = find(summarize(layers, false), "role", "a");
  CHECK(row.mean == 4);
  CHECK(row.weighted_mean == 3);
  CHECK(row.excluded == 1);
}

TEST_CASE("the groups of roles and of blocks hold every layer once", "[summary]") {
  Uniform uniform(5);
  std::vector<LayerRow> layers;
  std::int64_t in_blocks = 0;
  for (int i = 0; i < 200; ++i) {
    const auto block = static_cast<std::int64_t>(9 * uniform()) - 1;
    const std::string role(1, static_cast<char>('a' + static_cast<int>(5 * uniform())));
    layers.push_back(layer(role, "m", block, uniform() < 0.1 ? kNan : uniform()));
    in_blocks += block >= 0 ? 1 : 0;
  }
  std::int64_t by_role = 0;
  std::int64_t by_block = 0;
  for (const SummaryRow& row : summarize(layers, false)) {
    if (row.metric != "alpha") continue;
    if (row.group_by == "role") by_role += row.count + row.excluded;
    if (row.group_by == "block") by_block += row.count + row.excluded;
    CHECK(row.min <= row.median);
    CHECK(row.median <= row.max);
    CHECK(row.mean >= row.min);
    CHECK(row.mean <= row.max);
  }
  CHECK(by_role == 200);
  CHECK(by_block == in_blocks);
}
