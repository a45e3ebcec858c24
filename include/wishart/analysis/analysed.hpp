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

/// A sentence if those left out for their step are of another run than `kept`, as their names tell:
/// two or more that differ in the step only. Names that begin with one of `kept` are those of
/// copies, such as `checkpoint-100-int8`. Else empty.
/// @param kept  ids
[[nodiscard]] std::string mixed_runs_text(const std::vector<Analysed>& left_out,
                                          const std::vector<std::string>& kept);

/// @throws Error with Blame::usage if one is a whole model and the other a change of weights
void check_alike(const Provenance& a, const Provenance& b);

}  // namespace wishart::analysis
