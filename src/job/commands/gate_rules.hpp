#pragma once

/// @file
/// Reads the rules of `wishart gate`.

#include <filesystem>
#include <string>
#include <vector>

#include "wishart/analysis/gate.hpp"

namespace wishart::job {

/// Reads an INI file with a section `[name]` for each rule. docs/histories.md lists the keys.
/// @throws Error with Blame::usage that names file, rule and key; for an unknown key, also the
///   nearest one
/// @param name  of the file, for messages
[[nodiscard]] std::vector<analysis::Rule> parse_rules(const std::string& text,
                                                      const std::string& name);
/// The same from a file.
[[nodiscard]] std::vector<analysis::Rule> read_rules(const std::filesystem::path& file);

}  // namespace wishart::job
