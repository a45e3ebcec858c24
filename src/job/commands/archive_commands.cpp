/// @file
/// `report` and `export`: commands that only read an archive.

#include <algorithm>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "wishart/analysis/history.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/archive/choice.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"
#include "wishart/fit/metrics.hpp"
#include "wishart/fit/spectrum_shape.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/export.hpp"
#include "wishart/report/pipelines.hpp"
#include "wishart/report/report.hpp"
#include "wishart/report/rows_text.hpp"

#include "commands/monitoring.hpp"
#include "commands/report_style.hpp"
#include "commands/run_past.hpp"
#include "commands/xmin_scan.hpp"
#include "options/shell_word.hpp"

namespace wishart::job {

/// A candidate for xmin in the fit.
struct CandidateRow {
  double xmin = 0;
  double alpha = 0;
  double D = 0;
};

using wishart::visit_columns;  // otherwise hidden by the one below

template <class F>
void visit_columns(CandidateRow& r, F&& f) {
  f("xmin", r.xmin), f("alpha", r.alpha), f("D", r.D);
}

namespace {

/// alpha and D for every candidate for xmin that the fit considers.
std::string scan_table(const CheckpointRecord& record, const std::string& matrix,
                       report::TableFormat format) {
  const auto [row, sigma] = report::spectrum_of(record, matrix);
  std::vector<CandidateRow> rows;
  for (const report::XminCandidate& one : xmin_candidates(record.provenance, row, sigma)) {
    rows.push_back({one.xmin, one.alpha, one.D});
  }
  return report::rows_text(rows, format, {"scan", record.provenance.checkpoint_id, row.key});
}

/// What the report of a checkpoint needs.
struct ReportParts {
  CheckpointRecord record;
  RunPast past;
  std::optional<CheckpointRecord> base;

