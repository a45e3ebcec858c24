#include "wishart/analysis/linear_map.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "wishart/analysis/metric.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::analysis {
namespace {

std::optional<double> finite_number(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

LinearMap parse_linear_map(std::string_view text, const std::string& option) {
  const std::vector<std::string> parts = split(text, ':');
  std::array<double, 4> numbers{kNan, kNan, kNan, kNan};
  bool good = parts.size() == 3 || parts.size() == 5;
  for (std::size_t i = 1; good && i < parts.size(); ++i) {
    const std::optional<double> number = finite_number(parts[i]);
    good = number.has_value();
    if (good) numbers[i - 1] = *number;
  }
  good = good && (parts.size() == 3 || numbers[2] < numbers[3]);
  if (!good) {
    throw Error(Blame::usage, option +
                                  ": expected COLUMN:LOW:HIGH or COLUMN:LOW:HIGH:FROM:TO with "
                                  "numbers and FROM < TO, such as alpha:0.5:1.5, found '" +
                                  printable(text) + "'");
  }
  try {
    (void)metric_value(LayerRow{}, parts[0]);
  } catch (const Error& error) {
    throw Error(Blame::usage, option + ": " + error.what());
  }
  return {parts[0], numbers[0], numbers[1], numbers[2], numbers[3]};
}

std::vector<double> mapped_values(const std::vector<LayerRow>& layers, const LinearMap& map) {
  std::vector<double> values = column(layers, map.column);
  double from = map.from;
  double to = map.to;
  if (std::isnan(from)) {
    for (const double value : values) {
      if (!std::isfinite(value)) continue;
      from = std::isnan(from) ? value : std::min(from, value);
      to = std::isnan(to) ? value : std::max(to, value);
    }
  }
  for (double& value : values) {
    if (!std::isfinite(value)) {
      value = kNan;
      continue;
    }
    const double place = from < to ? (std::clamp(value, from, to) - from) / (to - from) : 0.5;
    value = std::lerp(map.low, map.high, place);
  }
  return values;
}

}  // namespace wishart::analysis
