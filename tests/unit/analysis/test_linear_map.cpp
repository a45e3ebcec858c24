/// @file
/// Columns mapped to a number for each layer.

#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/analysis/linear_map.hpp"
#include "wishart/core/error.hpp"
#include "wishart/record/fit_counts.hpp"

using namespace wishart;
using namespace wishart::analysis;

namespace {

std::vector<LayerRow> with_alphas(const std::vector<double>& alphas) {
  std::vector<LayerRow> layers(alphas.size());
  for (std::size_t i = 0; i < alphas.size(); ++i) {
    layers[i].status = kFitted;
    layers[i].alpha = alphas[i];
  }
  return layers;
}

std::string refusal(std::string_view text) {
  try {
    (void)parse_linear_map(text, "--map");
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::usage);
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("the smallest value maps to the first end, the largest to the second", "[map]") {
  const auto layers = with_alphas({3, 2, 6, kNan, 4});
  const std::vector<double> up = mapped_values(layers, {"alpha", 0.5, 1.5});
  CHECK(up[0] == 0.75);
  CHECK(up[1] == 0.5);
  CHECK(up[2] == 1.5);
  CHECK(std::isnan(up[3]));
  CHECK(up[4] == 1);
  CHECK(mapped_values(layers, {"alpha", 1.5, 0.5})[0] == 1.25);
}

TEST_CASE("values outside of given ends count as the ends", "[map]") {
  const std::vector<double> values =
      mapped_values(with_alphas({1, 2, 3, 6, 40}), {"alpha", 0, 1, 2, 6});
  CHECK(values == std::vector<double>{0, 0, 0.25, 1, 1});
}

TEST_CASE("equal values map to the middle", "[map]") {
  CHECK(mapped_values(with_alphas({3, 3}), {"alpha", 1, 2}) == std::vector<double>{1.5, 1.5});
}

TEST_CASE("unknown counts have no value", "[map]") {
  std::vector<LayerRow> layers(2);
  layers[0].matrix_rank = 5;
  const std::vector<double> values = mapped_values(layers, {"matrix_rank", 1, 2});
  CHECK(values[0] == 1.5);
  CHECK(std::isnan(values[1]));
}

TEST_CASE("maps are parsed, others are refused with what was found", "[map]") {
  const LinearMap map = parse_linear_map("stable_rank:1e-3:-2:10:20.5", "--map");
  CHECK(map.column == "stable_rank");
  CHECK(map.low == 1e-3);
  CHECK(map.high == -2);
  CHECK(map.from == 10);
  CHECK(map.to == 20.5);
  CHECK(std::isnan(parse_linear_map("alpha:0:1", "--map").from));
  for (const char* bad : {"alpha", "alpha:1", "alpha:1:x", "alpha:1:2:3", "alpha:1:2:4:3",
                          "alpha:1:nan", "alpha:inf:1", "alpha:1:2:3:3", "", "alpha: 1:2"}) {
    CAPTURE(bad);
    CHECK(refusal(bad) ==
          "--map: expected COLUMN:LOW:HIGH or COLUMN:LOW:HIGH:FROM:TO with numbers and FROM < TO, "
          "such as alpha:0.5:1.5, found '" +
              std::string(bad) + "'");
  }
  CHECK(refusal("alpa:1:2") ==
        "--map: unknown metric 'alpa'. Did you mean 'alpha'? It is a column of the layer table "
        "(docs/metrics.md)");
}
