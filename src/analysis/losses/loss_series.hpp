#pragma once

/// @file
/// The losses that a run has recorded: which rows have one of their own, which series leads, and
/// which are no likelihoods.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wishart/analysis/advice.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::analysis {

/// The losses of the last stage of a run.
struct LossSeries {
  std::vector<std::size_t> at;  ///< rows with the leading loss
  std::vector<double> x;        ///< doublings of tokens or steps, NaN at 0; as long as `at`
  std::vector<double> leading;  ///< eval_loss if it is known often enough, else loss; measured anew
  std::vector<double> training;
  bool is_eval = false;
  bool from_start = false;  ///< the first of them is at step 0
};

/// Rows of the stage of the last one, from its first row on.
[[nodiscard]] std::span<const HistoryRow> last_stage(std::span<const HistoryRow> rows);

/// Rows without the losses that are not to be judged, and a sentence on each of these. One that is
/// not finite stays, except the first of them.
///
/// - Losses beside weights that were loaded again, which are of other weights.
/// - A loss that is negative somewhere or next to nothing throughout, of tokens also one that is so
///   at first, as in reinforcement learning, where it neither falls with learning nor rises
///   without.
/// - A held-out loss that is NaN or infinite wherever it was recorded.
/// - A loss of exactly zero beside others far above it, which is no measurement.
struct Likelihoods {
  std::vector<HistoryRow> rows;
  std::vector<std::string> left_out;
  bool ends_in_zero = false;  ///< the last loss of one kind that was recorded is such a zero
};
/// @param of_tokens  the model predicts tokens
[[nodiscard]] Likelihoods likelihoods_of(std::span<const HistoryRow> rows, bool of_tokens);

/// A loss of row i; NaN if it is bit for bit that of the row before, so was not measured anew.
/// Losses that were rounded to few decimals may be equal all the same, where they move by no more
/// than some of their units, were measured at each of the first checkpoints, and the log goes on.
[[nodiscard]] double measured_loss(std::span<const HistoryRow> rows, std::size_t i,
                                   double HistoryRow::*loss);

/// The rows whose loss is finite and was measured anew.
[[nodiscard]] std::vector<std::size_t> places_of(std::span<const HistoryRow> rows,
                                                 double HistoryRow::*loss);

/// True if at least `least` places of `all` are known, the last or the last but one among them.
[[nodiscard]] bool is_enough(const std::vector<std::size_t>& known, std::size_t all,
                             std::int64_t least);

/// The held-out losses lead if `least` checkpoints have one of their own, the last or the last but
/// one of all among them. Else the training losses do if as many have these, else the held-out ones
/// if there are two.
[[nodiscard]] LossSeries losses_of(std::span<const HistoryRow> rows, bool by_tokens,
                                   std::int64_t least);

/// The lowest level that the losses have had: the lowest median of five in a row, or of all if they
/// are fewer. A single low loss is noise as much as a single high one.
[[nodiscard]] double level_of(std::span<const double> losses);

/// `training loss is NaN`, `eval loss is infinite`; empty if neither was recorded as such.
[[nodiscard]] std::string nonfinite_loss_text(const TrainingState& training);
/// A sentence on the last training loss and the last held-out loss that were recorded, if one of
/// them is not finite; else empty.
[[nodiscard]] std::string nonfinite_loss_text(std::span<const HistoryRow> rows);

}  // namespace wishart::analysis
