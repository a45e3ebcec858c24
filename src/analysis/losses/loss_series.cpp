#include "losses/loss_series.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "wishart/analysis/metric.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/recorded_loss.hpp"
#include "wishart/record/training_place.hpp"

#include "comparisons/same_weights.hpp"

namespace wishart::analysis {
namespace {

/// No loss of a likelihood stays below this throughout: that of reinforcement learning does.
constexpr double kNoLikelihood = 0.05;

/// Losses of at most so many decimals may be equal at two measurements.
constexpr int kFewDecimals = 4;
/// They are where the loss moves by no more than so many units of the last decimal.
constexpr double kUnitsOfLevel = 5;
/// Measurements from the first on that differ from checkpoint to checkpoint: so often it is
/// measured.
constexpr std::size_t kMeasuredAtFirst = 4;

/// One of the two losses of a row.
struct Kind {
  const char* name;
  double HistoryRow::*loss;
};

/// `training loss is NaN`; empty for a loss that is finite or was not recorded.
std::string nonfinite_text(const char* name, double loss) {
  if (!is_recorded_nonfinite(loss)) return "";
  return std::string(name) + (std::isnan(loss) ? " is NaN" : " is infinite");
}

/// Losses beside weights that were loaded again are those of the weights before.
void leave_out_returned(Likelihoods& kept) {
  for (std::size_t i = 0; i < kept.rows.size(); ++i) {
    const SameWeights same = same_weights(std::span<const HistoryRow>(kept.rows).first(i + 1));
    HistoryRow& row = kept.rows[i];
    if (!same.returned || !(is_recorded(row.loss) || is_recorded(row.eval_loss))) continue;
    row.loss = row.eval_loss = kNan;
    kept.left_out.push_back("The losses recorded with " + printable(row.checkpoint) +
                            " are not judged: its weights are those of " +
                            printable(kept.rows[same.first].checkpoint) + ".");
  }
}

/// A held-out loss that was never finite tells of its evaluation, not of the run. One that was
/// finite before stays.
void leave_out_never_finite(Likelihoods& kept) {
  const HistoryRow* first = nullptr;
  std::int64_t recorded = 0;
  for (const HistoryRow& row : kept.rows) {
    if (!is_recorded(row.eval_loss)) continue;
    if (std::isfinite(row.eval_loss)) return;
    if (first == nullptr) first = &row;
    ++recorded;
  }
  if (first == nullptr) return;
  kept.left_out.push_back(
      "The " + nonfinite_text("eval loss", first->eval_loss) + " at " +
      (recorded == 1 ? printable(first->checkpoint) + ", the only checkpoint"
                     : "each of the " + std::to_string(recorded) + " checkpoints") +
      " with one and never was finite: look at its evaluation (masked labels, half precision), "
      "not at the run.");
  for (HistoryRow& row : kept.rows) row.eval_loss = kNan;
}

/// The loss beside row i that is not zero: the one before it, else the one after; NaN if there is
/// none.
double beside_zero(std::span<const HistoryRow> rows, std::size_t i, double HistoryRow::*loss) {
  const auto known = [&](std::size_t at) {
    return std::isfinite(rows[at].*loss) && rows[at].*loss != 0;
  };
  for (std::size_t at = i; at-- > 0;) {
    if (known(at)) return rows[at].*loss;
  }
  for (std::size_t at = i + 1; at < rows.size(); ++at) {
    if (known(at)) return rows[at].*loss;
  }
  return kNan;
}

/// Trainers write zero where gradients overflow or all labels are masked. What is learnt by heart
/// comes to it by small losses.
void leave_out_zeros(Likelihoods& kept, const Kind& kind) {
  const std::vector<HistoryRow> rows = kept.rows;
  const HistoryRow* first = nullptr;
  double beside = kNan;
  bool last = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double loss = rows[i].*kind.loss;
    if (!std::isfinite(loss)) continue;
    const double other = loss == 0 ? beside_zero(rows, i, kind.loss) : kNan;
    last = other > kNoLikelihood;
    if (!last) continue;
    kept.rows[i].*kind.loss = kNan;
    if (first == nullptr) first = &rows[i], beside = other;
  }
  if (first == nullptr) return;
  kept.ends_in_zero = kept.ends_in_zero || last;
  kept.left_out.push_back("The " + std::string(kind.name) + " is exactly 0 at " +
                          printable(first->checkpoint) + ", beside " + rounded(beside, 4) +
                          ": that is no measurement. Look for gradients that overflow, or labels "
                          "that are all masked.");
}

/// The unit of the last decimal that any loss has; NaN if one has more than a few.
double unit_of(std::span<const HistoryRow> rows, double HistoryRow::*loss) {
  constexpr double kTen = 10;
  double scale = 1;
  for (const HistoryRow& row : rows) {
    const double value = row.*loss;
    if (!std::isfinite(value)) continue;
    const double most = std::pow(kTen, kFewDecimals);
    while (scale <= most && value != std::round(value * scale) / scale) scale *= kTen;
    if (scale > most) return kNan;
  }
  return 1 / scale;
}

/// True if the log has something else that is new at row i.
bool is_logged_anew(const HistoryRow& before, const HistoryRow& now, double HistoryRow::*loss) {
  const auto other = loss == &HistoryRow::loss ? &HistoryRow::eval_loss : &HistoryRow::loss;
  const auto differs = [&](double HistoryRow::*value) {
    return std::isfinite(now.*value) && now.*value != before.*value;
  };
  return differs(other) || differs(&HistoryRow::learning_rate);
}

/// True if a loss that is that of the row before was measured and rounded: it has few decimals, was
/// measured at each of the first checkpoints, moved by next to nothing before, and the log has
/// something new.
/// @pre the loss of row i is that of the row before
bool is_level(std::span<const HistoryRow> rows, std::size_t i, double HistoryRow::*loss) {
  if (!is_logged_anew(rows[i - 1], rows[i], loss)) return false;
  std::size_t first = 0;
  while (!std::isfinite(rows[first].*loss)) ++first;
  std::size_t last = first;
  while (std::isfinite(rows[last + 1].*loss) && rows[last + 1].*loss != rows[last].*loss) ++last;
  if (last - first + 1 < kMeasuredAtFirst) return false;
  std::size_t from = i;
  while (from > 0 && rows[from - 1].*loss == rows[i].*loss) --from;
  if (from == 0) return false;
  const double moved = std::abs(rows[from].*loss - rows[from - 1].*loss);
  constexpr double kRounding = 0.5;  // of a unit
  return moved < (kUnitsOfLevel + kRounding) * unit_of(rows, loss);
}

/// A loss that is negative somewhere, or next to nothing throughout or, of tokens, at first.
void leave_out_unlikely(Likelihoods& kept, const Kind& kind, bool of_tokens) {
  const HistoryRow* negative = nullptr;
  const HistoryRow* first = nullptr;
  bool high = false;
  for (const HistoryRow& row : kept.rows) {
    const double loss = row.*kind.loss;
    if (!std::isfinite(loss)) continue;
    if (first == nullptr) first = &row;
    high = high || loss > kNoLikelihood;
    if (negative == nullptr && loss < 0) negative = &row;
  }
  if (first == nullptr) return;
  const double begin = first->*kind.loss;
  if (negative == nullptr && high && !(of_tokens && begin <= kNoLikelihood)) return;
  kept.left_out.push_back("The " + std::string(kind.name) + " is " +
                          (negative != nullptr ? "negative at " + printable(negative->checkpoint)
                           : high
                               ? rounded(begin, 4) + " at first, at " + printable(first->checkpoint)
                               : "at most " + rounded(kNoLikelihood, 2) + " throughout") +
                          ", as in reinforcement learning: it is no likelihood, and not judged.");
  for (HistoryRow& row : kept.rows) {
    if (std::isfinite(row.*kind.loss)) row.*kind.loss = kNan;
  }
}

}  // namespace

