#pragma once

/// @file
/// How wide the lines of a text may be.

#include <cstddef>

namespace wishart::job {

/// Where standard output is no terminal.
inline constexpr std::size_t kTextWidth = 80;

/// The columns of the terminal that standard output is, at least 40; kTextWidth if it is none, or
/// if the text goes to a file.
[[nodiscard]] std::size_t text_width(bool to_file) noexcept;

}  // namespace wishart::job
