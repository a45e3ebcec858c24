/// @file
/// The commands that read an archive: no MPI, no weights.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "wishart/analysis/history.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/core/text.hpp"
#include "wishart/fit/power_law.hpp"
#include "wishart/fit/thresholds.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/export.hpp"
#include "wishart/report/report.hpp"
#include "wishart/report/rows_text.hpp"

#include "commands/whole_models.hpp"

namespace wishart::job {
namespace {

/// alpha and D of every candidate for xmin, as the fit saw them.
std::string scan_table(const CheckpointRecord& record, const std::string& matrix,
                       report::TableFormat format) {
  const auto [row, sigma] = report::spectrum_of(record, matrix);
  std::vector<double> fitted;
  for (const double value : sigma) {
    if (value * value > row.fit_floor) fitted.push_back(value * value);
  }
  const bool weightwatcher = record.provenance.mode == "weightwatcher";
  const fit::ScanOptions options{.min_tail = weightwatcher ? 2 : fit::kMinTail,
                                 .skip_repeated = !weightwatcher};
  const bool csv = format == report::TableFormat::csv;
  std::string text = csv ? "xmin,alpha,D\n" : "[";
  const char* separator = "\n  ";
  for (const fit::Tail& tail : fit::scan_curve(fitted, options)) {
    if (csv) {
      text += shortest(tail.xmin) + "," + shortest(tail.alpha) + "," + shortest(tail.D) + "\n";
      continue;
    }
    const std::string alpha = std::isfinite(tail.alpha) ? shortest(tail.alpha) : "null";
    text += separator + ("{\"xmin\": " + shortest(tail.xmin) + ", \"alpha\": " + alpha +
                         ", \"D\": " + shortest(tail.D) + "}");
    separator = ",\n  ";
  }
  return csv ? text : text + "\n]\n";
}

/// The checkpoints of an archive as one history, under their names in the archive. Changes of
/// weights are left out where there are whole models.
analysis::History history_of(const archive::Reader& archive, std::int64_t window) {
  analysis::HistoryBuilder builder(window);
  for (const std::string& id : archive.ids()) {
    builder.add(archive.read(id, archive::Parts::without_spectra));
  }
  return builder.take();
}

/// True if the archive holds several checkpoints, and the trainer's step of each is known: those of
/// one run. Anything else has no order of its own.
bool is_history(const archive::Reader& archive) {
  const std::vector<std::string> ids = whole_models(archive);
  return ids.size() > 1 && std::all_of(ids.begin(), ids.end(), [&](const std::string& id) {
           return archive.provenance(id).training.step >= 0;
         });
}

/// What the report of a checkpoint is made from: HTML draws some of the spectra.
CheckpointRecord record_for(const ReportOptions& options, const archive::Reader& archive,
                            const std::string& id) {
  if (options.format != OutputFormat::html) {
    return archive.read(id, archive::Parts::without_spectra);
  }
  return archive.read(id, [&](const std::vector<LayerRow>& layers) {
    return report::layers_to_draw(layers, static_cast<std::size_t>(options.densities));
  });
}

}  // namespace

std::string report_text(const ReportOptions& options) {
  const auto format = options.format == OutputFormat::md     ? report::ReportFormat::markdown
                      : options.format == OutputFormat::html ? report::ReportFormat::html
                      : options.format == OutputFormat::json ? report::ReportFormat::json
                                                             : report::ReportFormat::text;
  const archive::Reader archive(options.archive);
  if (options.checkpoint.empty() && is_history(archive)) {
    const analysis::History history = history_of(archive, options.window);
    const std::string& last = history.rows.back().checkpoint;
    return report::render_run(history, record_for(options, archive, last), format);
  }
  const std::string id =
      archive.chosen(options.checkpoint.empty() ? only_whole(archive) : options.checkpoint);
  return report::render_report(record_for(options, archive, id), format);
}

std::string export_bytes(const ExportOptions& options) {
  const archive::Reader archive(options.archive);
  if (options.table == "history") {
    const auto rows = history_of(archive, options.window).rows;
    return report::rows_text(rows, options.format == OutputFormat::json ? report::TableFormat::json
                                                                        : report::TableFormat::csv);
  }
  const bool spectrum = options.table == "spectrum" || options.table == "scan";
  const CheckpointRecord record =
      archive.read(archive.chosen(options.checkpoint),
                   spectrum ? archive::Parts::all : archive::Parts::without_spectra);
  const auto format =
      options.format == OutputFormat::json ? report::TableFormat::json : report::TableFormat::csv;
  if (options.table == "scan") return scan_table(record, options.matrix, format);
  if (spectrum) {
    return options.format == OutputFormat::npy
               ? report::export_spectrum_npy(record, options.matrix)
               : report::export_spectrum(record, options.matrix, format);
  }
  const auto table = options.table == "summary"   ? report::Table::summary
                     : options.table == "skipped" ? report::Table::skipped
                                                  : report::Table::layers;
  return report::export_table(record, table, format);
}

}  // namespace wishart::job
