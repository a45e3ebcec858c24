#pragma once

/// @file
/// Maps a column of the layer table to a number for each layer, as recipes for learning rates,
/// sparsity, weight decay and merging do.

#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// `from` maps to `low`, `to` to `high`, linearly in between; values outside count as the nearer
/// end. If the ends are NaN, they are the smallest and the largest value of the layers: then this
/// is the map of TempBalance (Zhou et al., NeurIPS 2023, eq. 3) and of AlphaPruning (Lu et al.,
/// NeurIPS 2024, eq. 3), up to their factors.
struct LinearMap {
  std::string column;
  double low = 0;
  double high = 1;
  double from = kNan;
  double to = kNan;
};

/// `COLUMN:LOW:HIGH` or `COLUMN:LOW:HIGH:FROM:TO`, with finite numbers and FROM < TO. LOW may be
/// above HIGH.
/// @throws Error with Blame::usage that names `option`; also for a column that does not exist
[[nodiscard]] LinearMap parse_linear_map(std::string_view text, const std::string& option);

/// The mapped value of each layer; NaN for a layer without a value in the column. If all layers
/// have the same value and no ends are given, the middle of `low` and `high`.
[[nodiscard]] std::vector<double> mapped_values(const std::vector<LayerRow>& layers,
                                                const LinearMap& map);

}  // namespace wishart::analysis
