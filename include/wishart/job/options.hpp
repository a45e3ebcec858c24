#pragma once

/// @file
/// The options of each command, from flags and job files.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wishart/analysis/linear_map.hpp"
#include "wishart/fit/options.hpp"
#include "wishart/record/mode.hpp"
#include "wishart/record/spectrum.hpp"
#include "wishart/synth/checkpoint.hpp"

namespace wishart::job {

enum class ProgressStyle : std::uint8_t { automatic, plain, json, none };
enum class OutputFormat : std::uint8_t { text, md, html, csv, json, jsonl, npy, prom, yaml, brief };

/// How people get to see a report.
struct ReadingOptions {
  std::size_t width = 0;  ///< the longest line of text; 0: as long as needed
  bool open = false;      ///< open the file in a browser
  std::string page;  ///< for a brief: where the whole report is; empty: the command that makes it
};

/// Which tensors are analysed, and as which matrices; shared by `scan`, `inspect` and `plan`.
struct SelectionArguments {
  bool weightwatcher = false;  ///< --compat weightwatcher
  bool no_pool = false;
  bool split_fused = false;
  std::int64_t min_evals = 10;
  std::vector<std::string> layers;
  std::filesystem::path base;       ///< analyse W - W_base
  std::filesystem::path with_base;  ///< for an adapter: analyse W_base + s B A
  std::string variant;              ///< of a folder with one model in several precisions
  bool allow_unknown = false;  ///< leave out what a quantisation that is not read makes doubtful

  [[nodiscard]] Mode mode() const noexcept {
    return weightwatcher ? Mode::weightwatcher : Mode::corrected;
  }
};

struct ScanOptions {
  std::vector<std::filesystem::path> paths;
  std::filesystem::path archive;
  std::string id;  ///< empty: derived from the name of the checkpoint
  SelectionArguments selection;
  fit::FitOptions fit;
  Method method = Method::gram;
  bool or_svd = false;  ///< in compat mode, for each matrix `gram` or `svd`, whichever is faster
  Precision precision = Precision::float64;
  Products products = Products::automatic;
  bool reuse = true;     ///< copy spectra of unchanged matrices from an earlier checkpoint
  bool replace = false;  ///< replace a different analysis of the checkpoint in the archive
  bool resolve = false;  ///< use qr where the Gram matrix leaves values unresolved
  Solver solver = Solver::automatic;
  std::int64_t randomize = 0;  ///< number of spectra with the elements in random order
  double farms = 0;            ///< aspect ratio of the windows for the farms_* metrics; 0: none
  int threads_per_rank = 0;    ///< 0: from the environment, else 1
  int team_size = 0;
  std::int64_t memory_per_rank_bytes = 0;     ///< 0: an equal share of the host's free memory
  std::optional<double> time_limit_seconds;   ///< 0: nothing is begun
  std::optional<std::int64_t> until_seconds;  ///< end of the job, since 1970
  bool until_is_told = false;        ///< the user has said when the job ends, or that it does not
  double wait_for_lock_seconds = 0;  ///< for checkpoints that another job is working on
  std::filesystem::path stage_dir;   ///< folder of each host to copy the files to; empty: none
  ProgressStyle progress = ProgressStyle::automatic;

  /// True if each Gram spectrum is checked for the digits of compat mode.
  [[nodiscard]] bool checked() const noexcept {
    return selection.weightwatcher && method == Method::gram;
  }