bool is_enough(const std::vector<std::size_t>& known, std::size_t all, std::int64_t least) {
  return static_cast<std::int64_t>(known.size()) >= least && !known.empty() &&
         known.back() + 2 >= all;
}

std::vector<std::size_t> places_of(std::span<const HistoryRow> rows, double HistoryRow::*loss) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (std::isfinite(measured_loss(rows, i, loss))) places.push_back(i);
  }
  return places;
}

std::span<const HistoryRow> last_stage(std::span<const HistoryRow> rows) {
  if (rows.empty()) return rows;
  const auto stage = [](const HistoryRow& row) {
    return training_place(row.step, row.checkpoint).stage;
  };
  std::size_t first = rows.size() - 1;
  while (first > 0 && stage(rows[first - 1]) == stage(rows.back())) --first;
  return rows.subspan(first);
}

Likelihoods likelihoods_of(std::span<const HistoryRow> rows, bool of_tokens) {
  Likelihoods kept{{rows.begin(), rows.end()}, {}, false};
  leave_out_never_finite(kept);
  leave_out_returned(kept);
  for (const Kind& kind :
       {Kind{"training loss", &HistoryRow::loss}, Kind{"eval loss", &HistoryRow::eval_loss}}) {
    leave_out_zeros(kept, kind);
    leave_out_unlikely(kept, kind, of_tokens);
  }
  return kept;
}

