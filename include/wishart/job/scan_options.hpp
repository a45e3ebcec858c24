#pragma once

/// @file
/// The options of commands that look at checkpoints: `scan`, `inspect`, `plan`, `refit`, `synth`.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "wishart/fit/options.hpp"
#include "wishart/job/output_format.hpp"
#include "wishart/record/mode.hpp"
#include "wishart/record/spectrum.hpp"
#include "wishart/synth/checkpoint.hpp"

namespace wishart::job {

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

struct SynthOptions {
  bool list = false;  ///< only list the shapes
  synth::CheckpointOptions checkpoint;
  OutputFormat format = OutputFormat::text;
};

}  // namespace wishart::job
