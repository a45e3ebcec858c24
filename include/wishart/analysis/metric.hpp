#pragma once

/// @file
/// The columns of the layer table as numbers, by name.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// The names of all columns that hold numbers or truth values, in the order of the table, then
/// `failed`.
[[nodiscard]] std::vector<std::string> metric_names();

/// The value of a layer's column: counts that are not known (-1) are NaN, truth values 0 or 1.
/// `failed` is 1 if the status is neither `success` nor `no-tail`, `warning.WORD` is 1 if the layer
/// has that warning.
/// @throws Error with Blame::usage that names the nearest metric
[[nodiscard]] double metric_value(const LayerRow& row, const std::string& metric);

/// The standard error of alpha: from its bootstrap interval of 95 % where there is one, else
/// `sigma`, (alpha - 1) / sqrt(tail). NaN without a fit.
[[nodiscard]] double alpha_error(const LayerRow& row) noexcept;

/// True if `warning` is among the words of the layer's warning.
[[nodiscard]] bool has_warning(const LayerRow& row, const std::string& warning);

/// Mean of what is finite, and the standard error of that mean (NaN for fewer than two).
struct Mean {
  double value = kNan;
  double error = kNan;
  std::int64_t count = 0;
};
[[nodiscard]] Mean mean_of(const std::vector<double>& values);
/// NaN if nothing is finite.
[[nodiscard]] double median_of(std::vector<double> values);

/// A metric over all layers of a checkpoint, in their order.
[[nodiscard]] std::vector<double> column(const std::vector<LayerRow>& layers,
                                         const std::string& metric);

}  // namespace wishart::analysis