double measured_loss(std::span<const HistoryRow> rows, std::size_t i, double HistoryRow::*loss) {
  const double now = rows[i].*loss;
  const bool carried = i > 0 && is_carried(now, rows[i - 1].*loss) && !is_level(rows, i, loss);
  return carried ? kNan : now;
}

LossSeries losses_of(std::span<const HistoryRow> rows, bool by_tokens, std::int64_t least) {
  std::vector<std::size_t> eval = places_of(rows, &HistoryRow::eval_loss);
  std::vector<std::size_t> training = places_of(rows, &HistoryRow::loss);
  LossSeries series;
  series.is_eval = eval.size() >= 2 && (is_enough(eval, rows.size(), least) ||
                                        !is_enough(training, rows.size(), least));
  series.at = std::move(series.is_eval ? eval : training);
  for (const std::size_t i : series.at) {
    const HistoryRow& row = rows[i];
    const std::int64_t place = by_tokens ? row.tokens : row.step;
    series.x.push_back(place > 0 ? std::log2(static_cast<double>(place)) : kNan);
    series.leading.push_back(series.is_eval ? row.eval_loss : row.loss);
    series.training.push_back(row.loss);
  }
  series.from_start = !series.at.empty() && rows[series.at.front()].step == 0;
  return series;
}

double level_of(std::span<const double> losses) {
  constexpr std::size_t kInARow = 5;
  const std::size_t count = std::min(losses.size(), kInARow);
  double level = kNan;
  for (std::size_t i = 0; i + count <= losses.size(); ++i) {
    const auto part = losses.subspan(i, count);
    const double one = median_of({part.begin(), part.end()});
    if (!(one >= level)) level = one;
  }
  return level;
}

std::string nonfinite_loss_text(const TrainingState& training) {
  const std::string text = nonfinite_text("training loss", training.loss);
  return text.empty() ? nonfinite_text("eval loss", training.eval_loss) : text;
}

std::string nonfinite_loss_text(std::span<const HistoryRow> rows) {
  const auto last = [&](const char* name, double HistoryRow::*loss) -> std::string {
    for (std::size_t i = rows.size(); i-- > 0;) {
      if (!is_recorded(rows[i].*loss)) continue;
      const std::string text = nonfinite_text(name, rows[i].*loss);
      return text.empty() ? "" : "The " + text + " at " + printable(rows[i].checkpoint) + ".";
    }
    return "";
  };
  const std::string text = last("training loss", &HistoryRow::loss);
  return text.empty() ? last("eval loss", &HistoryRow::eval_loss) : text;
}

}  // namespace wishart::analysis
