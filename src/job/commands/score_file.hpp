#pragma once

/// @file
/// Reads known scores of models from a CSV file.

#include <filesystem>
#include <string>
#include <vector>

#include "wishart/analysis/ranking.hpp"

namespace wishart::job {

/// Reads a CSV file (RFC 4180) with a header line: the columns `model`, the one named by `score`
/// and, optionally, `group`. Ignores other columns and rows with an empty score.
/// @throws Error with Blame::usage that names file and line
[[nodiscard]] std::vector<analysis::Score> read_scores(const std::filesystem::path& file,
                                                       const std::string& score);

}  // namespace wishart::job
