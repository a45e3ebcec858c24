#pragma once

/// @file
/// Internal: a figure as a file by itself.

#include <string>
#include <string_view>

#include "figure/figure.hpp"

namespace wishart::report {

/// The figure as an SVG document with its own style: caption, drawing, legend, on paper that is
/// light, or dark where the reader's screen is. Valid XML, for browsers and other programs.
[[nodiscard]] std::string standalone_svg(const Figure& figure);

/// figure.css, compiled in by cmake/write_page_assets.cmake.
[[nodiscard]] std::string_view figure_style() noexcept;

}  // namespace wishart::report
