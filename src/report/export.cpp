#include "wishart/report/export.hpp"

#include <algorithm>
#include <optional>

#include "wishart/core/error.hpp"
#include "wishart/core/npy.hpp"
#include "wishart/core/text.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"

namespace wishart::report {
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
    throw Error(Blame::usage, "'" + printable(matrix) + "' is " + std::to_string(same_name.size()) +
                                  " matrices of " + where + ". Name one of them: " +
                                  printable(keys) + (shown < same_name.size() ? ", ..." : ""));
  }
  std::vector<std::string> keys;
  for (const LayerRow& layer : record.layers) keys.push_back(layer.key);
  const std::string near = nearest(matrix, keys);
  throw Error(Blame::usage, "no matrix '" + printable(matrix) + "' in " + where +
                                (near.empty() ? "" : ". Did you mean '" + printable(near) + "'?"));
}

}  // namespace

std::string export_json(const ExportSource& source, const std::string& rows) {
  return json_opening(kExportSchema) + ", \"table\": " + json_quoted(source.table) +
         ", \"checkpoint\": " + json_value_or_null(source.checkpoint) +
         ", \"matrix\": " + json_value_or_null(source.matrix) + ",\n \"rows\": " + rows + "}\n";
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

std::string export_table(const CheckpointRecord& record, Table table, TableFormat format) {
  const std::string& id = record.provenance.checkpoint_id;
  switch (table) {
    case Table::layers:
      return rows_text(record.layers, format, {"layers", id, ""});
    case Table::summary:
      return rows_text(record.summary, format, {"summary", id, ""});
    case Table::skipped:
      return rows_text(record.skipped, format, {"skipped", id, ""});
  }
  throw Error(Blame::bug, "an unknown table was asked for");
}

std::string export_spectrum_npy(const CheckpointRecord& record, const std::string& matrix) {
  return npy_bytes(spectrum_of(record, matrix).sigma);
}

std::string export_spectrum(const CheckpointRecord& record, const std::string& matrix,
                            TableFormat format) {
  const auto [row, sigma] = spectrum_of(record, matrix);
  std::string text = format == TableFormat::csv ? "index,sigma,lambda\n" : "[";
  for (std::size_t i = 0; i < sigma.size(); ++i) {
    const double lambda = sigma[i] * sigma[i];
    if (format == TableFormat::csv) {
      text += std::to_string(i) + "," + shortest(sigma[i]) + "," + shortest(lambda) + "\n";
    } else {
      text += std::string(i > 0 ? ",\n  " : "\n  ") + "{\"index\": " + std::to_string(i) +
              ", \"sigma\": " + json_value(sigma[i]) + ", \"lambda\": " + json_value(lambda) + "}";
    }
  }
  if (format == TableFormat::csv) return text;
  return export_json({"spectrum", record.provenance.checkpoint_id, row.key}, text + "\n]");
}

}  // namespace wishart::report
