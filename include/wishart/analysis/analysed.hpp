#pragma once

/// @file
/// What is said of analyses that do not stand beside others.

#include <string>
#include <vector>

#include "wishart/record/analysed.hpp"

namespace wishart::analysis {

/// A few sentences on what was left out and why; empty if nothing was.
[[nodiscard]] std::string left_out_text(const std::vector<Analysed>& left_out);

/// @throws Error with Blame::usage if one is a whole model and the other a change of weights
void check_alike(const Provenance& a, const Provenance& b);

}  // namespace wishart::analysis
