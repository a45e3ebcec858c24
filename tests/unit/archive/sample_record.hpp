#pragma once

/// @file
/// A record that uses every column, and what tests need to compare records.

#include <bit>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::test {

/// Gives every column of a row a value that depends on the row and the column.
class Fill {
public:
  explicit Fill(std::int64_t row) : row_(row) {}
  void operator()(const char* /*name*/, double& value) {
    value = static_cast<double>(row_) + 0.1 * static_cast<double>(++column_);
  }
  void operator()(const char* /*name*/, std::int64_t& value) { value = row_ * 1000 + ++column_; }
  void operator()(const char* /*name*/, bool& value) { value = (row_ + ++column_) % 2 == 0; }
  void operator()(const char* name, std::string& value) {
    value = std::string(name) + "." + std::to_string(row_ * 1000 + ++column_);
  }

private:
  std::int64_t row_;
  std::int64_t column_ = 0;
};

template <class Row>
std::vector<Row> filled_rows(std::int64_t count) {
  std::vector<Row> rows(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i)
    visit_columns(rows[static_cast<std::size_t>(i)], Fill(i));
  return rows;
}

/// Spectrum i of a sample: i + 3 values, i + 1 views; spectrum 1 has none.
inline StoredSpectrum sample_spectrum(std::int64_t i) {
  StoredSpectrum spectrum;
  if (i == 1) return spectrum;
  for (std::int64_t k = 0; k < i + 3; ++k) {
    spectrum.sigma.push_back(static_cast<double>(i) + 1.0 / static_cast<double>(i + 4 - k));
  }
  for (std::int64_t v = 0; v < i + 1; ++v) {
    spectrum.view_sigma_min.push_back(0.25 * static_cast<double>(v));
    spectrum.view_sigma_max.push_back(4.0 + static_cast<double>(v));
    spectrum.view_rank_loss.push_back(v);
  }
  return spectrum;
}

inline CheckpointRecord sample_record(std::int64_t layers, const std::string& id = "sample") {
  CheckpointRecord record;
  Provenance& p = record.provenance;
  p.checkpoint_id = id;
  p.checkpoint_path = "/data/größe/step-10";
  p.checkpoint_identity = "00112233445566778899aabbccddeeff";
  p.analysis = AnalysisKind::difference;
  p.base_path = "/data/größe/step-5";
  p.base_identity = "ffeeddccbbaa99887766554433221100";
  p.format = "safetensors";
  p.model_type = "llama";
  p.training.step = 10;
  p.training.tokens = 20'480;
  p.training.loss = 2.5;
  p.training.learning_rate = 1e-4;
  p.mode = "corrected";
  p.options = R"({"min_evals": 10})";
  p.fit_options = R"({"fit": "PL"})";
  p.fit_version = 2;
  p.program_version = "0.1.0";
  p.program_commit = "0123abc";
  p.compiler = "GNU 12.2.0";
  p.libraries = "HDF5 1.10.8";
  p.mpi_layout = "4 ranks on 2 hosts, 1 thread each";
  p.created = "2025-01-02T03:04:05Z";
  p.seconds = 12.5;
  p.restarts = 1;
  record.files = filled_rows<SourceFile>(2);
  record.layers = filled_rows<LayerRow>(layers);
  record.skipped = filled_rows<SkippedRow>(3);
  record.traps = filled_rows<TrapRow>(4);
  record.summary = filled_rows<SummaryRow>(4);
  for (std::int64_t i = 0; i < layers; ++i) record.spectra.push_back(sample_spectrum(i));
  if (layers > 0) {
    LayerRow& first = record.layers.front();
    first.alpha = kNan;
    first.D = std::numeric_limits<double>::infinity();
    first.xmin = -std::numeric_limits<double>::infinity();
    first.norm = -0.0;
    first.num_params = std::numeric_limits<std::int64_t>::max();
    first.longname = "模型.слой.0.größe \xF0\x9F\x8C\x8A";
    first.reason.clear();
  }
  return record;
}

