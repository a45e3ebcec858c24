#pragma once

/// @file
/// Internal: numbers as a person reads them.

#include <array>
#include <cmath>
#include <cstdio>
#include <string>

#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/recorded_loss.hpp"

namespace wishart::report {

inline std::string number(double value, int digits = 4) {
  return std::isnan(value) ? "-" : rounded(value, digits);
}

/// A loss; `nan` if it was recorded as that.
inline std::string loss_text(double value) {
  return std::isnan(value) && is_recorded(value) ? "nan" : number(value);
}

inline std::string fixed(double value, int decimals) {
  if (!std::isfinite(value)) return number(value);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

/// The decimals that show two digits of an uncertainty, at most 3. 2 if it is not known.
inline int decimals_of(double uncertainty) {
  if (!(uncertainty > 0) || !std::isfinite(uncertainty)) return 2;
  const int decimals = 1 - static_cast<int>(std::floor(std::log10(uncertainty)));
  return decimals < 0 ? 0 : decimals > 3 ? 3 : decimals;
}

}  // namespace wishart::report
