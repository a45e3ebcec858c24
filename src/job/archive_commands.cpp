/// @file
/// The commands that read an archive: no MPI, no weights.

#include "wishart/archive/archive.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/report/export.hpp"
#include "wishart/report/report.hpp"

namespace wishart::job {

std::string report_text(const ReportOptions& options) {
  const auto file = archive::resolve_checkpoint(options.archive, options.checkpoint);
  const CheckpointRecord record = archive::read_archive(file, archive::Parts::without_spectra);
  const auto format = options.format == OutputFormat::md     ? report::ReportFormat::markdown
                      : options.format == OutputFormat::json ? report::ReportFormat::json
                                                             : report::ReportFormat::text;
  return report::render_report(record, format);
}

std::string export_bytes(const ExportOptions& options) {
  const auto file = archive::resolve_checkpoint(options.archive, options.checkpoint);
  const bool spectrum = options.table == "spectrum";
  const CheckpointRecord record =
      archive::read_archive(file, spectrum ? archive::Parts::all : archive::Parts::without_spectra);
  const auto format =
      options.format == OutputFormat::json ? report::TableFormat::json : report::TableFormat::csv;
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
