#pragma once

/// @file
/// `wishart inspect` of a history: a row for each checkpoint.

#include <string>

#include "wishart/checkpoint/history.hpp"
#include "wishart/job/options.hpp"

namespace wishart::job {

/// The checkpoints of `history`, in the order of training, then those that are still being written;
/// and whether a scan into `options.archive` would find them done.
/// @throws Error  what one of them is refused with, unless it is to be blamed on its files
[[nodiscard]] std::string inspect_history_text(const checkpoint::History& history,
                                               const InspectOptions& options);

}  // namespace wishart::job
