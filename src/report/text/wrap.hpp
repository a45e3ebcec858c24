#pragma once

/// @file
/// Internal: text in lines of a certain width.

#include <cstddef>
#include <string>
#include <vector>

namespace wishart::report {

/// Splits a text into lines of at most `width` code points, at spaces and behind `;`. A word that
/// is longer is cut. At least one line.
/// @param first  the most of the first line; 0: `width`
/// @pre width and first are at least 2
[[nodiscard]] std::vector<std::string> wrapped(const std::string& text, std::size_t width,
                                               std::size_t first = 0);

/// The lines of a text with `indent` spaces in front, and `hanging` in front of all but the first.
/// Each ends in a line feed.
/// @param width  of the longest line with its spaces; 0: everything in one line
[[nodiscard]] std::string paragraph_text(const std::string& text, std::size_t width,
                                         std::size_t indent = 0, std::size_t hanging = 0);

}  // namespace wishart::report
