#include "wishart/report/export.hpp"

#include <algorithm>
#include <optional>
#include <ostream>
#include <type_traits>

#include "wishart/analysis/adapter.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/npy.hpp"
#include "wishart/core/text.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"

#include "usual.hpp"

namespace wishart::report {

/// A singular value in a table.
struct SpectrumRow {
  std::int64_t index = 0;
  double sigma = 0;
  double lambda = 0;
};

/// A row in a table of several checkpoints.
template <class Row>
struct JoinedRow {
  std::string checkpoint;
  std::int64_t step = -1;
  std::int64_t tokens = -1;
  std::string analysis;
  Row row;
};

using wishart::visit_columns;  // for the other rows; the overloads below would hide it

template <class F>
void visit_columns(SpectrumRow& r, F&& f) {
  f("index", r.index), f("sigma", r.sigma), f("lambda", r.lambda);
}

template <class Row, class F>
void visit_columns(JoinedRow<Row>& r, F&& f) {
  f("checkpoint", r.checkpoint), f("step", r.step), f("tokens", r.tokens);
  f("analysis", r.analysis);
  visit_columns(r.row, f);
}

namespace {

/// The index of the layer with this key, or with this tensor name if it is the only one.
std::size_t find_layer(const CheckpointRecord& record, const std::string& matrix) {
  std::optional<std::size_t> by_name;
  std::vector<std::string> same_name;
  for (std::size_t i = 0; i < record.layers.size(); ++i) {
    if (record.layers[i].key == matrix) return i;
    if (record.layers[i].longname != matrix) continue;
    by_name = i;
    same_name.push_back(record.layers[i].key);
  }
  if (same_name.size() == 1) return *by_name;
  const std::string where = printable(record.provenance.checkpoint_id);
  if (!same_name.empty()) {
    const std::size_t shown = std::min<std::size_t>(3, same_name.size());
    const std::string keys = join(std::span(same_name).first(shown), ", ");
    throw Error(Blame::usage, "'" + printable(matrix) + "' consists of " +
                                  std::to_string(same_name.size()) + " matrices in " + where +
                                  ". Name one of them: " + printable(keys) +
                                  (shown < same_name.size() ? ", ..." : ""));
  }
  std::vector<std::string> keys;
  for (const LayerRow& layer : record.layers) keys.push_back(layer.key);
  const std::string near = nearest(matrix, keys);
  throw Error(Blame::usage, "no matrix '" + printable(matrix) + "' in " + where +
                                (near.empty() ? "" : ". Did you mean '" + printable(near) + "'?"));
}

}  // namespace

std::string export_opening(const ExportSource& source) {
  return json_opening(kExportSchema) + ", \"table\": " + json_quoted(source.table) +
         ", \"checkpoint\": " + json_value_or_null(source.checkpoint) +
         ", \"matrix\": " + json_value_or_null(source.matrix) + ",\n \"rows\": ";
}

std::size_t layer_index(const CheckpointRecord& record, const std::string& matrix) {
  return find_layer(record, matrix);
}

NamedSpectrum spectrum_of(const CheckpointRecord& record, const std::string& matrix) {
  const std::size_t index = find_layer(record, matrix);
  const std::vector<double>& sigma = record.spectra[index].sigma;
  if (sigma.empty()) {
    throw Error(Blame::usage, printable(record.layers[index].key) +
                                  ": has no spectrum, its status is " +
                                  printable(record.layers[index].status) + ": " +
                                  printable(record.layers[index].reason));
  }
  return {record.layers[index], sigma};
}

void export_table(std::ostream& out, const CheckpointRecord& record, Table table,
                  TableFormat format) {
  const std::string& id = record.provenance.checkpoint_id;
  switch (table) {
    case Table::layers:
      return write_rows(out, record.layers, format, {"layers", id, ""}, judged);
    case Table::summary:
      return write_rows(out, record.summary, format, {"summary", id, ""});
    case Table::skipped:
      return write_rows(out, record.skipped, format, {"skipped", id, ""});
    case Table::adapter:
      return write_rows(out, analysis::adapter_rows(record.layers), format, {"adapter", id, ""});
    case Table::traps:
      return write_rows(out, record.traps, format, {"traps", id, ""});
  }
  throw Error(Blame::bug, "unknown table");
}

std::string export_spectrum_npy(const CheckpointRecord& record, const std::string& matrix) {
  return npy_bytes(spectrum_of(record, matrix).sigma);
}

std::string export_spectrum(const CheckpointRecord& record, const std::string& matrix,
                            TableFormat format) {
  const auto [row, sigma] = spectrum_of(record, matrix);
  std::vector<SpectrumRow> rows;
  rows.reserve(sigma.size());
  for (const double value : sigma) {
    rows.push_back({static_cast<std::int64_t>(rows.size()), value, value * value});
  }
  return rows_text(rows, format, {"spectrum", record.provenance.checkpoint_id, row.key});
}

JoinedTable::JoinedTable(std::ostream& out, Table table, TableFormat format)
    : out_(out), table_(table), format_(format) {
  require(format != TableFormat::json, "a joined table is CSV or JSON lines, not a JSON array");
  if (format != TableFormat::csv) return;
  switch (table) {
    case Table::layers:
      out << csv_head<JoinedRow<JudgedRow>>();
      break;
    case Table::summary:
      out << csv_head<JoinedRow<SummaryRow>>();
      break;
    case Table::skipped:
      out << csv_head<JoinedRow<SkippedRow>>();
      break;
    case Table::adapter:
      out << csv_head<JoinedRow<analysis::AdapterRow>>();
      break;
    case Table::traps:
      out << csv_head<JoinedRow<TrapRow>>();
      break;
  }
}

template <class Rows, class RowOf>
void JoinedTable::write(const Provenance& provenance, const Rows& rows, const RowOf& row_of) {
  using Row = std::remove_cvref_t<decltype(row_of(*rows.begin()))>;
  for (const auto& one : rows) {
    const JoinedRow<Row> joined{provenance.checkpoint_id, provenance.training.step,
                                provenance.training.tokens,
                                std::string(analysis_name(provenance.analysis)), row_of(one)};
    out_ << (format_ == TableFormat::csv ? csv_line(joined) : json_line(joined));
  }
}

void JoinedTable::add(const CheckpointRecord& record) {
  const auto itself = [](const auto& row) -> const auto& { return row; };
  switch (table_) {
    case Table::layers:
      return write(record.provenance, record.layers, judged);
    case Table::summary:
      return write(record.provenance, record.summary, itself);
    case Table::skipped:
      return write(record.provenance, record.skipped, itself);
    case Table::adapter:
      return write(record.provenance, analysis::adapter_rows(record.layers), itself);
    case Table::traps:
      return write(record.provenance, record.traps, itself);
  }
}

}  // namespace wishart::report
