#include "figure/axis.hpp"

#include "wishart/core/text.hpp"

#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr double kLogTicks = 5;
/// A tick more than this often would hide what is drawn.
constexpr std::size_t kMostTicks = 20;
constexpr double kRoomShare = 0.04;
/// Of the values, what a course that hardly moves is given as height.
constexpr double kLeastShare = 0.01;

/// The step of 1, 2 or 5 times a power of ten that divides `length` into about `wanted` parts.
double step_for(double length, double wanted) {
  const double raw = length / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10 * power;
}

/// The digits that tell the ticks of this step from each other, up to the largest.
int digits_of(double largest, double step) {
  constexpr int kFewest = 4;
  constexpr int kMost = 15;
  if (!(largest > 0)) return kFewest;
  const double digits = std::floor(std::log10(largest)) - std::floor(std::log10(step)) + 1;
  // Of infinite ranges and steps nothing is known.
  if (!(digits > kFewest)) return kFewest;
  return static_cast<int>(std::min<double>(digits, kMost));
}

}  // namespace

Axis axis_over(const std::string& label, double low, double high, double wanted) {
  Axis axis{low, high, label, {}};
  // If all values are (almost) the same, or the difference overflows, add some space around them.
  const double scale = std::max(std::abs(low), std::abs(high));
  if (!(high - low > 1e-9 * scale) || !std::isfinite(high - low)) {
    const double middle = std::isfinite(low) && std::isfinite(high) ? low / 2 + high / 2 : 0;
    const double room = std::max(std::abs(middle) / 10, 1e-3);
    axis.low = middle - room;
    axis.high = middle + room;
  }
  const double step = step_for(axis.high - axis.low, wanted);
  axis.digits = digits_of(std::max(std::abs(axis.low), std::abs(axis.high)), step);
  const double first = std::ceil(axis.low / step);
  for (double k = first; k * step <= axis.high + 1e-9 * step; k += 1) {
    const double at = k * step + 0.0;  // never -0
    axis.ticks.push_back({at, rounded(at, axis.digits)});
    if (axis.ticks.size() > kMostTicks) break;
  }
  return axis;
}

Axis roomy_axis(const std::string& label, double low, double high, double wanted) {
  const double room = kRoomShare * (high - low);
  if (!std::isfinite(room)) return axis_over(label, low, high, wanted);
  // Values that cannot be negative keep the 0 at the frame.
  return axis_over(label, low >= 0 ? std::max(low - room, 0.0) : low - room, high + room, wanted);
}

Axis calm_axis(const std::string& label, double low, double high, double wanted) {
  const double least = kLeastShare * std::max(std::abs(low), std::abs(high));
  if (high - low >= least) return roomy_axis(label, low, high, wanted);
  const double middle = low + (high - low) / 2;
  return roomy_axis(label, middle - least / 2, middle + least / 2, wanted);
}

Axis log_axis(const std::string& label, double low, double high) {
  Axis axis{low, high, label, {}};
  if (high - low < 1) {
    for (const Tick& tick : axis_over("", std::pow(10.0, low), std::pow(10.0, high)).ticks) {
      const double at = std::log10(tick.at);
      if (low <= at && at <= high) axis.ticks.push_back({at, tick.text});
    }
    return axis;
  }
  const auto tick = [&](double at) {
    if (low <= at && at <= high) axis.ticks.push_back({at, rounded(std::pow(10.0, at), 4)});
  };
  const double step = std::ceil((high - low) / (2 * kLogTicks));
  const bool few = high - low < kLogTicks / 2;
  for (double at = std::floor(low / step) * step; at <= high; at += step) {
    tick(at);
    if (few) tick(at + std::log10(2.0)), tick(at + std::log10(5.0));
  }
  return axis;
}

std::string short_count(double value, int digits) {
  for (const auto& [unit, letter] : {std::pair(1e12, "T"), {1e9, "B"}, {1e6, "M"}, {1e3, "k"}}) {
    if (std::abs(value) >= 10 * unit || (unit > 1e3 && std::abs(value) >= unit)) {
      return rounded(value / unit, digits) + letter;
    }
  }
  return rounded(value, digits);
}

Axis count_axis(const std::string& label, double low, double high, double wanted) {
  Axis axis = axis_over(label, low, high, wanted);
  for (Tick& tick : axis.ticks) tick.text = short_count(tick.at, axis.digits);
  return axis;
}

Axis names_axis(const std::string& label, const std::vector<std::string>& names, std::size_t most,
                bool downwards) {
  const auto count = static_cast<double>(names.size());
  Axis axis{-0.5, count - 0.5, label, {}};
  axis.of_names = true;
  if (downwards) axis.low = 0.5 - count, axis.high = 0.5;
  const std::size_t stride = (names.size() + most - 1) / std::max<std::size_t>(most, 1);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (stride > 1 && i % stride != 0) continue;
    const double at = static_cast<double>(i);
    axis.ticks.push_back({downwards ? 0 - at : at, names[i].empty() ? "-" : names[i]});
  }
  return axis;
}

}  // namespace wishart::report
