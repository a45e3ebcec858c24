#pragma once

/// @file
/// The columns of the layer table as numbers by name.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// The names of all columns with numbers or booleans, in the order of the table, then `failed`,
/// then the percentiles of usual.hpp.
[[nodiscard]] std::vector<std::string> metric_names();

/// The value of a metric of a layer. Unknown counts (-1) are NaN, and so is what comes from a power
/// law where none was fitted (`is_fitted`); booleans are 0 or 1. `failed` is
/// 1 if the status is neither `success` nor `no-tail`. `warning.WORD` is 1 if the layer has that
/// warning (warnings.hpp); `warning.over-trained` is 1 if alpha < 2, `warning.under-trained` if
/// alpha > 6, in every mode.
/// @throws Error with Blame::usage that suggests a similar metric, or lists the warnings
[[nodiscard]] double metric_value(const LayerRow& row, const std::string& metric);

/// The standard error of alpha: from its bootstrap interval if there is one, else `sigma`, (alpha -
/// 1) / sqrt(tail). NaN without a fit.
[[nodiscard]] double alpha_error(const LayerRow& row) noexcept;

/// The words of the column `warning` that hold, and those that the status says: in compat mode the
/// column has only WeightWatcher's two words, also `over-trained` for the alpha of -1 of a layer
/// whose fit failed.
[[nodiscard]] std::vector<std::string> warning_words(const LayerRow& row);

/// True if `warning` is one of `warning_words`.
[[nodiscard]] bool has_warning(const LayerRow& row, const std::string& warning);

/// Mean of the finite values, and the standard error of that mean (NaN for fewer than two).
struct Mean {
  double value = kNan;
  double error = kNan;
  std::int64_t count = 0;
};
[[nodiscard]] Mean mean_of(const std::vector<double>& values);
/// The median of the finite values; NaN without any.
[[nodiscard]] double median_of(std::vector<double> values);

/// The values of a metric for all layers, in order.
[[nodiscard]] std::vector<double> column(const std::vector<LayerRow>& layers,
                                         const std::string& metric);

}  // namespace wishart::analysis
