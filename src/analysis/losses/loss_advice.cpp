#include "losses/loss_advice.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "wishart/analysis/metric.hpp"
#include "wishart/core/text.hpp"

#include "losses/learning_rate.hpp"
#include "losses/loss_margins.hpp"
#include "losses/loss_recovery.hpp"
#include "losses/loss_series.hpp"

namespace wishart::analysis {
namespace {

constexpr double kLearned = 0.10;        ///< below the loss without learning
constexpr double kLearnedOn = 0.02;      ///< below the loss of the base
constexpr double kLearnedLittle = 0.01;  ///< likewise: less is nothing, whatever the base knew
constexpr std::int64_t kSmallVocabulary = 100;  ///< of characters or symbols: no such discount
/// Bytes, and a few tokens more. Longer vocabularies may be of images or sounds, whose tokens are
/// nearly equally frequent: good models of them stay far above kFrequencies.
constexpr std::int64_t kOfBytes = 384;

constexpr const char* kFallsOn =
    " But it still falls from checkpoint to checkpoint: it is too early.";
constexpr const char* kOfBase =
    " The base was a good model already: that is too little to tell a learning rate that is too "
    "low from a base that knew such data.";

/// Standard errors of a slope.
constexpr double kErrors = 2;
/// Rises of the held-out loss that are none of noise, however small.
constexpr std::size_t kRisesInARow = 3;

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
    lowest_ = lowest_of(series_.leading);
    result_.best_checkpoint = row(lowest_).checkpoint;
    if (diverges()) return std::move(result_);
    const bool enough = is_enough(series_.at, rows_.size(), least);
    if (enough && (overfits() || learns_nothing())) return std::move(result_);
    if (!training_rose_.empty()) {
      give(Advice::unknown, training_rose_);
    } else if (enough) {
      moves();
      heed_scale();
    } else {
      return std::nullopt;
    }
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

  [[nodiscard]] std::vector<double> losses_at(const std::vector<std::size_t>& at,
                                              double HistoryRow::*loss) const {
    std::vector<double> losses;
    losses.reserve(at.size());
    for (const std::size_t i : at) losses.push_back(rows_[i].*loss);
    return losses;
  }

  /// By all training losses, whatever loss leads. One that was carried forward is still the last
  /// word on a run that was above its lowest.
  ///
  /// A training loss is that of a few batches, and of whatever data they are from. So a held-out
  /// loss that was measured since has to confirm that it rose, else two training losses in a row.
  bool diverges() {
    std::vector<std::size_t> known;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (std::isfinite(rows_[i].loss)) known.push_back(i);
    }
    constexpr std::int64_t kTwo = 2;
    if (!is_enough(known, rows_.size(), kTwo)) return false;
    const std::vector<std::size_t> at = places_of(rows_, &HistoryRow::loss);
    const std::vector<double> losses = losses_at(at, &HistoryRow::loss);
    const double start = this->start(losses);
    const std::size_t best = lowest_of(losses);
    const double now = losses.back();
    const double margin = kDiverged.at(losses[best], start);
    if (!(now - losses[best] > margin)) return false;
    std::size_t since = losses.size() - 1;  // all from here on are above the lowest
    while (losses[since - 1] - losses[best] > margin) --since;

    const std::string was = figure(losses[best]) + " at " + printable(rows_[at[best]].checkpoint);
    const std::vector<std::size_t> held_at = places_of(rows_, &HistoryRow::eval_loss);
    const std::vector<double> held = losses_at(held_at, &HistoryRow::eval_loss);
    if (held.size() >= 2 && held_at.back() >= at[since]) {
      if (held_at[lowest_of(held)] >= at[since]) return false;
      if (!rises(held, this->start(held))) {
        training_rose_ = "The training loss rose from " + was + " to " + figure(now) +
                         ", but the eval loss did not rise: the data are others, or it is noise.";
        return false;
      }
      const AboveLowest above{"eval loss", held, held_at, rows_};
      if (recovers(above, trained_)) {
        training_rose_ = recovery_text(above);
        return false;
      }
    } else if (const AboveLowest above{"training loss", losses, at, rows_};
               (is_warmed_again(rows_, at[best]) && recovers(above, trained_)) ||
               has_come_back(above, trained_)) {
      training_rose_ = recovery_text(above);
      return false;
    } else {
      const double level = level_of(std::span(losses).first(since));
      const double least = std::min(losses[losses.size() - 2], now);
      if (since + 2 > losses.size() || !(least - level > kDiverged.at(level, start))) {
        training_rose_ = "The training loss is " + figure(now) + "; it was " + was +
                         ". That may be noise: no held-out loss has been measured since.";
        return false;
      }
      result_.tried = false;
    }
    return give(Advice::diverging, "The training loss is " + figure(now) + "; it was " + was + ".");
  }

