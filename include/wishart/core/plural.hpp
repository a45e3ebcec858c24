#pragma once

/// @file
/// A number of things in a sentence, and the verb that agrees with it.

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

/// The form of a regular verb: `1 layer needs`, `2 layers need`
[[nodiscard]] inline std::string verb(std::int64_t count, const std::string& plain) {
  return plain + (count == 1 ? "s" : "");
}

[[nodiscard]] inline std::string is_are(std::int64_t count) { return count == 1 ? "is" : "are"; }
[[nodiscard]] inline std::string was_were(std::int64_t count) {
  return count == 1 ? "was" : "were";
}
[[nodiscard]] inline std::string has_have(std::int64_t count) {
  return count == 1 ? "has" : "have";
}

}  // namespace wishart
