#pragma once

/// @file
/// Tables whose last column has sentences.

#include <string>

#include "wishart/report/text_table.hpp"

namespace wishart::report {

/// As render_text, but the cells of the last column, which is aligned left, are whole: messages
/// that name what is wrong and what to do, not values that may be shortened.
[[nodiscard]] std::string render_with_sentences(const TextTable& table);

}  // namespace wishart::report
