#pragma once

/// @file
/// Planted layers and runs for the tests of figures, and what stands where in a drawing.

#include <algorithm>
#include <cmath>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/analysis/history.hpp"

#include "figure/figure.hpp"
#include "support.hpp"

namespace wishart::test {

using report::Figure;

/// A layer of a block, with a planted alpha.
inline LayerRow in_block(const std::string& role, const std::string& stack, std::int64_t block,
                         double alpha, std::int64_t expert = -1) {
  LayerRow row = layer(stack + "." + std::to_string(block) + "." + role +
                           (expert < 0 ? "" : "." + std::to_string(expert)),
                       alpha);
  row.role = role;
  row.stack = stack;
  row.block = block;
  row.expert = expert;
  return row;
}

/// Three roles in four blocks, and a head.
inline std::vector<LayerRow> small_model() {
  std::vector<LayerRow> layers;
  for (std::int64_t block = 0; block < 4; ++block) {
    for (const char* role : {"attention.q", "mlp.up", "mlp.down"}) {
      layers.push_back(in_block(role, "model", block, 2 + static_cast<double>(layers.size()) / 4));
    }
  }
  layers.push_back(layer("lm_head.weight", 5.5));
  layers.back().role = "head";
  layers.back().block = -1;
  return layers;
}

inline const Figure& figure_of(const std::vector<Figure>& figures, const std::string& id) {
  const auto found = std::find_if(figures.begin(), figures.end(),
                                  [&](const Figure& figure) { return figure.id == id; });
  if (found == figures.end()) throw std::runtime_error("no figure " + id);
  return *found;
}

inline std::vector<std::string> ids_of(const std::vector<Figure>& figures) {
  std::vector<std::string> ids;
  for (const Figure& figure : figures) ids.push_back(figure.id);
  return ids;
}

/// The class of the element that stands for layer `i`.
inline std::string class_at(const std::string& svg, std::size_t i) {
  const std::size_t at = svg.find("data-i=\"" + std::to_string(i) + "\"");
  if (at == std::string::npos) return "";
  const std::size_t begin = svg.find("class=\"", svg.rfind('<', at)) + 7;
  return svg.substr(begin, svg.find('"', begin) - begin);
}

/// A coordinate of that element.
inline double place_at(const std::string& svg, std::size_t i, const std::string& name) {
  const std::size_t at = svg.find("data-i=\"" + std::to_string(i) + "\"");
  REQUIRE(at != std::string::npos);
  const std::string element = svg.substr(svg.rfind('<', at), at - svg.rfind('<', at));
  const std::size_t found = element.find(" " + name + "=\"");
  REQUIRE(found != std::string::npos);
  return std::stod(element.substr(found + name.size() + 3));
}

/// Each number of the drawing is inside of its box.
inline void check_inside(const std::string& svg) {
  std::smatch size;
  REQUIRE(std::regex_search(svg, size, std::regex("viewBox=\"0 0 ([0-9.]+) ([0-9.]+)\"")));
  const double width = std::stod(size[1]);
  const double height = std::stod(size[2]);
  std::size_t found = 0;
  const std::regex place(" (x|x1|x2|cx|y|y1|y2|cy)=\"(-?[0-9.]+)\"");
  for (std::sregex_iterator it(svg.begin(), svg.end(), place); it != std::sregex_iterator(); ++it) {
    const double value = std::stod((*it)[2]);
    CHECK(value >= 0);
    CHECK(value <= ((*it)[1].str().find('x') != std::string::npos ? width : height));
    ++found;
  }
  CHECK(found > 5);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf\"") == std::string::npos);
}

inline analysis::History run_of(const std::vector<CheckpointRecord>& records) {
  analysis::HistoryBuilder builder(2);
  for (const CheckpointRecord& record : records) builder.add(record);
  return builder.take();
}

inline std::vector<CheckpointRecord> small_run(int checkpoints) {
  std::vector<CheckpointRecord> records;
  for (int k = 0; k < checkpoints; ++k) {
    std::vector<LayerRow> layers = small_model();
    for (LayerRow& row : layers) row.alpha += 1.0 / (1 + k), row.log_norm = 2 + 0.1 * k;
    records.push_back(record_of(layers));
    records.back().provenance.checkpoint_id = "step-" + std::to_string(100 * k);
    records.back().provenance.training.step = 100 * k;
    records.back().provenance.training.loss = k == 2 ? 1.0 : 3.0 - 0.1 * k;
  }
  return records;
}

}  // namespace wishart::test