  [[nodiscard]] analysis::Beside beside() const {
    return {past.before ? &*past.before : nullptr, base ? &*base : nullptr};
  }
};

/// The archived whole weights that a checkpoint was analysed with as its base; nothing if the
/// archive does not hold them, or not in a state to be read.
std::optional<CheckpointRecord> base_of(const archive::Reader& archive, const Provenance& of) {
  if (of.base_identity.empty()) return {};
  for (const std::string& id : archive.ids()) {
    try {
      const Provenance there = archive.provenance(id);
      if (id == of.checkpoint_id || there.analysis != AnalysisKind::weights) continue;
      if (there.checkpoint_identity != of.base_identity || !is_alike(there, of)) continue;
      CheckpointRecord base = archive.read(id, archive::Parts::without_spectra);
      analysis::conclude(base);
      return base;
    } catch (const SystemFailure&) {
      throw;
    } catch (const Error& error) {
      if (error.blame() != Blame::input && error.blame() != Blame::resource) throw;
    }
  }
  return {};
}

/// Reads what the report of a checkpoint needs, and concludes its warnings. HTML plots some of the
/// spectra.
ReportParts parts_for(const ReportOptions& options, const archive::Reader& archive,
                      const std::string& id) {
  auto [read, past] = concluded(archive, id);
  ReportParts parts{std::move(read), std::move(past), {}};
  CheckpointRecord& record = parts.record;
  if (parts.past.before) {
    analysis::conclude(*parts.past.before,
                       {nullptr, parts.past.first ? &*parts.past.first : nullptr});
  }
  if (is_whole(record.provenance.analysis)) parts.base = base_of(archive, record.provenance);
  if (options.format != OutputFormat::html) return parts;
  std::vector<std::size_t> drawn =
      report::layers_to_draw(record.layers, static_cast<std::size_t>(options.densities));
  record.spectra = archive.read(id, [&](const std::vector<LayerRow>&) { return drawn; }).spectra;
  return parts;
}

/// The note of a choice, if there is one.
std::vector<std::string> notes_of(const archive::Choice& choice) {
  if (choice.note.empty()) return {};
  return {choice.note};
}

report::TableFormat table_format(OutputFormat format) {
  return format == OutputFormat::json    ? report::TableFormat::json
         : format == OutputFormat::jsonl ? report::TableFormat::jsonl
                                         : report::TableFormat::csv;
}

/// @pre the table is one of each checkpoint
report::Table table_of(ExportTable table) {
  switch (table) {
    case ExportTable::layers:
      return report::Table::layers;
    case ExportTable::summary:
      return report::Table::summary;
    case ExportTable::skipped:
      return report::Table::skipped;
    case ExportTable::adapter:
      return report::Table::adapter;
    case ExportTable::traps:
      return report::Table::traps;
    case ExportTable::history:
    case ExportTable::spectrum:
    case ExportTable::scan:
      break;
  }
  throw Error(Blame::bug, "a table that is not of each checkpoint was taken for one that is");
}

/// Collects the checkpoints of an archive that cannot be read.
class Unreadable {
public:
  /// Records the error that is being handled. Rethrows it if it is not about a file.
  void add(const Error& error) {
    if (error.blame() != Blame::input && error.blame() != Blame::resource) throw;
    if (count_++ == 0) first_ = error.what();
    if (error.blame() == Blame::input) blame_ = Blame::input;  // takes precedence
  }
  /// The ending of a command that left them out.
  [[nodiscard]] Ending ending(std::int64_t checkpoints) const {
    if (count_ == 0) return {};
    return {blame_, std::to_string(count_) + " of " + plural(checkpoints, "checkpoint") +
                        " cannot be read and " + is_are(count_) + " not in the table" +
                        (count_ == 1 ? ": " : ", the first one: ") + first_ +
                        ". See wishart verify"};
  }

private:
  std::int64_t count_ = 0;
  Blame blame_ = Blame::resource;
  std::string first_;
};

/// All checkpoints of an archive in one table, in the order of training. Only one and the layers of
/// two earlier ones of each run are in memory at a time. Those that cannot be read are left out and
/// reported.
CommandResult export_all(const archive::Reader& archive, const ExportOptions& options,
                         std::ostream& out) {
  Unreadable unreadable;
  std::vector<TrainingPlace> places;
  std::vector<Analysed> all;
  for (const std::string& id : archive.ids()) {
    try {
      const Provenance provenance = archive.provenance(id);
      places.push_back(training_place(provenance.training.step, id));
      all.push_back(analysed(provenance));
      all.back().checkpoint = id;
    } catch (const Error& error) {
      unreadable.add(error);
    }
  }
  std::sort(places.begin(), places.end(), comes_before);
  report::JoinedTable table(out, table_of(options.table), table_format(options.format));
  const bool of_layers = options.table == ExportTable::layers;
  Pasts pasts(of_layers ? all : std::vector<Analysed>());
  for (const TrainingPlace& place : places) {
    std::optional<CheckpointRecord> record;
    try {
      record = archive.read(place.name, archive::Parts::without_spectra);
    } catch (const Error& error) {
      unreadable.add(error);
      continue;
    }
    if (of_layers) analysis::conclude(*record, pasts.of(place.name));
    table.add(*record);
    if (!out.good()) break;  // the caller reports it
    if (of_layers) pasts.pass(*std::move(record));
  }
  return {"", unreadable.ending(std::ssize(archive.ids())), {}};
}

/// The rank of each layer by its energy; -1 without singular values, 0 for a matrix of zeros.
std::vector<std::int64_t> energy_ranks(const CheckpointRecord& record,
                                       const ExportOptions& options) {
  std::vector<std::int64_t> ranks;
  for (std::size_t i = 0; i < record.layers.size(); ++i) {
    const std::vector<double>& sigma = record.spectra[i].sigma;
    const LayerRow& row = record.layers[i];
    std::int64_t rank = -1;
    if (!sigma.empty()) {
      const double floor = fit::resolved_above(row.floor_sigma, sigma.back(), row.N);
      rank = fit::energy_rank(sigma, floor, options.energy);
      if (options.max_rank > 0) rank = std::min(rank, options.max_rank);
    }
    ranks.push_back(rank);
  }
  return ranks;
}

/// A file that another program reads.
CommandResult export_for_program(const archive::Reader& archive, const ExportOptions& options,
                                 std::ostream& out) {
  const archive::Choice choice = archive::choose(archive, options.checkpoint);
  CheckpointRecord record = archive.read(choice.id, archive::Parts::all);
  for (std::size_t i = 0; i < record.layers.size(); ++i) {
    fit::complete_shape(record.layers[i], record.spectra[i]);
  }
  const bool yaml = options.format == OutputFormat::yaml;
  report::PipelineFile file =
      options.target == ExportTarget::axolotl && yaml
          ? report::axolotl_yaml(record, options.top_percent)
      : options.target == ExportTarget::axolotl ? report::axolotl_json(record)
      : options.target == ExportTarget::peft
          ? report::peft_json(record, energy_ranks(record, options))
      : options.target == ExportTarget::mergekit
          ? report::mergekit_yaml(record, options.map.value(), options.parameter)
          : report::mapped_table(record, options.map.value(), table_format(options.format));
  out << file.text;
  std::vector<std::string> notes = notes_of(choice);
  notes.insert(notes.end(), file.notes.begin(), file.notes.end());
  return {"", {}, notes};
}

/// The metrics of a checkpoint; of the latest one of a run, also what its history comes to. The
/// text names the checkpoint, so no note does: a nightly job is silent if all is well.
CommandResult export_for_prometheus(const archive::Reader& archive, const ExportOptions& options,
                                    std::ostream& out) {
  const std::string id = archive::choose(archive, options.checkpoint).id;
  const bool latest = is_history(archive.latest_run()) && archive.run().back().name == id;
  std::optional<analysis::History> history;
  if (latest) history = history_of(archive, options.window);
  return export_metrics(archive, id, options, history ? &*history : nullptr, out);
}

}  // namespace

CommandResult report_archive(const ReportOptions& options, std::ostream& out) {
  const std::string command =
      "wishart report " + shell_word(options.archive.string()) +
      (options.checkpoint.empty() ? "" : " --checkpoint " + shell_word(options.checkpoint)) +
      " --open";
  const report::ReportStyle style = style_of(options.format, options.reading, command);
  const archive::Reader archive(options.archive);
  if (options.checkpoint.empty() && is_history(archive.latest_run())) {
    const analysis::History history = history_of(archive, options.window);
    const std::string& last = history.rows.back().checkpoint;
    const ReportParts parts = parts_for(options, archive, last);
    report::write_run(out, history, parts.record, style, parts.beside());
    return {};
  }
  const archive::Choice choice = archive::choose(archive, options.checkpoint);
  const ReportParts parts = parts_for(options, archive, choice.id);
  report::write_report(out, parts.record, style, parts.beside());
  return {"", {}, notes_of(choice)};
}

CommandResult export_archive(const ExportOptions& options, std::ostream& out) {
  const archive::Reader archive(options.archive);
  // Throws: a mistyped folder must not count as an archive without checkpoints.
  if (archive.ids().empty()) (void)archive::choose(archive, "");
  const report::TableFormat format = table_format(options.format);
  if (options.all) return export_all(archive, options, out);
  if (options.target == ExportTarget::tensorboard) return export_events(archive, options, out);
  if (options.target == ExportTarget::prometheus)
    return export_for_prometheus(archive, options, out);
  if (options.target != ExportTarget::table || options.map) {
    return export_for_program(archive, options, out);
  }
  if (options.table == ExportTable::history) {
    const analysis::History history = history_of(archive, options.window);
    report::write_rows(out, history.rows, format, {"history", "", ""});
    if (history.left_out.empty()) return {};
    return {"", {}, {analysis::left_out_text(history.left_out)}};
  }
  const archive::Choice choice = archive::choose(archive, options.checkpoint);
  CheckpointRecord record = archive.read(
      choice.id, options.of_matrix() ? archive::Parts::all : archive::Parts::without_spectra);
  if (options.table == ExportTable::layers) {
    const RunPast past = past_of(archive, choice.id);
    analysis::conclude(record, past.past());
  }
  if (options.table == ExportTable::scan) {
    out << scan_table(record, options.matrix, format);
  } else if (options.format == OutputFormat::npy) {
    out << report::export_spectrum_npy(record, options.matrix);
  } else if (options.table == ExportTable::spectrum) {
    out << report::export_spectrum(record, options.matrix, format);
  } else {
    report::export_table(out, record, table_of(options.table), format);
  }
  return {"", {}, notes_of(choice)};
}

}  // namespace wishart::job
