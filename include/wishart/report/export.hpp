#pragma once

/// @file
/// Tables and spectra of an archive in the formats of other programs.

#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

enum class TableFormat { csv, json, jsonl };

/// What an exported table is of.
struct ExportSource {
  std::string table;
  std::string checkpoint;  ///< empty: several
  std::string matrix;      ///< its key; empty: all
};

/// An exported table as a JSON document. `rows`: a JSON array.
[[nodiscard]] std::string export_json(const ExportSource& source, const std::string& rows);

/// The tables by name: layers, summary, skipped.
enum class Table { layers, summary, skipped };

/// A whole table. CSV: RFC 4180 quoting, `\n` line ends, numbers with all their digits, NaN as
/// `nan`, infinities as `inf`; a text that a spreadsheet would take for a formula keeps its first
/// character behind an apostrophe. JSON and JSON lines: docs/json.md.
[[nodiscard]] std::string export_table(const CheckpointRecord& record, Table table,
                                       TableFormat format);

/// A table of many checkpoints, written as they come, so that one is in memory at a time. Each row
/// has `checkpoint`, `step`, `tokens` (-1: not known) and `analysis` in front.
class JoinedTable {
public:
  /// @pre format is csv or jsonl
  JoinedTable(std::ostream& out, Table table, TableFormat format);

  void add(const CheckpointRecord& record);

private:
  template <class Row>
  void write(const Provenance& provenance, const std::vector<Row>& rows);

  std::ostream& out_;
  Table table_;
  TableFormat format_;
};

/// The singular values of the matrix with this key (or tensor name, if that is unambiguous):
/// `npy` bytes (format version 1.0, `<f8`), or a table with columns index, sigma, lambda.
/// @throws Error with Blame::usage that names the nearest key if there is none
[[nodiscard]] std::string export_spectrum_npy(const CheckpointRecord& record,
                                              const std::string& matrix);
[[nodiscard]] std::string export_spectrum(const CheckpointRecord& record, const std::string& matrix,
                                          TableFormat format);

/// The row and the singular values of a matrix, named as above.
struct NamedSpectrum {
  const LayerRow& row;
  const std::vector<double>& sigma;
};
[[nodiscard]] NamedSpectrum spectrum_of(const CheckpointRecord& record, const std::string& matrix);

}  // namespace wishart::report
