#pragma once

/// @file
/// The report on one archived checkpoint, as text, Markdown, HTML, JSON or in brief.

#include <cstddef>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "wishart/analysis/verdict.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

/// `html` is one self-contained page, without external scripts, styles, images or addresses.
/// `brief` is a message of at most kMostOfBrief characters for chat and mail: the verdict, its
/// reasons, three numbers, and where the whole report is.
enum class ReportFormat { text, markdown, html, json, brief };

inline constexpr std::size_t kMostOfBrief = 600;

/// How a report is written.
struct ReportStyle {
  ReportFormat format = ReportFormat::text;
  /// Of text: the most code points of a line. Tables leave out what does not fit. 0: everything in
  /// lines as long as needed.
  std::size_t width = 0;
  std::string page = {};  ///< of a brief: where the whole report is, or how to get it

  ReportStyle(ReportFormat of, std::size_t line = 0, std::string where = {})  // NOLINT: a format is
      : format(of), width(line), page(std::move(where)) {}                    // the whole style
};

/// Selects at most `most` layers whose eigenvalues are drawn: the worst of each warning, then the
/// second of each, and so on, with the most severe warning first; then those with the smallest
/// alpha. Returns indices into `layers`.
[[nodiscard]] std::vector<std::size_t> layers_to_draw(const std::vector<LayerRow>& layers,
                                                      std::size_t most);

/// Verdict, summary, layers that need attention, layer table, skipped tensors. Names are made safe
/// for the format. HTML also has figures and more rows; it draws the eigenvalues of each layer with
/// a spectrum in the record. Ends with a newline.
/// @param beside  what the numbers are held against. The warnings of all records are concluded
void write_report(std::ostream& out, const CheckpointRecord& record, const ReportStyle& style,
                  const analysis::Beside& beside = {});

/// Only what the report says about an adapter; empty if there is none.
/// @pre the format is text, markdown or html
[[nodiscard]] std::string render_adapter(const CheckpointRecord& record, const ReportStyle& style);

}  // namespace wishart::report