/// A record without contradictions: two matrices 4 x 3 and 5 x 2.
inline CheckpointRecord sound_record() {
  CheckpointRecord record = sample_record(2);
  const std::vector<std::vector<double>> sigma{{0.5, 1, 2}, {3, 4}};
  for (std::size_t i = 0; i < 2; ++i) {
    LayerRow& row = record.layers[i];
    row.layer_id = static_cast<std::int64_t>(i);
    row.rows = row.N = 4 + static_cast<std::int64_t>(i);
    row.cols = row.M = 3 - static_cast<std::int64_t>(i);
    row.num_evals = row.M;
    row.has_esd = true;
    row.alpha_low = 2;
    row.alpha_high = 3;
    row.sum_squares = i == 0 ? 5.25 : 25;
    row.sum_squares_error = 0;
    record.spectra[i] = {sigma[i], {sigma[i].front()}, {sigma[i].back()}, {0}};
  }
  // Two of each layer, in two orders.
  for (std::size_t i = 0; i < record.traps.size(); ++i) {
    TrapRow& row = record.traps[i];
    row.layer_id = static_cast<std::int64_t>(i / 2);
    row.key = record.layers[i / 2].key;
    row.order = static_cast<std::int64_t>(i % 2);
    row.trap_index = 1;
  }
  for (SummaryRow& row : record.summary) {
    row.group_by = "all";
    row.count = 1;
    row.excluded = 1;
  }
  return record;
}

/// A text of all that a record holds, doubles bit by bit: equal texts, equal records.
class Dump {
public:
  void operator()(const char* name, double value) {
    if (value != value) value = kNan;
    (*this)(name, std::bit_cast<std::int64_t>(value));
  }
  void operator()(const char* name, std::int64_t value) {
    text_ += std::string(name) + '=' + std::to_string(value) + '\n';
  }
  void operator()(const char* name, bool value) { (*this)(name, std::int64_t{value}); }
  void operator()(const char* name, const std::string& value) {
    text_ += std::string(name) + '=' + std::to_string(value.size()) + ':' + value + '\n';
  }
  template <class T>
  void operator()(const char* name, const std::vector<T>& values) {
    (*this)(name, static_cast<std::int64_t>(values.size()));
    for (const T value : values) (*this)(name, value);
  }
  template <class Row>
  void table(const char* name, const std::vector<Row>& rows) {
    (*this)(name, static_cast<std::int64_t>(rows.size()));
    for (const Row& row : rows) visit_columns(row, *this);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

private:
  std::string text_;
};

inline std::string dump(const Provenance& p) {
  Dump f;
  f("checkpoint_id", p.checkpoint_id), f("checkpoint_path", p.checkpoint_path);
  f("checkpoint_identity", p.checkpoint_identity), f("format", p.format);
  f("analysis", std::string(analysis_name(p.analysis))), f("base_path", p.base_path);
  f("base_identity", p.base_identity);
  f("model_type", p.model_type), f("step", p.training.step), f("tokens", p.training.tokens);
  f("loss", p.training.loss), f("eval_loss", p.training.eval_loss);
  f("learning_rate", p.training.learning_rate), f("mode", p.mode), f("options", p.options);
  f("fit_options", p.fit_options), f("fit_version", p.fit_version);
  f("program_version", p.program_version), f("program_commit", p.program_commit);
  f("compiler", p.compiler), f("libraries", p.libraries), f("mpi_layout", p.mpi_layout);
  f("created", p.created), f("seconds", p.seconds), f("restarts", p.restarts);
  f("reseals", p.reseals), f("reseal_log", p.reseal_log);
  return f.text();
}

inline std::string dump(const StoredSpectrum& spectrum) {
  Dump f;
  f("sigma", spectrum.sigma), f("view_sigma_min", spectrum.view_sigma_min);
  f("view_sigma_max", spectrum.view_sigma_max), f("view_rank_loss", spectrum.view_rank_loss);
  return f.text();
}

inline std::string dump(const CheckpointRecord& record) {
  Dump tables;
  tables.table("files", record.files), tables.table("layers", record.layers);
  tables.table("skipped", record.skipped), tables.table("summary", record.summary);
  tables.table("traps", record.traps);
  std::string text = dump(record.provenance) + tables.text();
  for (const StoredSpectrum& spectrum : record.spectra) text += dump(spectrum);
  return text;
}

/// The first line in which two dumps differ, empty if they are equal.
template <class A, class B>
std::string difference(const A& found, const B& expected) {
  std::istringstream a(dump(found));
  std::istringstream b(dump(expected));
  for (std::string x, y;;) {
    const bool more = static_cast<bool>(std::getline(a, x));
    if (more != static_cast<bool>(std::getline(b, y))) return "one is longer, after: " + x + y;
    if (!more) return "";
    if (x != y) return "found " + x + ", expected " + y;
  }
}

/// The text of the Error that `act` throws, after its blame: `3: model.h5: ...`.
template <class Act>
std::string error_of(Act&& act) {
  try {
    act();
  } catch (const Error& error) {
    return std::to_string(static_cast<int>(error.blame())) + ": " + error.what();
  }
  return "no error";
}

}  // namespace wishart::test