  /// The options that affect spectra, as a JSON object; stored in the archive.
  [[nodiscard]] std::string result_options_json() const;
};

/// Default number of checkpoints over which a layer must be stable to count as settled.
inline constexpr std::int64_t kDefaultWindow = 3;
/// Default number of layers whose eigenvalues the HTML page plots: four rows of three on a wide
/// screen.
inline constexpr std::int64_t kDefaultDensities = 12;
inline constexpr std::int64_t kMostDensities = 5000;  ///< the most rows of the HTML layer table

struct InspectOptions {
  std::filesystem::path path;
  std::filesystem::path archive;  ///< looked into for each checkpoint; empty: none
  SelectionArguments selection;
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
};

/// An option of a command line, to be handed on.
struct GivenOption {
  std::string name;
  std::vector<std::string> values;  ///< none for a switch
  bool is_path = false;
};

/// What a plan knows of a cluster; zeros and empty texts: not known.
struct Cluster {
  int nodes = 0;
  int cores_per_node = 0;
  std::int64_t memory_per_node_bytes = 0;
  double longest_job_seconds = 0;  ///< the time limit of the partition
  std::string partition;
  std::string account;
  std::string qos;
  std::string launcher;            ///< `srun` or `mpirun`
  std::vector<std::string> setup;  ///< lines of shell before the scan
};

struct PlanOptions {
  std::filesystem::path path;  ///< a checkpoint or a folder of checkpoints; empty: `shape`
  std::string shape;           ///< of a model of wishart::synth
  ScanOptions scan;            ///< which matrices, how they are computed, and the archive, if any
  std::vector<GivenOption> given;  ///< options of the scan that were set
  std::vector<int> ranks;          ///< at least one
  int ranks_per_node = 0;          ///< 0: as many as the cluster's nodes hold, else all on one
  double gflops = 0;               ///< of one rank; 0: measure it
  double read_gbytes = 0;          ///< GB/s of the file system, for the whole job; 0: no limit
  Cluster cluster;
  bool sbatch = false;  ///< write a batch script
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
};

struct RefitOptions {
  std::filesystem::path archive;
  std::string checkpoint;  ///< empty: all of the archive
  int threads = 0;         ///< 0: all cores of this machine
  fit::FitOptions fit;     ///< the mode comes from the archive
  double wait_for_lock_seconds = 0;
};

struct ReportOptions {
  std::filesystem::path archive;
  std::string checkpoint;  ///< empty: the latest; for a history, the history and the latest
  std::int64_t window = kDefaultWindow;
  std::int64_t densities = kDefaultDensities;  ///< layers whose eigenvalues HTML plots
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
  ReadingOptions reading;
};

/// What `export` writes: a table, or a file for another program.
enum class ExportTarget : std::uint8_t {
  table,
  axolotl,
  peft,
  mergekit,
  prometheus,
  tensorboard,
};

/// The tables of an archive.
enum class ExportTable : std::uint8_t {
  layers,
  summary,
  skipped,
  adapter,  ///< the adapted layers
  traps,
  history,
  spectrum,  ///< of one matrix
  scan,      ///< of xmin, of one matrix
};

struct ExportOptions {
  std::filesystem::path archive;
  std::string checkpoint;
  std::int64_t window = kDefaultWindow;
  bool all = false;  ///< every checkpoint of the archive in one table
  ExportTable table = ExportTable::layers;
  std::string matrix;
  ExportTarget target = ExportTarget::table;
  double top_percent = 50;    ///< axolotl: layers of each type to train
  double energy = 0.9;        ///< peft: share of the energy that the rank keeps
  std::int64_t max_rank = 0;  ///< peft: 0: no limit
  std::optional<analysis::LinearMap> map;
  std::string parameter = "weight";  ///< mergekit
  std::string model;                 ///< prometheus: the label `model`; empty: by the checkpoint
  bool histograms = false;           ///< tensorboard: also the eigenvalues of each layer
  std::filesystem::path folder;      ///< tensorboard: of the event files
  OutputFormat format = OutputFormat::csv;
  std::filesystem::path output;  ///< of the document; empty: standard output

  /// True if the table is of one matrix.
  [[nodiscard]] bool of_matrix() const noexcept {
    return table == ExportTable::spectrum || table == ExportTable::scan;
  }

