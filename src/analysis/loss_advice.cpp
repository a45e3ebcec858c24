#include "loss_advice.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/analysis/trend.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/training_place.hpp"

namespace wishart::analysis {
namespace {

/// A margin: a share of a loss, or of the loss without learning, whichever is more.
struct Margin {
  double of_loss;
  double of_start;

  [[nodiscard]] double at(double loss, double start) const {
    return std::max(of_loss * std::abs(loss), std::isfinite(start) ? of_start * start : 0.0);
  }
};

constexpr Margin kDiverged{0.05, 0.02};
/// A held-out loss above its lowest, at two or more checkpoints in a row.
constexpr Margin kRises{0.005, 0.002};
/// The same at the last checkpoint only, which may be noise.
constexpr Margin kRisesOnce{kRiseOnce, 0.002};
constexpr Margin kFalls{0.01, 0.002};  ///< per doubling
constexpr double kLearned = 0.10;      ///< below the loss without learning
constexpr double kLearnedOn = 0.02;    ///< below the loss of the base
/// Tokens of a language are not equally frequent. Who knows their frequencies and nothing else has
/// about this share of the loss of who does not: 0.58 for the bytes of English text, 0.68 to 0.71
/// for its tokens in vocabularies of 32 000 to 50 000.
constexpr double kFrequencies = 0.65;
constexpr std::int64_t kSmallVocabulary = 100;  ///< of characters or symbols: no such discount

std::string figure(double value) { return rounded(value, 4); }

/// By least squares; NaN for fewer than two points.
double slope_of(const std::vector<double>& x, const std::vector<double>& y) {
  if (x.size() == 2) return x[1] > x[0] ? (y[1] - y[0]) / (x[1] - x[0]) : kNan;
  return trend_of(x, y).slope;
}

double percent(double part, double whole) { return 100 * part / whole; }

/// The judgement over one series of losses.
class LossJudge {
public:
  LossJudge(std::span<const HistoryRow> rows, const Trained& trained)
      : rows_(rows), trained_(trained), series_(losses_of(rows, trained.by_tokens)) {
    name_ = series_.is_eval ? "eval loss" : "training loss";
  }

  [[nodiscard]] bool is_enough(std::int64_t least) const {
    const auto known = static_cast<std::int64_t>(series_.at.size());
    return known >= least && series_.at.back() + 2 >= rows_.size();
  }

  Conclusion conclude() {
    result_.basis = Basis::losses;
    const auto lowest = std::min_element(series_.leading.begin(), series_.leading.end());
    lowest_ = static_cast<std::size_t>(lowest - series_.leading.begin());
    result_.best_checkpoint = row(lowest_).checkpoint;
    if (!diverges() && !overfits() && !learns_nothing()) moves();
    return std::move(result_);
  }

private:
  [[nodiscard]] const HistoryRow& row(std::size_t i) const { return rows_[series_.at[i]]; }
  [[nodiscard]] std::size_t last() const { return series_.leading.size() - 1; }

  /// The loss of a model that has learnt nothing; NaN if not known.
  [[nodiscard]] double untrained() const {
    if (trained_.classes > 1) return std::log(static_cast<double>(trained_.classes));
    return series_.from_start && !trained_.of_changes ? series_.leading.front() : kNan;
  }

  bool give(Advice advice, std::string reason) {
    result_.advice = advice;
    result_.reasons.push_back(std::move(reason));
    return true;
  }

  bool diverges() {
    std::vector<std::size_t> known;
    for (std::size_t i = 0; i < series_.training.size(); ++i) {
      if (std::isfinite(series_.training[i])) known.push_back(i);
    }
    if (known.size() < 2 || known.back() != last()) return false;
    const std::size_t best = *std::min_element(
        known.begin(), known.end(),
        [&](std::size_t a, std::size_t b) { return series_.training[a] < series_.training[b]; });
    const double now = series_.training[last()];
    const double then = series_.training[best];
    if (!(now - then > kDiverged.at(then, untrained()))) return false;
    return give(Advice::diverging, "The training loss is " + figure(now) + "; it was " +
                                       figure(then) + " at " + printable(row(best).checkpoint) +
                                       ".");
  }

  bool overfits() {
    if (!series_.is_eval) return false;
    const double low = series_.leading[lowest_];
    const double now = series_.leading[last()];
    std::size_t above = 0;  // checkpoints at the end that are all above the lowest
    while (above < last() - lowest_ &&
           series_.leading[last() - above] - low > kRises.at(low, untrained())) {
      ++above;
    }
    const Margin& margin = above >= 2 ? kRises : kRisesOnce;
    if (!(now - low > margin.at(low, untrained()))) return false;
    const double before = series_.training[lowest_];
    const double after = series_.training[last()];
    if (std::isfinite(before) && std::isfinite(after) && !(after < before)) return false;
    std::string reason = "The eval loss is " + figure(now) + ", " +
                         rounded(percent(now - low, low), 2) + " % above its lowest, " +
                         figure(low) + " at " + printable(row(lowest_).checkpoint);
    reason += std::isfinite(before) && std::isfinite(after)
                  ? "; the training loss fell from " + figure(before) + " to " + figure(after) +
                        " meanwhile."
                  : ". The training loss is not known there, so the run may also be diverging.";
    return give(Advice::overfitting, std::move(reason));
  }