  bool overfits() {
    if (!series_.is_eval) return false;
    const double low = series_.leading[lowest_];
    const double now = series_.leading[last()];
    const double start = this->start(series_.leading);
    if (!rises(series_.leading, start)) return false;
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
    // What is learnt by heart is seen in a training loss that keeps falling.
    const bool by_heart = known && fell && !training_rose_since_lowest() &&
                          !is_warmed_again(rows_, series_.at[lowest_]);
    const AboveLowest above{name_, series_.leading, series_.at, rows_};
    if (!by_heart && recovers(above, trained_)) return give(Advice::unknown, recovery_text(above));
    std::string reason = above_text(above);
    reason += known ? std::string("; the training loss ") + (fell ? "fell" : "rose") + " from " +
                          figure(before) + " to " + figure(after) + " meanwhile."
                    : ". The training loss is not known there, so the run may also be diverging.";
    result_.tried = !lost;
    return give(lost ? Advice::diverging : Advice::overfitting, std::move(reason));
  }

  /// True if a training loss since the lowest held-out one is above that beside it.
  [[nodiscard]] bool training_rose_since_lowest() const {
    const double before = series_.training[lowest_];
    const double margin = kRisesOnce.at(before, start(series_.leading));
    return std::any_of(series_.training.begin() + static_cast<std::ptrdiff_t>(lowest_),
                       series_.training.end(), [&](double loss) { return loss - before > margin; });
  }

  [[nodiscard]] bool still_falls() const { return falls_on(series_.leading, kFallsInARow); }

  /// Who falls on goes on, unless the learning rate is spent: then it was the last of the fall.
  bool go_on(const std::string& reason) {
    const std::string end = end_of_schedule_text(rows_);
    if (end.empty()) return give(Advice::going_on, reason);
    result_.tried = false;
    result_.is_spent = true;
    return give(Advice::settled, reason + " " + end);
  }

  /// A loss of another scale tells whether it falls, not whether enough was learnt.
  void heed_scale() {
    if (scale_.empty()) return;
    result_.tried = false;
    if (result_.advice == Advice::settled) {
      result_.advice = Advice::unknown;
      result_.is_spent = false;
    }
    result_.reasons.push_back(scale_);
  }

  /// What is said of a run that has learnt next to nothing so far: a run that has just begun has
  /// not either, but its loss falls.
  bool give_nothing_learnt(std::string reason) {
    if (!still_falls()) return give(Advice::not_learning, std::move(reason));
    return give(Advice::unknown, reason + kFallsOn);
  }

