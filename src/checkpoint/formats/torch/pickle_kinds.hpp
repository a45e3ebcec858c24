#pragma once

/// @file
/// The kinds of a pickle's nodes in words.

#include <array>
#include <cstddef>
#include <string_view>

#include "formats/torch/pickle.hpp"

namespace wishart::checkpoint {

/// `a list`
[[nodiscard]] constexpr std::string_view kind_name(Pickle::Kind kind) {
  constexpr std::array<std::string_view, 14> kNames{
      "None",   "a boolean", "an integer", "a long integer", "a number",
      "a text", "bytes",     "a tuple",    "a list",         "a set",
      "a dict", "a symbol",  "an object",  "a reference"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace wishart::checkpoint
