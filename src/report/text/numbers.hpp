#pragma once

/// @file
/// Internal: numbers as a person reads them.

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

#include "wishart/core/text.hpp"

namespace wishart::report {

inline std::string number(double value, int digits = 4) {
  return std::isnan(value) ? "-" : rounded(value, digits);
}

inline std::string fixed(double value, int decimals) {
  if (!std::isfinite(value)) return number(value);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

inline std::string plural(std::int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace wishart::report
