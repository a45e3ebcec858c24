#include "loss_series.hpp"

#include <cmath>
#include <utility>

#include "wishart/core/text.hpp"
#include "wishart/record/recorded_loss.hpp"
#include "wishart/record/training_place.hpp"

namespace wishart::analysis {
namespace {

/// No loss of a likelihood stays below this throughout: that of reinforcement learning does.
constexpr double kNoLikelihood = 0.05;
/// `training loss is NaN`; empty for a loss that is finite or was not recorded.
std::string nonfinite_text(const char* name, double loss) {
  if (!is_recorded_nonfinite(loss)) return "";
  return std::string(name) + (std::isnan(loss) ? " is NaN" : " is infinite");
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

Likelihoods likelihoods_of(std::span<const HistoryRow> rows) {
  Likelihoods kept{{rows.begin(), rows.end()}, {}};
  const auto look_at = [&](const char* name, double HistoryRow::*loss) {
    const HistoryRow* negative = nullptr;
    bool high = false;
    bool known = false;
    for (const HistoryRow& row : rows) {
      if (!std::isfinite(row.*loss)) continue;
      known = true;
      high = high || row.*loss > kNoLikelihood;
      if (negative == nullptr && row.*loss < 0) negative = &row;
    }
    if (!known || (high && negative == nullptr)) return;
    for (HistoryRow& row : kept.rows) {
      if (std::isfinite(row.*loss)) row.*loss = kNan;
    }
    kept.left_out.push_back("The " + std::string(name) + " is " +
                            (negative != nullptr
                                 ? "negative at " + printable(negative->checkpoint)
                                 : "at most " + rounded(kNoLikelihood, 2) + " throughout") +
                            ", as in reinforcement learning: it is no likelihood, and not judged.");
  };
  look_at("training loss", &HistoryRow::loss);
  look_at("eval loss", &HistoryRow::eval_loss);
  return kept;
}

double measured_loss(std::span<const HistoryRow> rows, std::size_t i, double HistoryRow::*loss) {
  const double now = rows[i].*loss;
  return i > 0 && is_carried(now, rows[i - 1].*loss) ? kNan : now;
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
