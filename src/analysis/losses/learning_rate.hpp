#pragma once

/// @file
/// Internal: what the recorded learning rates tell about the losses beside them.

#include <cstddef>
#include <span>
#include <string>

#include "wishart/analysis/history_row.hpp"

namespace wishart::analysis {

/// `The learning rate rose from 1e-06 at checkpoint-3000 to 0.0003 at checkpoint-4000.` Empty if it
/// has not doubled since the row `from`, or is not known.
[[nodiscard]] std::string rise_of_rate_text(std::span<const HistoryRow> rows, std::size_t from);

/// True if the rate has doubled since the row `from`, to one that it had had before: the first
/// warm-up is none.
[[nodiscard]] bool is_warmed_again(std::span<const HistoryRow> rows, std::size_t from);

/// A sentence on a last rate that has decayed to next to nothing beside the largest; empty for any
/// other.
[[nodiscard]] std::string end_of_schedule_text(std::span<const HistoryRow> rows);

}  // namespace wishart::analysis
