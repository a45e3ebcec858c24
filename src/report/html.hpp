#pragma once

/// @file
/// Internal: the parts of a self-contained HTML page.

#include <string>
#include <vector>

#include "wishart/report/text_table.hpp"

namespace wishart::report {

/// Escapes untrusted text for an element or a quoted attribute: it is made `printable`, then
/// everything with a meaning in HTML becomes a character reference.
[[nodiscard]] std::string html_text(const std::string& text, std::size_t max_chars = 300);

/// Appends a character, or a character reference for & < >, which begin markup in HTML and in
/// Markdown.
void append_unmarked(std::string& out, char c);

/// A table that is sorted by a click on the head of a column, if scripts are allowed.
[[nodiscard]] std::string html_table(const TextTable& table);

/// A complete document around `body`, which is HTML. Its Content-Security-Policy allows only its
/// own style and script, by their hashes, so nothing is loaded from elsewhere.
[[nodiscard]] std::string html_document(const std::string& title, const std::string& body);

}  // namespace wishart::report
