#pragma once

/// @file
/// What the user asks for: one struct per command, from flags and job files.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "wishart/fit/options.hpp"
#include "wishart/record/spectrum.hpp"
#include "wishart/synth/checkpoint.hpp"

namespace wishart::job {

enum class ProgressStyle : std::uint8_t { automatic, plain, json, none };
enum class OutputFormat : std::uint8_t { text, md, html, csv, json, jsonl, npy };

/// Which tensors become matrices, and how; shared by `scan` and `inspect`.
struct SelectionArguments {
  bool weightwatcher = false;  ///< --compat weightwatcher
  bool no_pool = false;
  bool split_fused = false;
  std::int64_t min_evals = 10;
  std::vector<std::string> layers;
  std::filesystem::path base;       ///< analyse W - W_base
  std::filesystem::path with_base;  ///< of an adapter: analyse W_base + s B A
};

struct ScanOptions {
  std::vector<std::filesystem::path> paths;
  std::filesystem::path archive;
  std::string id;  ///< empty: from the name of the checkpoint
  SelectionArguments selection;
  fit::FitOptions fit;
  Method method = Method::gram;
  Precision precision = Precision::float64;
  bool reuse = true;     ///< spectra of an earlier checkpoint where the values are the same
  bool replace = false;  ///< another analysis that the archive has of a checkpoint
  bool resolve = false;  ///< qr where the Gram matrix leaves values unresolved
  Solver solver = Solver::automatic;
  std::int64_t randomize = 0;  ///< spectra of each matrix with its elements in random order
  double farms = 0;            ///< aspect ratio of the windows that alpha is made of too; 0: none
  int threads_per_rank = 0;    ///< 0: as the environment says, else 1
  int team_size = 0;
  std::int64_t memory_per_rank_bytes = 0;  ///< 0: what the machine has, shared by its ranks
  double time_limit_seconds = 0;           ///< 0: none
  ProgressStyle progress = ProgressStyle::automatic;

  /// The options that shape spectra, as a JSON object; stored in the archive.
  [[nodiscard]] std::string result_options_json() const;
};

/// Checkpoints over which a layer of a history counts as settled, unless the user says otherwise.
inline constexpr std::int64_t kDefaultWindow = 3;
/// Layers whose eigenvalues a page draws: four rows of three on a wide screen.
inline constexpr std::int64_t kDefaultDensities = 12;
inline constexpr std::int64_t kMostDensities = 5000;  ///< as many as HTML has rows of layers

struct InspectOptions {
  std::filesystem::path path;
  SelectionArguments selection;
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
};

struct PlanOptions {
  std::filesystem::path path;
  ScanOptions scan;  ///< the selection and how matrices are computed
  int ranks = 1;
  int ranks_per_node = 0;  ///< 0: all on one node
  double gflops = 0;       ///< of one rank; 0: measured
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
};

struct RefitOptions {
  std::filesystem::path archive;
  std::string checkpoint;  ///< empty: all of the archive
  int threads = 0;         ///< 0: as many as the machine runs at once
  fit::FitOptions fit;     ///< its mode is taken from the archive
};

struct ReportOptions {
  std::filesystem::path archive;
  std::string checkpoint;  ///< empty: the latest; of a history, the history and then the last
  std::int64_t window = kDefaultWindow;
  std::int64_t densities = kDefaultDensities;  ///< layers whose eigenvalues HTML draws
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
};

struct ExportOptions {
  std::filesystem::path archive;
  std::string checkpoint;
  std::int64_t window = kDefaultWindow;
  bool all = false;  ///< every checkpoint of the archive in one table
  std::string table = "layers";
  std::string matrix;
  OutputFormat format = OutputFormat::csv;
  std::filesystem::path output;  ///< of the document; empty: standard output
};

struct VerifyOptions {
  std::filesystem::path archive;
  std::string checkpoint;  ///< empty: all of the archive
  bool repair = false;     ///< set damaged and changed files aside
  bool reseal = false;     ///< accept changed files as they are, and seal them again
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
};

/// The tables of a comparison. A CSV file holds one.
enum class CompareTable { paired, layers };

struct CompareOptions {
  std::filesystem::path archive;         ///< empty if both checkpoints are paths
  std::vector<std::string> checkpoints;  ///< two: ids, or paths of archive files
  OutputFormat format = OutputFormat::text;
  CompareTable table = CompareTable::paired;  ///< of CSV; the other formats hold both
  std::filesystem::path output;               ///< of the document; empty: standard output
};

struct GateOptions {
  std::filesystem::path archive;
  std::filesystem::path rules;
  std::string checkpoint;           ///< id or path; empty: the latest of the archive
  std::string base;                 ///< id or path; empty: none
  std::vector<std::string> stages;  ///< ids or paths, in order; instead of the two above
  bool every_stage = false;         ///< rules against nothing judge all stages, not only the last
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
};

struct RankOptions {
  std::vector<std::filesystem::path> archives;
  std::string metric = "alpha";
  std::filesystem::path scores;  ///< CSV; empty: none
  std::string score = "score";   ///< its column
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
};

struct IndexOptions {
  std::filesystem::path archive;
  bool rebuild = false;  ///< open every file
};

struct MergeOptions {
  std::filesystem::path archive;  ///< a folder to pack, or a packed file
  std::filesystem::path out;      ///< the file to pack into; empty: unpack
  std::filesystem::path unpack;   ///< the folder to unpack into
};

struct SynthOptions {
  bool list = false;  ///< show the shapes, write nothing
  synth::CheckpointOptions checkpoint;
  OutputFormat format = OutputFormat::text;
};

/// Parsers of the arguments after the command's name. A value comes from the flag, else from the
/// file named by `--job`, else from the default above.
/// @throws Error with Blame::usage that names the argument and, for an unknown key, the nearest one
[[nodiscard]] ScanOptions parse_scan(std::span<const std::string> arguments);
[[nodiscard]] InspectOptions parse_inspect(std::span<const std::string> arguments);
[[nodiscard]] PlanOptions parse_plan(std::span<const std::string> arguments);
[[nodiscard]] RefitOptions parse_refit(std::span<const std::string> arguments);
[[nodiscard]] ReportOptions parse_report(std::span<const std::string> arguments);
[[nodiscard]] ExportOptions parse_export(std::span<const std::string> arguments);
[[nodiscard]] VerifyOptions parse_verify(std::span<const std::string> arguments);
[[nodiscard]] CompareOptions parse_compare(std::span<const std::string> arguments);
[[nodiscard]] GateOptions parse_gate(std::span<const std::string> arguments);
[[nodiscard]] RankOptions parse_rank(std::span<const std::string> arguments);
[[nodiscard]] IndexOptions parse_index(std::span<const std::string> arguments);
[[nodiscard]] MergeOptions parse_merge(std::span<const std::string> arguments);
[[nodiscard]] SynthOptions parse_synth(std::span<const std::string> arguments);

/// The text of `wishart COMMAND --help`, or of `wishart --help` for an empty name.
[[nodiscard]] std::string help_text(const std::string& command);

}  // namespace wishart::job