  /// On a loss that is better than a guess, but would be none of a good model of text.
  [[nodiscard]] std::string frequencies_text(double low, double chance) const {
    return "The lowest " + name_ + " is " + figure(low) + ". Of text that would be a model that " +
           "knows hardly more than how frequent each of the " + std::to_string(trained_.classes) +
           " tokens is (" + figure(chance) +
           " or so); of tokens of images or sounds it may be a good one.";
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
      scale_ = other_scale_text("The " + name_, series_.leading, row(0), trained_.classes);
      if (!scale_.empty()) return false;
      if (discount && trained_.classes > kOfBytes && !(low > (1 - kLearned) * start)) {
        return give(Advice::unknown,
                    frequencies_text(low, chance) + (still_falls() ? kFallsOn : ""));
      }
      // In a long vocabulary only who is no better than a guess is known to have learnt nothing.
      const bool low_for_bytes = discount && trained_.classes <= kOfBytes;
      const double level = low_for_bytes ? chance : start;
      std::string reason = "The lowest " + name_ + " is " + figure(low) + ", " +
                           (low < level ? "less than " + rounded(100 * kLearned, 2) + " % below "
                                        : std::string("not below ")) +
                           "the ";
      if (trained_.classes <= 1) {
        reason += figure(start) + " before any training.";
      } else if (low_for_bytes) {
        reason += figure(level) +
                  " or so of a model of text that knows only how frequent each of the " +
                  std::to_string(trained_.classes) + " tokens is.";
      } else {
        reason += figure(level) + " of a guess among " + std::to_string(trained_.classes) +
                  (discount ? " tokens." : " classes.");
      }
      return give_nothing_learnt(std::move(reason));
    }
    // Who did not see the beginning cannot say that nothing was learnt since.
    if (!series_.from_start || first - low >= kLearnedOn * first) return false;
    std::string reason = "The " + name_ + " fell from " + figure(first) + " at " +
                         printable(row(0).checkpoint) + " to " + figure(low) + " only, by " +
                         rounded(percent(first - low, first), 2) + " %.";
    // A rate that is too low and a base that knew such data look alike.
    const bool fell = first - low > kLearnedLittle * first && never_rises(series_.leading);
    if (fell && trained_.language && first < (1 - kLearned) * chance) {
      return give(Advice::unknown, reason + kOfBase);
    }
    return give_nothing_learnt(std::move(reason));
  }

  /// By the loss without learning, or by a fall since the first checkpoint. A language model may
  /// have had its low loss from its base: of one, only who saw the beginning knows.
  [[nodiscard]] bool is_known_to_have_learnt() const {
    const double first = series_.leading.front();
    const double low = series_.leading[lowest_];
    const bool by_chance = trained_.classes > 1 && !trained_.of_changes;
    return (by_chance && (!trained_.language || series_.from_start)) ||
           first - low >= kLearnedOn * first;
  }

  /// True if the held-out loss rose at each of the last three measurements, and the training loss
  /// did not rise meanwhile, or is not known.
  [[nodiscard]] bool rises_on() const {
    if (!series_.is_eval || last() < kRisesInARow) return false;
    const std::size_t from = last() - kRisesInARow;
    for (std::size_t i = from; i < last(); ++i) {
      if (!(series_.leading[i + 1] > series_.leading[i])) return false;
    }
    return !(series_.training[last()] >= series_.training[from]);
  }

  /// By the slope of the last three losses, or of as many as half a doubling takes.
  void moves() {
    constexpr std::size_t kPoints = 3;
    std::vector<double> x;
    std::vector<double> y;
    std::size_t from = last();
    for (std::size_t i = series_.x.size(); i-- > 0;) {
      if (!std::isfinite(series_.x[i])) continue;
      if (x.size() >= kPoints && x.front() - x.back() >= kShortestTrend) break;
      x.push_back(series_.x[i]), y.push_back(series_.leading[i]);
      from = i;
    }
    std::reverse(x.begin(), x.end()), std::reverse(y.begin(), y.end());
    const double now = series_.leading[last()];
    const Slope slope = slope_of(x, y);
    const double margin = kFalls.at(now, start(series_.leading));
    const bool is_short = x.empty() || x.back() - x.front() < kShortestTrend;
    const double low = slope.value - kErrors * slope.error;
    const double high = slope.value + kErrors * slope.error;
    const std::string moves = std::string(slope.value > 0 ? " rises by " : " falls by ") +
                              figure(std::abs(slope.value)) + " per doubling of the " +
                              (trained_.by_tokens ? "tokens" : "steps");
    const std::string share =
        now > 0 ? ", " + rounded(percent(std::abs(slope.value), now), 2) + " % of it" : "";
    const auto unknown = [&](const std::string& what) {
      give(Advice::unknown, "The " + name_ + what);
    };
    if (!is_short && slope.value < -margin && !(high > 0)) {
      go_on("The " + name_ + moves + share + ".");
    } else if (const AboveLowest above{name_, series_.leading, series_.at, rows_};
               rose_ && recovers(above, trained_)) {
      give(Advice::unknown, recovery_text(above));
    } else if (rose_) {
      unknown(" is above its lowest, " + figure(series_.leading[lowest_]) + " at " +
              printable(row(lowest_).checkpoint) +
              ", but the training loss did not fall since: it may be noise.");
    } else if (rises_on()) {
      unknown(std::string(" rose at each of the last three measurements") +
              (series_.training[last()] < series_.training[last() - kRisesInARow]
                   ? ", and the training loss fell"
                   : "") +
              ": it may be over-fitting.");
    } else if (is_short) {
      conclude_from_few(from, margin);
    } else if (low < -margin && high > 0) {
      unknown(moves + ", give or take " + figure(kErrors * slope.error) +
              ": too uncertain to tell whether it still falls.");
    } else if (!is_known_to_have_learnt()) {
      unknown(" has hardly changed since " + printable(row(0).checkpoint) +
              ", and what it is of a model that has learnt nothing is not known.");
    } else if (slope.value > margin) {
      unknown(moves + share + ", too little to tell it from noise.");
    } else {
      give(Advice::settled,
           "The " + name_ + (slope.value == 0 ? " has not changed." : moves + share + "."));
    }
  }

  /// Where the losses are those of less than half a doubling: a fall that would be one over all of
  /// a doubling is one.
  void conclude_from_few(std::size_t from, double margin) {
    const bool is_one = from == last();  // at step 0 there is no doubling
    if (is_one) from = 0;
    if (series_.is_eval && still_falls() &&
        series_.leading[from] - series_.leading[last()] > margin) {
      result_.tried = false;
      go_on("The " + name_ + " fell from " + figure(series_.leading[from]) + " at " +
            printable(row(from).checkpoint) + " to " + figure(series_.leading[last()]) + ".");
      return;
    }
    if (is_one) {
      give(Advice::unknown, "The " + name_ + " is known at too few steps for a trend.");
      return;
    }
    give(Advice::unknown, "The " + name_ + " is known from " + printable(row(from).checkpoint) +
                              " on, over less than half a doubling of the " +
                              (trained_.by_tokens ? "tokens" : "steps") +
                              ": too close together to tell whether it still falls.");
  }

  std::span<const HistoryRow> rows_;
  const Trained& trained_;
  LossSeries series_;
  std::string name_;
  std::size_t lowest_ = 0;
  bool rose_ = false;  ///< the held-out loss did, and not the training loss fell
  /// A sentence on a training loss that rose, of which it is not known whether the run diverges.
  std::string training_rose_;
  std::string scale_;  ///< a sentence on losses of another scale
  Conclusion result_;
};

}  // namespace

std::optional<Conclusion> conclude_from_losses(std::span<const HistoryRow> rows,
                                               const Trained& trained, std::int64_t least) {
  return LossJudge(rows, trained, least).conclude(least);
}

}  // namespace wishart::analysis
