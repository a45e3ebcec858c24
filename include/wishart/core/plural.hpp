#pragma once

/// @file
/// A number of things in a sentence.

#include <cstdint>
#include <string>

namespace wishart {

/// `1 layer`, `2 layers`
[[nodiscard]] inline std::string plural(std::int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace wishart
