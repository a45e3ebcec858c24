#pragma once

/// @file
/// Exports tables and spectra of an archive for other programs.

#include <cstddef>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

enum class TableFormat { csv, json, jsonl };

/// The source of an exported table.
struct ExportSource {
  std::string table;
  std::string checkpoint;  ///< empty for several checkpoints
  std::string matrix;      ///< key of the matrix; empty for all
};

/// How the JSON document of an exported table begins. A JSON array of its rows and a brace follow.
[[nodiscard]] std::string export_opening(const ExportSource& source);

/// The tables by name: layers, summary, skipped, adapter (the adapted layers), traps.
enum class Table { layers, summary, skipped, adapter, traps };

/// Writes a whole table, row by row. CSV has RFC 4180 quoting, `\n` line ends, numbers with all
/// digits, NaN as `nan` and infinities as `inf`. A text that a spreadsheet would take for a formula
/// gets an apostrophe in front. JSON and JSON lines: docs/json.md.
void export_table(std::ostream& out, const CheckpointRecord& record, Table table,
                  TableFormat format);

/// A table of many checkpoints. Each is written when it is added, so that only one is in memory at
/// a time. Each row begins with `checkpoint`, `step`, `tokens` (-1: not known) and `analysis`.
class JoinedTable {
public:
  /// @pre format is csv or jsonl
  JoinedTable(std::ostream& out, Table table, TableFormat format);

  void add(const CheckpointRecord& record);

private:
  template <class Rows, class RowOf>
  void write(const Provenance& provenance, const Rows& rows, const RowOf& row_of);

  std::ostream& out_;
  Table table_;
  TableFormat format_;
};

/// The singular values of the matrix with this key (or tensor name, if that is unambiguous):
/// `npy` bytes (format version 1.0, `<f8`), or a table with columns index, sigma, lambda.
/// @throws Error with Blame::usage if there is no such matrix; it suggests a similar key
[[nodiscard]] std::string export_spectrum_npy(const CheckpointRecord& record,
                                              const std::string& matrix);
[[nodiscard]] std::string export_spectrum(const CheckpointRecord& record, const std::string& matrix,
                                          TableFormat format);

/// The index of the layer with this key (or tensor name, if that is unambiguous).
/// @throws Error with Blame::usage if there is no such matrix; it suggests a similar key
[[nodiscard]] std::size_t layer_index(const CheckpointRecord& record, const std::string& matrix);

/// The row and the singular values of a matrix, selected by name as above.
struct NamedSpectrum {
  const LayerRow& row;
  const std::vector<double>& sigma;
};
[[nodiscard]] NamedSpectrum spectrum_of(const CheckpointRecord& record, const std::string& matrix);

}  // namespace wishart::report
