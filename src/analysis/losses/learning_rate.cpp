#include "losses/learning_rate.hpp"

#include "wishart/core/text.hpp"

namespace wishart::analysis {
namespace {

constexpr double kWarmed = 2;      ///< times the rate that it was
constexpr double kAsBefore = 0.5;  ///< of a rate: the same again
constexpr double kSpent = 0.01;    ///< of the largest rate
constexpr double kNothing = 1e-4;  ///< of the largest rate: no schedule stays there
/// A fall to less than this share, from one checkpoint to the next, begins a phase.
constexpr double kDropped = 0.125;

/// The row with the largest rate; null if none is known.
const HistoryRow* largest_rate(std::span<const HistoryRow> rows) {
  const HistoryRow* largest = nullptr;
  for (const HistoryRow& row : rows) {
    if (row.learning_rate >= 0 &&
        (largest == nullptr || row.learning_rate > largest->learning_rate)) {
      largest = &row;
    }
  }
  return largest;
}

/// The row since `from` with the largest rate, if that is at least twice that of `from`.
const HistoryRow* warmed(std::span<const HistoryRow> rows, std::size_t from) {
  const HistoryRow* largest = largest_rate(rows.subspan(from));
  if (largest == nullptr || !(rows[from].learning_rate >= 0)) return nullptr;
  return largest->learning_rate > 0 && largest->learning_rate >= kWarmed * rows[from].learning_rate
             ? largest
             : nullptr;
}

/// True if the last rate ends a decay: since it fell from the largest it neither dropped at once,
/// as to the next plateau or to the foot of a warm-up, nor rose, as in cycles.
bool ends_decay(std::span<const HistoryRow> rows, const HistoryRow& largest) {
  double before = largest.learning_rate;
  for (const HistoryRow& row : rows.subspan(static_cast<std::size_t>(&largest - rows.data()) + 1)) {
    if (!(row.learning_rate >= 0)) continue;
    if (row.learning_rate > before || row.learning_rate < kDropped * before) return false;
    before = row.learning_rate;
  }
  return true;
}

/// True if a rate that was spent came back: a schedule with restarts, whose next may follow.
bool has_restarted(std::span<const HistoryRow> rows, const HistoryRow& largest) {
  bool high = false;
  bool spent = false;
  for (const HistoryRow& row : rows) {
    if (!(row.learning_rate >= 0)) continue;
    const double share = row.learning_rate / largest.learning_rate;
    if (spent && share > kDropped) return true;
    high = high || share > kDropped;
    spent = high && share < kSpent;
  }
  return false;
}

std::string rate_text(double rate) { return rounded(rate, 3); }

}  // namespace

std::string rise_of_rate_text(std::span<const HistoryRow> rows, std::size_t from) {
  const HistoryRow* now = warmed(rows, from);
  if (now == nullptr) return {};
  return "The learning rate rose from " + rate_text(rows[from].learning_rate) + " at " +
         printable(rows[from].checkpoint) + " to " + rate_text(now->learning_rate) + " at " +
         printable(now->checkpoint) + ".";
}

bool is_warmed_again(std::span<const HistoryRow> rows, std::size_t from) {
  const HistoryRow* now = warmed(rows, from);
  const HistoryRow* before = largest_rate(rows.first(from));
  return now != nullptr && before != nullptr &&
         before->learning_rate >= kAsBefore * now->learning_rate;
}

std::string end_of_schedule_text(std::span<const HistoryRow> rows) {
  const HistoryRow* largest = largest_rate(rows);
  const double last = rows.back().learning_rate;
  if (largest == nullptr || !(last >= 0 && last < kSpent * largest->learning_rate)) return {};
  // A small rate that stays as it is was chosen, and a loss that falls with it falls on.
  const HistoryRow* before = nullptr;
  for (const HistoryRow& row : rows.first(rows.size() - 1)) {
    if (row.learning_rate >= 0) before = &row;
  }
  if (last > 0 && !(before != nullptr && last < before->learning_rate)) return {};
  if (last > kNothing * largest->learning_rate && !ends_decay(rows, *largest)) return {};
  if (has_restarted(rows, *largest)) return {};
  return "The learning rate is " + rate_text(last) + ", and was " +
         rate_text(largest->learning_rate) + " at " + printable(largest->checkpoint) +
         ": the schedule is over, and the fall is that of its decay.";
}

}  // namespace wishart::analysis
