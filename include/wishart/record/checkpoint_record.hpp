#pragma once

/// @file
/// Everything the archive stores about one checkpoint, as one value.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/record/analysis_kind.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart {

/// Where the numbers come from. These are the root attributes of an archive file, with the same
/// names.
struct Provenance {
  std::string checkpoint_id;        ///< name of the archive file without `.h5`
  std::string checkpoint_path;      ///< as given, made absolute
  std::string checkpoint_identity;  ///< hash over names, sizes, times and headers of the files
  AnalysisKind analysis = AnalysisKind::weights;
  std::string base_path;         ///< of a difference, or under an adapter: made absolute
  std::string base_identity;     ///< of its files; empty before version 3
  std::string format;            ///< `safetensors`
  std::string model_type;        ///< from config.json, or empty
  TrainingState training;        ///< attributes step, tokens, loss, eval_loss, learning_rate
  std::string mode;              ///< `corrected` or `weightwatcher`
  std::string options;           ///< the resolved options that shape spectra, as JSON
  std::string fit_options;       ///< those that shape metrics, as JSON; empty before version 2
  std::int64_t fit_version = 1;  ///< of the metrics: fit::kFitVersion of the program
  std::string program_version;
  std::string program_commit;
  std::string compiler;
  std::string libraries;
  std::string mpi_layout;           ///< `4 ranks on 2 hosts, 1 thread each`
  std::string created;              ///< UTC, ISO 8601
  double seconds = 0;               ///< wall time of the job, all its runs
  double predicted_seconds = kNan;  ///< last run: time predicted by the plan, first matrix to last
  double working_seconds = kNan;    ///< last run: actual time
  double busy_share = kNan;         ///< last run: busy share of ranks x working_seconds
  std::int64_t restarts = 0;        ///< resumptions from a journal, or from a file with failures
  std::int64_t reseals = 0;  ///< how often a file that another program changed was sealed again
  std::string reseal_log;    ///< a line for each of these: time, version, what differed
};

/// The singular values of one matrix, with data about its views.
struct StoredSpectrum {
  std::vector<double> sigma;  ///< ascending; empty if the matrix has none
  std::vector<double> view_sigma_min;
  std::vector<double> view_sigma_max;
  std::vector<std::int64_t> view_rank_loss;
};

/// The content of one archive file.
struct CheckpointRecord {
  Provenance provenance;
  std::vector<SourceFile> files;
  std::vector<LayerRow> layers;         ///< by layer_id
  std::vector<StoredSpectrum> spectra;  ///< one for each layer, in the same order
  std::vector<TrapRow> traps;           ///< by layer, order and trap_index
  std::vector<SkippedRow> skipped;
  std::vector<SummaryRow> summary;
};

template <class F>
void visit_fields(StoredSpectrum& v, F&& f) {
  f(v.sigma), f(v.view_sigma_min), f(v.view_sigma_max), f(v.view_rank_loss);
}

template <class F>
void visit_columns(SourceFile& r, F&& f) {
  f("name", r.name), f("size_bytes", r.size_bytes), f("mtime_ns", r.mtime_ns);
  f("header_hash", r.header_hash);
}

}  // namespace wishart
