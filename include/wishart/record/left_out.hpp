#pragma once

/// @file
/// Matrices that a scan left out because `--layers` did not name them: nothing is known of them,
/// and they are not missing in the checkpoint.

#include <algorithm>
#include <cstdint>
#include <set>
#include <span>
#include <string>

#include "wishart/record/rows.hpp"

namespace wishart {

/// SkippedRow::reason of such a matrix, whose key is SkippedRow::tensor.
inline constexpr const char* kLeftOut = "left-out";

[[nodiscard]] inline std::int64_t count_left_out(std::span<const SkippedRow> skipped) {
  return std::count_if(skipped.begin(), skipped.end(),
                       [](const SkippedRow& row) { return row.reason == kLeftOut; });
}

/// The keys of these matrices.
[[nodiscard]] inline std::set<std::string> keys_left_out(std::span<const SkippedRow> skipped) {
  std::set<std::string> keys;
  for (const SkippedRow& row : skipped) {
    if (row.reason == kLeftOut) keys.insert(row.tensor);
  }
  return keys;
}

}  // namespace wishart
