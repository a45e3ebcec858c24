#pragma once

/// @file
/// Internal: what of a checkpoint goes to programs that watch runs.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

/// A metric of the summary table.
struct MonitoredMetric {
  const char* metric;  ///< its name there
  const char* name;    ///< in snake case
  const char* help;    ///< needs no escape anywhere
};

inline constexpr std::array<MonitoredMetric, 8> kMonitoredMetrics{{
    {"alpha", "alpha", "exponent of the power law in the tail of the spectrum"},
    {"D", "ks_distance", "Kolmogorov-Smirnov distance of the tail from its power law"},
    {"alpha_weighted", "alpha_weighted", "alpha times log10 of the largest eigenvalue"},
    {"log_alpha_norm", "log_alpha_norm", "log10 of the sum of all eigenvalues to the power alpha"},
    {"log_norm", "log_norm", "log10 of the squared Frobenius norm"},
    {"log_spectral_norm", "log_spectral_norm", "log10 of the largest eigenvalue"},
    {"stable_rank", "stable_rank", "squared Frobenius norm / largest eigenvalue"},
    {"entropy", "entropy", "entropy of the eigenvalues, from 0 to 1"},
}};

/// How many layers have a warning.
struct WarningCount {
  std::string word;
  bool remark = false;
  std::int64_t layers = 0;
};

/// All words that the record's mode has, also those that no layer has, so that a series is there
/// before it is needed.
/// @param past_known  false: leaves out `unlike-past`, of which nothing is known
[[nodiscard]] std::vector<WarningCount> warning_counts(const CheckpointRecord& record,
                                                       bool past_known);

/// True if a layer has a warning that is no remark.
[[nodiscard]] bool is_warned(const LayerRow& layer);

}  // namespace wishart::report
