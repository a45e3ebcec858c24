#pragma once

/// @file
/// Internal: what the script of a page knows of the layers.

#include <cstddef>
#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::report {

/// A JSON text inside of an HTML element: `<`, `>` and `&` become escapes of JSON, so that nothing
/// in it can end the element.
[[nodiscard]] std::string json_in_html(const std::string& json);

/// A text as a member of such JSON. It is made `printable` first, like all other text of a page.
[[nodiscard]] std::string page_json_text(const std::string& text);

/// A column of texts, in the shortest of these forms (the members only, without braces):
/// `{"values": ["a", "b"]}`; `{"all": "a"}`, every value is this one; `{"words": ["a"], "at": [0,
/// 0]}`, distinct values and the place of each among them; `{"shared": [0, 9], "rest":
/// ["block.0.q", "k"]}`, how many characters a text begins with that the one before it begins with,
/// and what follows them.
[[nodiscard]] std::string text_column_json(const std::vector<std::string>& texts);

/// The layers as columns: `{"layers": N, "columns": [{"name": "alpha", "values": [...]}, ...],
/// "worst_first": [...]}`. Numbers are rounded to what a person reads; unknown ones are null.
/// Each member and each column is one line: the script of the page reads only those it needs.
/// docs/report.md describes the columns.
/// @param worst_first  indices of all layers
[[nodiscard]] std::string layer_data_json(const std::vector<LayerRow>& layers,
                                          const std::vector<std::size_t>& worst_first);

}  // namespace wishart::report
