#pragma once

/// @file
/// A share that was counted, with its uncertainty.

#include <cstdint>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// A share from 0 to 1 and its interval of 95 % (Wilson, J. Am. Stat. Assoc. 22 (1927) 209). NaN if
/// nothing was counted.
struct Share {
  double value = kNan;
  double low = kNan;
  double high = kNan;
};

/// @pre 0 <= part <= whole
[[nodiscard]] Share share_of(std::int64_t part, std::int64_t whole);

}  // namespace wishart::analysis
