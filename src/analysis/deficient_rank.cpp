#include "deficient_rank.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>

#include "wishart/analysis/warnings.hpp"
#include "wishart/record/adapter.hpp"

namespace wishart::analysis {
namespace {

/// A rank is deficient if it is below this share of the singular values while others of the shape
/// have at least the other share. Not all of them: weights whose rows were centred lack one.
constexpr double kDeficient = 0.95;
constexpr double kFull = 0.99;

bool has_own_rank(const LayerRow& row) {
  return row.has_esd && row.matrix_rank > 0 && row.num_evals > 0 &&
         !row.role.starts_with("embedding") && row.role != "head" && !is_adapter_alone(row.dtype) &&
         !std::isfinite(row.weights.base_norm);
}

struct OfShape {
  std::size_t full = 0;
  std::vector<std::size_t> deficient;
};

}  // namespace

std::vector<DeficientRank> deficient_ranks(const std::vector<LayerRow>& layers) {
  std::map<std::array<std::int64_t, 3>, OfShape> shapes;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerRow& row = layers[i];
    if (!has_own_rank(row)) continue;
    OfShape& of_shape = shapes[{row.N, row.M, row.num_evals}];
    const double share = static_cast<double>(row.matrix_rank) / static_cast<double>(row.num_evals);
    of_shape.full += share >= kFull ? 1 : 0;
    if (share < kDeficient) of_shape.deficient.push_back(i);
  }
  std::vector<DeficientRank> found;
  for (const auto& [shape, of_shape] : shapes) {
    if (of_shape.full < kFewestPeers || of_shape.full < of_shape.deficient.size()) continue;
    for (const std::size_t i : of_shape.deficient) {
      const LayerRow& row = layers[i];
      found.push_back({i, std::to_string(row.num_evals - row.matrix_rank) + " of " +
                              std::to_string(row.num_evals) +
                              " singular values are zero, at most 1 % of those of " +
                              std::to_string(of_shape.full) + " others of its shape"});
    }
  }
  return found;
}

}  // namespace wishart::analysis
