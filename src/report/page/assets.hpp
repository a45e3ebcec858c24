#pragma once

/// @file
/// Internal: style.css (followed by figure.css) and the parts of script/, compiled in by
/// cmake/write_page_assets.cmake.

#include <string_view>

namespace wishart::report {

[[nodiscard]] std::string_view style() noexcept;
[[nodiscard]] std::string_view script() noexcept;
/// SHA-256 in the notation of a Content-Security-Policy: `sha256-` and base64.
[[nodiscard]] std::string_view style_hash() noexcept;
[[nodiscard]] std::string_view script_hash() noexcept;

}  // namespace wishart::report
