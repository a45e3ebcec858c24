#pragma once

/// @file
/// The rules of `wishart gate`, from their file.

#include <filesystem>
#include <vector>

#include "wishart/analysis/gate.hpp"

namespace wishart::job {

/// Reads an INI file: a section for each rule, `[name]`, with keys as docs/histories.md lists them.
/// @throws Error with Blame::usage that names file, rule and key, and the nearest known key
[[nodiscard]] std::vector<analysis::Rule> read_rules(const std::filesystem::path& file);

}  // namespace wishart::job
