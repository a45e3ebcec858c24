#pragma once

/// @file
/// Internal: untrusted text in HTML and SVG.

#include <string>

namespace wishart::report {

/// Escapes untrusted text for an element or a quoted attribute: it is made `printable`, then
/// everything with a meaning in HTML becomes a character reference.
[[nodiscard]] std::string html_text(const std::string& text, std::size_t max_chars = 300);

/// Appends a character, or a character reference for & < >, which begin markup in HTML and in
/// Markdown.
void append_unmarked(std::string& out, char c);

}  // namespace wishart::report
