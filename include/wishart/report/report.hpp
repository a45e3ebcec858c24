#pragma once

/// @file
/// The report on one archived checkpoint, as text, Markdown, HTML or JSON.

#include <cstddef>
#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

/// `html` is one self-contained page, without external scripts, styles, images or addresses.
enum class ReportFormat { text, markdown, html, json };

/// Selects at most `most` layers whose eigenvalues are drawn: the worst of each warning, then the
/// second of each, and so on, with the most severe warning first; then those with the smallest
/// alpha. Returns indices into `layers`.
[[nodiscard]] std::vector<std::size_t> layers_to_draw(const std::vector<LayerRow>& layers,
                                                      std::size_t most);

/// Summary, layers that need attention, layer table, skipped tensors. Names are made safe for the
/// format. HTML also has figures and more rows; it draws the eigenvalues of each layer with a
/// spectrum in the record. Ends with a newline.
[[nodiscard]] std::string render_report(const CheckpointRecord& record, ReportFormat format);

/// Only what the report says about an adapter; empty if there is none.
/// @pre format is not json
[[nodiscard]] std::string render_adapter(const CheckpointRecord& record, ReportFormat format);

}  // namespace wishart::report
