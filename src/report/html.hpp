#pragma once

/// @file
/// Inside of the module: the pieces of an HTML page that needs nothing but itself.

#include <string>
#include <vector>

#include "wishart/report/text_table.hpp"

namespace wishart::report {

/// Foreign text as text of an element or a quoted attribute: `printable` first, then everything
/// that has a meaning in HTML becomes a character reference.
[[nodiscard]] std::string html_text(const std::string& text, std::size_t max_chars = 300);

/// Appends a character, or a character reference for one of & < >: what begins markup in HTML, and
/// so in Markdown too.
void append_unmarked(std::string& out, char c);

/// A table that a click on a column's head sorts; without scripts it stands as it is.
[[nodiscard]] std::string html_table(const TextTable& table);

/// A whole document around `body`, which is HTML. Its Content-Security-Policy allows the one style
/// and the one script that are in it, by their hashes, and nothing else: no address is ever asked.
[[nodiscard]] std::string html_document(const std::string& title, const std::string& body);

}  // namespace wishart::report
