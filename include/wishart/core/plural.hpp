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

/// The same for a noun with a plural of its own: `1 matrix`, `2 matrices`
[[nodiscard]] inline std::string plural(std::int64_t count, const std::string& noun,
                                        const std::string& nouns) {
  return std::to_string(count) + " " + (count == 1 ? noun : nouns);
}

}  // namespace wishart