  /// True if a program of another user reads the document.
  [[nodiscard]] bool for_everyone() const noexcept { return target == ExportTarget::prometheus; }
};

/// A share of the checkpoints of an archive: part `number` of `count`, from 1.
struct ArchivePart {
  std::int64_t number = 1;
  std::int64_t count = 1;
};

struct VerifyOptions {
  std::filesystem::path archive;
  std::string checkpoint;            ///< empty: all of the archive
  bool foreign = false;              ///< in a child process with limits
  std::optional<ArchivePart> part;   ///< nothing: all of it
  bool repair = false;               ///< set damaged and changed files aside
  bool reseal = false;               ///< accept changed files as they are, and seal them again
  double wait_for_lock_seconds = 0;  ///< with `repair` or `reseal`
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
};

/// The tables of a comparison. A CSV file contains one of them.
enum class CompareTable { paired, layers };

struct CompareOptions {
  std::filesystem::path archive;         ///< empty if both checkpoints are paths
  std::vector<std::string> checkpoints;  ///< two: ids, or paths of archive files
  OutputFormat format = OutputFormat::text;
  CompareTable table = CompareTable::paired;  ///< for CSV; the other formats contain both
  std::filesystem::path output;               ///< of the document; empty: standard output
  ReadingOptions reading;
};

struct PlotOptions {
  std::filesystem::path archive;
  std::vector<std::string> checkpoints;  ///< none: the latest; one; or two to compare
  std::string what;                      ///< the kind of figure
  std::string measure;                   ///< empty: the first that the figure has
  std::string layer;                     ///< of figures of one layer
  bool list = false;                     ///< only list what can be drawn
  std::filesystem::path output;          ///< of the document; empty: standard output
};

struct GateOptions {
  std::filesystem::path archive;
  std::filesystem::path rules;
  std::string checkpoint;           ///< id or path; empty: the latest of the archive
  std::string base;                 ///< id or path; empty: none
  std::vector<std::string> stages;  ///< ids or paths, in order; replaces the two above
  bool every_stage = false;         ///< rules without a base check all stages, not only the last
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
  ReadingOptions reading;
};

/// What a tuned checkpoint is, which selects the rules that it is judged by.
enum class CheckKind : std::uint8_t { automatic, full, lora, quantised };

struct CheckOptions {
  std::filesystem::path tuned;
  std::filesystem::path base;
  std::string id;                         ///< of the tuned checkpoint; empty: from its name
  std::string base_id;                    ///< empty: from the name of the base
  CheckKind kind = CheckKind::automatic;  ///< automatic: by the files
  bool verbose = false;
  std::size_t width = 0;  ///< the longest line of what --verbose adds; 0: as long as needed
  ScanOptions scan;  ///< archive (empty: a temporary one) and how ranks work; the rest is set later
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
};

struct RankOptions {
  std::vector<std::filesystem::path> archives;
  std::string metric = "alpha";
  std::filesystem::path scores;  ///< CSV; empty: none
  std::string score = "score";   ///< its column
  /// Of the scores; by the column's name if neither is asked for.
  std::optional<bool> lower_is_better;
  OutputFormat format = OutputFormat::text;
  std::filesystem::path output;  ///< of the document; empty: standard output
  ReadingOptions reading;
};

struct IndexOptions {
  std::filesystem::path archive;
  bool rebuild = false;  ///< read every file, not only changed ones
};

struct MergeOptions {
  std::filesystem::path archive;  ///< a folder to pack, or a packed file
  std::filesystem::path out;      ///< the packed file to write; empty: unpack
  std::filesystem::path unpack;   ///< the folder to unpack into
};

struct SynthOptions {
  bool list = false;  ///< only list the shapes
  synth::CheckpointOptions checkpoint;
  OutputFormat format = OutputFormat::text;
};

/// Parse the arguments after the command's name. A flag takes precedence over the job file
/// (`--job`), which takes precedence over the default above.
/// @throws Error with Blame::usage that names the argument and, for an unknown key, the nearest one
[[nodiscard]] ScanOptions parse_scan(std::span<const std::string> arguments);
[[nodiscard]] InspectOptions parse_inspect(std::span<const std::string> arguments);
[[nodiscard]] PlanOptions parse_plan(std::span<const std::string> arguments);
[[nodiscard]] RefitOptions parse_refit(std::span<const std::string> arguments);
[[nodiscard]] ReportOptions parse_report(std::span<const std::string> arguments);
[[nodiscard]] ExportOptions parse_export(std::span<const std::string> arguments);
[[nodiscard]] VerifyOptions parse_verify(std::span<const std::string> arguments);
[[nodiscard]] CompareOptions parse_compare(std::span<const std::string> arguments);
[[nodiscard]] PlotOptions parse_plot(std::span<const std::string> arguments);
[[nodiscard]] GateOptions parse_gate(std::span<const std::string> arguments);
[[nodiscard]] CheckOptions parse_check(std::span<const std::string> arguments);
[[nodiscard]] RankOptions parse_rank(std::span<const std::string> arguments);
[[nodiscard]] IndexOptions parse_index(std::span<const std::string> arguments);
[[nodiscard]] MergeOptions parse_merge(std::span<const std::string> arguments);
[[nodiscard]] SynthOptions parse_synth(std::span<const std::string> arguments);

/// The text of `wishart COMMAND --help`, or of `wishart --help` for an empty name.
[[nodiscard]] std::string help_text(const std::string& command);

}  // namespace wishart::job
