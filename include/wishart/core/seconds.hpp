#pragma once

/// @file
/// Wall time, as stored in the tables.

#include <chrono>

namespace wishart {

/// Seconds of wall time since `start`.
[[nodiscard]] inline double seconds_since(std::chrono::steady_clock::time_point start) noexcept {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace wishart
