#pragma once

/// @file
/// Known scores of models, from a CSV file.

#include <filesystem>
#include <string>
#include <vector>

#include "wishart/analysis/ranking.hpp"

namespace wishart::job {

/// Reads a CSV file (RFC 4180) with a header: `model`, the column named `score`, and, if it is
/// there, `group`. Other columns are passed over; a row with an empty score too.
/// @throws Error with Blame::usage that names file and line
[[nodiscard]] std::vector<analysis::Score> read_scores(const std::filesystem::path& file,
                                                       const std::string& score);

}  // namespace wishart::job
