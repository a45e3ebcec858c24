#pragma once

/// @file
/// Errors of a copy that somebody with both files has measured, for rules that else take them from
/// norms.

#include <string>
#include <unordered_map>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

struct KnownError {
  double relative = kNan;  ///< |B - A| / |A|
  /// The share of |A|^2 that was set to zero. NaN: the change of the norm tells it.
  double cut = kNan;
};

/// By the key of the layer. Empty: nothing is known.
using KnownErrors = std::unordered_map<std::string, KnownError>;

}  // namespace wishart::analysis
