#include "alpha_text.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/record/fit_counts.hpp"

#include "text/numbers.hpp"

namespace wishart::report {
namespace {

bool has_interval(const LayerRow& row) {
  return std::isfinite(row.alpha_low) && std::isfinite(row.alpha_high);
}

/// Half of the interval, or the standard error.
double uncertainty(const LayerRow& row) {
  return has_interval(row) ? (row.alpha_high - row.alpha_low) / 2 : row.sigma;
}

bool any_interval(const std::vector<LayerRow>& layers) {
  return std::any_of(layers.begin(), layers.end(), has_interval);
}

bool any_without(const std::vector<LayerRow>& layers) {
  return std::any_of(layers.begin(), layers.end(), [](const LayerRow& row) {
    return std::isfinite(alpha_if_fitted(row)) && !has_interval(row);
  });
}

}  // namespace

std::string alpha_cell(const LayerRow& row) {
  return fixed(row.alpha, decimals_of(uncertainty(row)));
}

std::string interval_cell(const LayerRow& row) {
  const int decimals = decimals_of(uncertainty(row));
  if (has_interval(row)) {
    return fixed(row.alpha_low, decimals) + " to " + fixed(row.alpha_high, decimals);
  }
  return std::isfinite(row.sigma) && std::isfinite(alpha_if_fitted(row))
             ? "+-" + fixed(row.sigma, decimals)
             : "-";
}

Column interval_column(const std::vector<LayerRow>& layers, int importance) {
  if (!any_interval(layers)) {
    return number_column("+-sigma", importance,
                         "standard error of alpha at the xmin chosen; no interval is archived");
  }
  return number_column("90 % interval", importance,
                       "of alpha, by resampling, choice of xmin included; +-: standard error");
}

std::string interval_text(const std::vector<LayerRow>& layers) {
  if (!any_interval(layers)) {
    return "+-sigma: standard error of alpha at the xmin that was chosen. It leaves out how "
           "uncertain that choice is; the archive holds no interval (refit --bootstrap 50 makes "
           "one).";
  }
  return std::string("90 % interval: of alpha, by resampling, choice of xmin included.") +
         (any_without(layers) ? " +-: standard error where the archive holds no interval." : "");
}

}  // namespace wishart::report
