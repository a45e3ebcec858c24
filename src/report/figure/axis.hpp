#pragma once

/// @file
/// Internal: axes with round ticks.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace wishart::report {

struct Tick {
  double at = 0;
  std::string text;
};

/// The range, label and ticks of an axis. `low < high`. Texts may be untrusted.
struct Axis {
  double low = 0;
  double high = 1;
  std::string label;
  std::vector<Tick> ticks;
  int digits = 4;         ///< of the numbers at the ticks
  bool of_names = false;  ///< texts at the ticks may be shortened; a number is never
};

/// An axis that contains both values, with ticks at multiples of 1, 2 or 5 times a power of ten.
/// @param wanted  number of ticks, roughly
[[nodiscard]] Axis axis_over(const std::string& label, double low, double high, double wanted = 5);

/// The same with the ends moved outwards, so that no point lies on the frame.
[[nodiscard]] Axis roomy_axis(const std::string& label, double low, double high, double wanted = 5);

/// A roomy axis for the course of a value, at least a hundredth of the value high: smaller changes
/// look small.
[[nodiscard]] Axis calm_axis(const std::string& label, double low, double high, double wanted = 5);

/// An axis of decimal logarithms, with the numbers themselves at its ticks.
/// @pre low < high
[[nodiscard]] Axis log_axis(const std::string& label, double low, double high);

/// 12000 as 12k, 1500000 as 1.5M.
[[nodiscard]] std::string short_count(double value, int digits = 4);

/// An axis of training steps or tokens; ticks are written by short_count.
[[nodiscard]] Axis count_axis(const std::string& label, double low, double high, double wanted = 5);

/// An axis with one place for each name, 0, 1, ...; `downwards` puts the first at the upper end,
/// with place 0 at the coordinate 0, 1 at -1, ... At most `most` names are shown, evenly chosen.
[[nodiscard]] Axis names_axis(const std::string& label, const std::vector<std::string>& names,
                              std::size_t most, bool downwards);

/// The range of the finite values that are added to it.
struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value) noexcept {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] bool empty() const noexcept { return !(low <= high); }
};

/// The value of an ascending list below which a share of it lies: one of them, not interpolated.
/// @pre sorted is not empty
[[nodiscard]] inline double quantile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(
      std::lround(share * static_cast<double>(sorted.size() - 1)))];
}

}  // namespace wishart::report
