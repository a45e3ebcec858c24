#pragma once

/// @file
/// The summary report of one archived checkpoint, for people, and as JSON.

#include <cstddef>
#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

/// `html` is one page that needs nothing but itself: no script, style, image or address from
/// elsewhere.
enum class ReportFormat { text, markdown, html, json };

/// The layers whose eigenvalues are worth a drawing, at most `most`: the worst of each warning,
/// then the next of each, and so on, gravest warning first; then those with the smallest alpha.
/// Indices into `layers`.
[[nodiscard]] std::vector<std::size_t> layers_to_draw(const std::vector<LayerRow>& layers,
                                                      std::size_t most);

/// Summary, then the layers that need attention, then the table of layers, then what was skipped.
/// Names are made safe for the format. HTML has drawings too, and more rows; the eigenvalues of
/// each layer whose spectrum the record has are drawn. Ends with a newline.
[[nodiscard]] std::string render_report(const CheckpointRecord& record, ReportFormat format);

}  // namespace wishart::report
