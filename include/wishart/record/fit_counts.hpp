#pragma once

/// @file
/// How many layers have a power law.

#include <cstdint>
#include <span>
#include <string>

#include "wishart/record/layer_status.hpp"

namespace wishart {

/// Alpha if a power law was fitted, else NaN.
[[nodiscard]] inline double alpha_if_fitted(const LayerRow& row) {
  return is_fitted(row) ? row.alpha : kNan;
}

struct FitCounts {
  std::int64_t fitted = 0;
  std::int64_t without_tail = 0;
  std::int64_t failed = 0;  ///< every other status: no fit was possible, or no spectrum

  [[nodiscard]] std::string text() const {
    return std::to_string(fitted) + " fitted, " + std::to_string(without_tail) +
           " without a power-law tail, " + std::to_string(failed) + " without a fit";
  }
};

[[nodiscard]] inline FitCounts count_fits(std::span<const LayerRow> layers) {
  FitCounts counts;
  for (const LayerRow& row : layers) {
    ++(is_fitted(row) ? counts.fitted : is_without_tail(row) ? counts.without_tail : counts.failed);
  }
  return counts;
}

}  // namespace wishart
