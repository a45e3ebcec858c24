#pragma once

/// @file
/// The options of commands that show or keep an archive: `report`, `export`, `plot`, `verify`,
/// `index`, `merge`.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "wishart/analysis/linear_map.hpp"
#include "wishart/job/output_format.hpp"

namespace wishart::job {

/// Default number of checkpoints over which a layer must be stable to count as settled.
inline constexpr std::int64_t kDefaultWindow = 3;
/// Default number of layers whose eigenvalues the HTML page plots: four rows of three on a wide
/// screen.
inline constexpr std::int64_t kDefaultDensities = 12;
inline constexpr std::int64_t kMostDensities = 5000;  ///< the most rows of the HTML layer table

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

struct PlotOptions {
  std::filesystem::path archive;
  std::vector<std::string> checkpoints;  ///< none: the latest; one; or two to compare
  std::string what;                      ///< the kind of figure
  std::string measure;                   ///< empty: the first that the figure has
  std::string layer;                     ///< of figures of one layer
  bool list = false;                     ///< only list what can be drawn
  std::filesystem::path output;          ///< of the document; empty: standard output
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

struct IndexOptions {
  std::filesystem::path archive;
  bool rebuild = false;  ///< read every file, not only changed ones
};

struct MergeOptions {
  std::filesystem::path archive;  ///< a folder to pack, or a packed file
  std::filesystem::path out;      ///< the packed file to write; empty: unpack
  std::filesystem::path unpack;   ///< the folder to unpack into
};

}  // namespace wishart::job
