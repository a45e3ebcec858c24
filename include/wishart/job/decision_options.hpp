#pragma once

/// @file
/// The options of commands that compare and judge: `compare`, `gate`, `check`, `rank`.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "wishart/job/output_format.hpp"
#include "wishart/job/scan_options.hpp"

namespace wishart::job {

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

}  // namespace wishart::job
