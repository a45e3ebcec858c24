#pragma once

/// @file
/// The statuses of layers that the program decides by, and how many layers have which.

#include <cstdint>
#include <span>
#include <string>

#include "wishart/record/rows.hpp"

namespace wishart {

/// Status of a layer with a power law.
inline constexpr const char* kFitted = "success";
/// Status, and warning, of a layer whose spectrum has no power-law tail, and therefore no alpha.
inline constexpr const char* kNoTail = "no-tail";

/// Whether a power law was fitted. If not, alpha, D, sigma, xmin and what is computed from them are
/// no measurements, whatever the columns hold: in compat mode -1, as WeightWatcher has it.
[[nodiscard]] inline bool is_fitted(const LayerRow& row) { return row.status == kFitted; }

/// Whether there is no spectrum: the matrix could not be computed, or holds NaN or infinite weights.
/// `exit_code` does not decide it: archives of older versions have none.
[[nodiscard]] inline bool is_failed_matrix(const LayerRow& row) {
  return row.status == "error" || row.status == "nonfinite";
}

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
    ++(row.status == kFitted   ? counts.fitted
       : row.status == kNoTail ? counts.without_tail
                               : counts.failed);
  }
  return counts;
}

}  // namespace wishart