  bool learns_nothing() {
    const double low = series_.leading[lowest_];
    const double first = series_.leading.front();
    const double start = untrained();
    const bool discount = trained_.language && trained_.classes >= kSmallVocabulary;
    const double chance = discount ? kFrequencies * start : start;
    const bool from_scratch =
        !trained_.of_changes && (!series_.from_start || !(first < (1 - kLearned) * start));
    if (from_scratch) {
      if (!(low > (1 - kLearned) * chance)) return false;
      std::string reason = "The lowest " + name_ + " is " + figure(low) + ", " +
                           (low < chance ? "less than " + rounded(100 * kLearned, 2) + " % below "
                                         : std::string("not below ")) +
                           "the ";
      if (trained_.classes <= 1) {
        reason += figure(start) + " before any training.";
      } else if (discount) {
        reason += figure(chance) + " or so of a model that knows only how frequent each of the " +
                  std::to_string(trained_.classes) + " tokens is.";
      } else {
        reason +=
            figure(chance) + " of a guess among " + std::to_string(trained_.classes) + " classes.";
      }
      return give(Advice::not_learning, std::move(reason));
    }
    if (first - low >= kLearnedOn * first) return false;
    return give(Advice::not_learning, "The " + name_ + " fell from " + figure(first) + " at " +
                                          printable(row(0).checkpoint) + " to " + figure(low) +
                                          " only, by " + rounded(percent(first - low, first), 2) +
                                          " %.");
  }

  void moves() {
    constexpr std::size_t kPoints = 3;
    std::vector<double> x;
    std::vector<double> y;
    for (std::size_t i = 0; i < series_.x.size(); ++i) {
      if (std::isfinite(series_.x[i])) x.push_back(series_.x[i]), y.push_back(series_.leading[i]);
    }
    if (x.size() > kPoints) {
      x.erase(x.begin(), x.end() - kPoints), y.erase(y.begin(), y.end() - kPoints);
    }
    const double now = series_.leading[last()];
    const double slope = slope_of(x, y);
    const double margin = kFalls.at(now, untrained());
    const std::string per = std::string(" per doubling of the ") +
                            (trained_.by_tokens ? "tokens" : "steps") + ", " +
                            rounded(percent(std::abs(slope), std::abs(now)), 2) + " % of it.";
    if (slope < -margin) {
      give(Advice::going_on, "The " + name_ + " falls by " + figure(-slope) + per);
    } else if (std::isfinite(slope)) {
      give(Advice::settled, "The " + name_ + " changes by " + figure(slope) + per);
    } else {
      give(Advice::going_on, "The " + name_ + " is known at too few steps for a trend.");
    }
  }

  std::span<const HistoryRow> rows_;
  const Trained& trained_;
  LossSeries series_;
  std::string name_;
  std::size_t lowest_ = 0;
  Conclusion result_;
};

}  // namespace

std::span<const HistoryRow> last_stage(std::span<const HistoryRow> rows) {
  if (rows.empty()) return rows;
  const auto stage = [](const HistoryRow& row) {
    return training_place(row.step, row.checkpoint).stage;
  };
  std::size_t first = rows.size() - 1;
  while (first > 0 && stage(rows[first - 1]) == stage(rows.back())) --first;
  return rows.subspan(first);
}

LossSeries losses_of(std::span<const HistoryRow> rows, bool by_tokens) {
  LossSeries series;
  const auto known = std::count_if(
      rows.begin(), rows.end(), [](const HistoryRow& row) { return std::isfinite(row.eval_loss); });
  series.is_eval = known >= 2;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const HistoryRow& row = rows[i];
    const double value = series.is_eval ? row.eval_loss : row.loss;
    if (!std::isfinite(value)) continue;
    const std::int64_t place = by_tokens ? row.tokens : row.step;
    series.at.push_back(i);
    series.x.push_back(place > 0 ? std::log2(static_cast<double>(place)) : kNan);
    series.leading.push_back(value);
    series.training.push_back(row.loss);
  }
  series.from_start = !series.at.empty() && rows[series.at.front()].step == 0;
  return series;
}

std::optional<Conclusion> conclude_from_losses(std::span<const HistoryRow> rows,
                                               const Trained& trained, std::int64_t least) {
  LossJudge judge(rows, trained);
  if (!judge.is_enough(least)) return std::nullopt;
  return judge.conclude();
}

}  // namespace wishart::analysis
