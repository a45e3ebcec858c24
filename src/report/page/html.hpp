#pragma once

/// @file
/// Internal: the parts of a self-contained HTML page.

#include <string>

#include "wishart/report/text_table.hpp"

#include "figure/figure.hpp"

namespace wishart::report {

/// A figure with its caption and legend.
[[nodiscard]] std::string html_figure(const Figure& figure);

/// A table that is sorted by a click on the head of a column, if scripts are allowed.
[[nodiscard]] std::string html_table(const TextTable& table);

/// A complete document around `body`, which is HTML. Its Content-Security-Policy allows only its
/// own style and script, by their hashes, so nothing is loaded from elsewhere.
[[nodiscard]] std::string html_document(const std::string& title, const std::string& body);

}  // namespace wishart::report
