#pragma once

/// @file
/// What is said of analyses that do not stand beside others.

#include <string>
#include <vector>

#include "wishart/record/analysed.hpp"

namespace wishart::analysis {

/// A few sentences on what was left out and why; empty if nothing was.
[[nodiscard]] std::string left_out_text(const std::vector<Analysed>& left_out);

/// A sentence on those without a step, such as the base of a run; empty if there are none.
[[nodiscard]] std::string unplaced_text(const std::vector<Analysed>& left_out);

/// A sentence if others than `kept` may be a run too: two or more steps of one run were left out
/// for it. Else empty. A single checkpoint of another run, such as the base of a fine-tuning, is
/// no second run.
/// @param kept  the id of the last checkpoint of the run that is followed
[[nodiscard]] std::string mixed_runs_text(const std::vector<Analysed>& left_out,
                                          const std::string& kept);

/// @throws Error with Blame::usage if one is a whole model and the other a change of weights
void check_alike(const Provenance& a, const Provenance& b);

}  // namespace wishart::analysis
