#pragma once

/// @file
/// Which checkpoints are of one run, as their names, folders and steps tell
/// (docs/decisions/107-names-tell-runs.md).

#include <string>
#include <vector>

#include "wishart/record/analysed.hpp"

namespace wishart {

/// The name of the folder that holds the checkpoints of a run, by the path of one: the nearest one
/// above it that has no step in its own name. Empty if there is none.
[[nodiscard]] std::string run_folder(const std::string& checkpoint_path);

/// Sets `why` to LeftOut::run, and `run`, of checkpoints that are not of the run that is followed:
/// that of `like`, else the only one of several checkpoints, else the one that is last in training.
/// Those without a step, or left out already, are not looked at.
/// @param like  an id; empty: none in particular
void mark_other_runs(const std::vector<Analysed*>& members, const std::string& like);

}  // namespace wishart
