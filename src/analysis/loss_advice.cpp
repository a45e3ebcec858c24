#include "loss_advice.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "wishart/analysis/trend.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/recorded_loss.hpp"
#include "wishart/record/training_place.hpp"

namespace wishart::analysis {
namespace {

/// A margin: a share of a loss, or of the loss where the run began, whichever is more.
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

/// True if at least `least` places of `all` are known, the last or the last but one among them.
bool is_enough(const std::vector<std::size_t>& known, std::size_t all, std::int64_t least) {
  return static_cast<std::int64_t>(known.size()) >= least && !known.empty() &&
         known.back() + 2 >= all;
}

/// The rows whose loss is finite and was measured anew.
std::vector<std::size_t> places_of(std::span<const HistoryRow> rows, double HistoryRow::*loss) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (std::isfinite(measured_loss(rows, i, loss))) places.push_back(i);
  }
  return places;
}

/// `training loss is NaN`; empty for a loss that is finite or was not recorded.
std::string nonfinite_text(const char* name, double loss) {
  if (!is_recorded_nonfinite(loss)) return "";
  return std::string(name) + (std::isnan(loss) ? " is NaN" : " is infinite");
}

/// The judgement over one series of losses.
class LossJudge {
public:
  LossJudge(std::span<const HistoryRow> rows, const Trained& trained, std::int64_t least)
      : rows_(rows), trained_(trained), series_(losses_of(rows, trained.by_tokens, least)) {
    name_ = series_.is_eval ? "eval loss" : "training loss";
  }

  [[nodiscard]] std::optional<Conclusion> conclude(std::int64_t least) {
    if (series_.at.empty() || static_cast<std::int64_t>(rows_.size()) < least) return std::nullopt;
    result_.basis = Basis::losses;
    const auto lowest = std::min_element(series_.leading.begin(), series_.leading.end());
    lowest_ = static_cast<std::size_t>(lowest - series_.leading.begin());
    result_.best_checkpoint = row(lowest_).checkpoint;
    if (diverges()) return std::move(result_);
    if (!is_enough(series_.at, rows_.size(), least)) return std::nullopt;
    if (!overfits() && !learns_nothing()) moves();
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

  /// The loss that margins are a share of: without learning, or the highest that is known if that
  /// is lower, as in a fine-tuning, whose losses are small from the start. NaN if not known.
  [[nodiscard]] double start(const std::vector<double>& losses) const {
    double highest = kNan;
    for (const double loss : losses) {
      if (std::isfinite(loss) && !(loss <= highest)) highest = loss;
    }
    return std::min(untrained(), highest);
  }

  bool give(Advice advice, std::string reason) {
    result_.advice = advice;
    result_.reasons.push_back(std::move(reason));
    return true;
  }

  /// By all training losses, whatever loss leads. One that was carried forward is still the last
  /// word on a run that was above its lowest.
  ///
  /// A training loss is that of a few batches, so it counts for nothing where the held-out loss has
  /// just been lower than ever.
  bool diverges() {
    if (series_.is_eval && lowest_ == last() && last() > 0 &&
        series_.at.back() + 1 == rows_.size()) {
      return false;
    }
    std::vector<std::size_t> known;
    std::vector<double> losses;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (!std::isfinite(rows_[i].loss)) continue;
      known.push_back(i);
      losses.push_back(rows_[i].loss);
    }
    constexpr std::int64_t kTwo = 2;
    if (!is_enough(known, rows_.size(), kTwo)) return false;
    const HistoryRow& best =
        rows_[*std::min_element(known.begin(), known.end(), [&](std::size_t a, std::size_t b) {
          return rows_[a].loss < rows_[b].loss;
        })];
    const double now = rows_[known.back()].loss;
    if (!(now - best.loss > kDiverged.at(best.loss, start(losses)))) return false;
    return give(Advice::diverging, "The training loss is " + figure(now) + "; it was " +
                                       figure(best.loss) + " at " + printable(best.checkpoint) +
                                       ".");
  }

  bool overfits() {
    if (!series_.is_eval) return false;
    const double low = series_.leading[lowest_];
    const double now = series_.leading[last()];
    const double start = this->start(series_.leading);
    std::size_t above = 0;  // checkpoints at the end that are all above the lowest
    while (above < last() - lowest_ &&
           series_.leading[last() - above] - low > kRises.at(low, start)) {
      ++above;
    }
    const Margin& margin = above >= 2 ? kRises : kRisesOnce;
    if (!(now - low > margin.at(low, start))) return false;
    const double before = series_.training[lowest_];
    const double after = series_.training[last()];
    const bool known = std::isfinite(before) && std::isfinite(after);
    const bool fell = after < before;
    // Both losses above where they were: worse than over-fitting if it is by much, else noise.
    const bool lost = known && !fell && now - low > kDiverged.at(low, start);
    if (known && !fell && !lost) {
      rose_ = true;
      return false;
    }
    std::string reason =
        "The eval loss is " + figure(now) + ", " +
        // A share of what is not above zero says nothing.
        (low > 0 ? rounded(percent(now - low, low), 2) + " %" : figure(now - low)) +
        " above its lowest, " + figure(low) + " at " + printable(row(lowest_).checkpoint);
    reason += known ? std::string("; the training loss ") + (fell ? "fell" : "rose") + " from " +
                          figure(before) + " to " + figure(after) + " meanwhile."
                    : ". The training loss is not known there, so the run may also be diverging.";
    result_.tried = !lost;
    return give(lost ? Advice::diverging : Advice::overfitting, std::move(reason));
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
    // Who did not see the beginning cannot say that nothing was learnt since.
    if (!series_.from_start || first - low >= kLearnedOn * first) return false;
    return give(Advice::not_learning, "The " + name_ + " fell from " + figure(first) + " at " +
                                          printable(row(0).checkpoint) + " to " + figure(low) +
                                          " only, by " + rounded(percent(first - low, first), 2) +
                                          " %.");
  }

  /// By the loss without learning, or by a fall since the first checkpoint.
  [[nodiscard]] bool is_known_to_have_learnt() const {
    const double first = series_.leading.front();
    const double low = series_.leading[lowest_];
    return (trained_.classes > 1 && !trained_.of_changes) || first - low >= kLearnedOn * first;
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
    const double margin = kFalls.at(now, start(series_.leading));
    const std::string per =
        std::string(" per doubling of the ") + (trained_.by_tokens ? "tokens" : "steps") +
        (now > 0 ? ", " + rounded(percent(std::abs(slope), now), 2) + " % of it." : ".");
    if (slope < -margin) {
      give(Advice::going_on, "The " + name_ + " falls by " + figure(-slope) + per);
    } else if (rose_) {
      give(Advice::unknown, "The " + name_ + " is above its lowest, " +
                                figure(series_.leading[lowest_]) + " at " +
                                printable(row(lowest_).checkpoint) +
                                ", but the training loss did not fall since: it may be noise.");
    } else if (std::isfinite(slope) && !is_known_to_have_learnt()) {
      give(Advice::unknown,
           "The " + name_ + " has hardly changed since " + printable(row(0).checkpoint) +
               ", and what it is of a model that has learnt nothing is not known.");
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
  bool rose_ = false;  ///< the held-out loss did, and not the training loss fell
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

std::optional<Conclusion> conclude_from_losses(std::span<const HistoryRow> rows,
                                               const Trained& trained, std::int64_t least) {
  return LossJudge(rows, trained, least).conclude(least);
}

}  // namespace wishart::analysis
