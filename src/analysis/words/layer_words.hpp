#pragma once

/// @file
/// Internal: numbers of layers in sentences.

#include <cstdint>
#include <string>

#include "wishart/core/plural.hpp"

namespace wishart::analysis {

/// `1 layer`, `2 layers`
inline std::string layers_text(std::int64_t count) { return plural(count, "layer"); }

/// `1 of 2 layers`
inline std::string of_layers(std::int64_t count, std::int64_t all) {
  return std::to_string(count) + " of " + layers_text(all);
}

/// `1 more matrix was left out (--layers)`
inline std::string left_out_text(std::int64_t count) {
  return plural(count, "more matrix", "more matrices") + " " + was_were(count) +
         " left out (--layers)";
}

}  // namespace wishart::analysis
