#include "wishart/analysis/history.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "wishart/analysis/analysed.hpp"
#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/paired.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/row_warnings.hpp"
#include "wishart/record/training_place.hpp"

#include "comparisons/same_weights.hpp"
#include "histories/old_layers.hpp"
#include "histories/record_row.hpp"
#include "losses/loss_series.hpp"
#include "statistics/normal.hpp"

namespace wishart::analysis {
namespace {

/// A drift is reported if a rank falls below this share of its former value.
constexpr double kRankFalls = 0.95;

constexpr std::size_t kMostNamed = 3;  ///< layers in a reason

/// A single eigenvalue above noise may be one of noise (null_spikes, docs/metrics.md).
constexpr std::int64_t kFewestAboveNoise = 2;

struct NaturalOrder {
  bool operator()(const std::string& a, const std::string& b) const { return natural_less(a, b); }
};

/// The abscissa of trends: the binary logarithm of the step or of the tokens. NaN for 0 or unknown.
double doublings(std::int64_t value) {
  return value > 0 ? std::log2(static_cast<double>(value)) : kNan;
}

/// True if each checkpoint has more tokens than the one before in its stage. Some trainers count
/// from zero again when a run goes on after an interruption, and others do not count at all.
/// @pre the rows are in the order of training
bool tokens_rise(const std::vector<HistoryRow>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].tokens < 0) return false;
    const auto stage = [&](std::size_t at) {
      return training_place(rows[at].step, rows[at].checkpoint).stage;
    };
    if (i > 0 && stage(i) == stage(i - 1) && rows[i].tokens <= rows[i - 1].tokens) return false;
  }
  return true;
}

}  // namespace

HistoryBuilder::HistoryBuilder(std::int64_t window) : window_(window) {
  require(window >= 2, "the window of a history needs at least 2 checkpoints");
}

bool HistoryBuilder::is_settled(const std::string& key, std::size_t last) const {
  const Layer* now = find(entries_[last], key);
  for (std::size_t i = last + 1 - static_cast<std::size_t>(window_); i < last; ++i) {
    const Layer* then = find(entries_[i], key);
    if (then == nullptr) return false;
    if (!then->hash.empty() && then->hash == now->hash) continue;
    const double room = kNormal95 * std::hypot(now->alpha_error, then->alpha_error);
    // If neither spectrum has a tail, only the norms decide. The conditions are written such that a
    // layer without a fit (NaN) is not settled.
    const bool no_tails = now->no_tail && then->no_tail;
    if (!no_tails && !(std::abs(now->alpha - then->alpha) <= room)) return false;
    if (!(std::abs(now->log_norm - then->log_norm) <= kNormResolution)) return false;
    if (!(std::abs(now->log_spectral_norm - then->log_spectral_norm) <= kNormResolution)) {
      return false;
    }
  }
  return true;
}

bool HistoryBuilder::is_fixed(const std::string& key, std::size_t last) const {
  const Layer* now = find(entries_[last], key);
  for (std::size_t i = last + 1 - static_cast<std::size_t>(window_); i < last; ++i) {
    const Layer* then = find(entries_[i], key);
    if (then == nullptr || then->hash.empty() || then->hash != now->hash) return false;
  }
  return true;
}

void HistoryBuilder::leave_out_unplaced(std::vector<Analysed>& left_out) {
  const auto has_place = [](const Entry& entry) { return entry.about.step >= 0; };
  if (std::count_if(entries_.begin(), entries_.end(), has_place) < 2) return;
  for (const Entry& entry : entries_) {
    if (has_place(entry)) continue;
    left_out.push_back(entry.about);
    left_out.back().why = LeftOut::place;
  }
  std::erase_if(entries_, [&](const Entry& entry) { return !has_place(entry); });
}

void HistoryBuilder::find_missing() {
  std::map<std::int64_t, std::set<std::string_view>> keys;
  for (const Entry& entry : entries_) {
    for (const Layer& layer : entry.layers) keys[entry.place.stage].insert(layer.key);
  }
  for (Entry& entry : entries_) {
    entry.row.missing = std::ssize(keys[entry.place.stage]) - std::ssize(entry.layers);
  }
}

bool HistoryBuilder::grows_from_zero(const Layer& layer, const Layer& before, std::size_t i) const {
  std::size_t start = i;
  while (start > 0 && entries_[start - 1].place.stage == entries_[i].place.stage) --start;
  const Layer* first = find(entries_[start], layer.key);
  const bool from_zero = first != nullptr && first->is_zero && entries_[start].row.step == 0;
  return from_zero && layer.log_spectral_norm - before.log_spectral_norm <=
                          growth_from_zero(entries_[i - 1].row.step, entries_[i].row.step);
}

void HistoryBuilder::relate() {
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return comes_before(a.place, b.place); });
  for (std::size_t i = 1; i < entries_.size(); ++i) {
    std::int64_t settled = 0;
    const bool full = static_cast<std::int64_t>(i) + 1 >= window_;
    std::vector<double> steps;
    for (const Layer& layer : entries_[i].layers) {
      const Layer* before = find(entries_[i - 1], layer.key);
      if (before != nullptr && !grows_from_zero(layer, *before, i)) {
        steps.push_back(difference_of(before->log_spectral_norm, layer.log_spectral_norm));
      }
      if (before != nullptr && !layer.hash.empty() && before->hash == layer.hash) {
        ++entries_[i].row.unchanged;
      }
      if (!full) continue;
      settled += is_settled(layer.key, i) ? 1 : 0;
      entries_[i].row.fixed += is_fixed(layer.key, i) ? 1 : 0;
    }
    HistoryRow& row = entries_[i].row;
    row.spectral_norm_step = mean_of(steps).value;
    if (full && row.layers > 0) {
      row.settled_share =
          static_cast<double>(settled) / static_cast<double>(row.layers + row.missing);
    }
  }
}

void HistoryBuilder::relate_to_start() {
  std::size_t start = 0;
  std::unordered_map<std::string, std::int64_t> most;  // eigenvalues above noise so far
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].place.stage != entries_[start].place.stage) start = i, most.clear();
    HistoryRow& row = entries_[i].row;
    std::vector<double> norms;
    std::vector<double> spectral_norms;
    std::vector<double> rises;
    std::vector<double> spectral_rises;
    for (const Layer& now : entries_[i].layers) {
      std::int64_t& above = most.try_emplace(now.key, -1).first->second;
      const Layer* first = find(entries_[start], now.key);
      if (i > start && first != nullptr) {
        rises.push_back(difference_of(first->log_norm, now.log_norm));
        spectral_rises.push_back(difference_of(first->log_spectral_norm, now.log_spectral_norm));
      }
      const bool trained =
          i > start && first != nullptr && (now.hash.empty() || first->hash != now.hash);
      if (trained) {
        ++row.trained;
        norms.push_back(std::abs(now.log_norm - first->log_norm));
        spectral_norms.push_back(std::abs(now.log_spectral_norm - first->log_spectral_norm));
        row.drowned += now.above_noise == 0 && above >= kFewestAboveNoise ? 1 : 0;
      }
      above = std::max(above, now.above_noise);
    }
    row.norm_risen = mean_of(rises).value;
    row.spectral_norm_risen = mean_of(spectral_rises).value;
    row.norm_moved = mean_of(norms).value;
    row.spectral_norm_moved = mean_of(spectral_norms).value;
  }
}

void HistoryBuilder::find_old_layers() {
  OldLayersFinder finder;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (i > 0 && entry.place.stage != entries_[i - 1].place.stage) finder = {};
    std::vector<OldLayersFinder::Layer> layers;
    layers.reserve(entry.layers.size());
    for (const Layer& layer : entry.layers) {
      layers.push_back(
          {layer.key, layer.hash, layer.form, layer.stack, layer.block, layer.is_expert});
    }
    entry.row.old = finder.add(entry.row.checkpoint, layers);
  }
}

void HistoryBuilder::find_drifts(History& history) const {
  if (entries_.size() < 2) return;
  const auto back = std::min<std::size_t>(entries_.size(), static_cast<std::size_t>(window_));
  const Entry& first = entries_[entries_.size() - back];
  for (const Layer& now : entries_.back().layers) {
    const Layer* then = find(first, now.key);
    if (then == nullptr) continue;
    // Random orders distinguish traps from heavy tails. If both checkpoints have them, use traps
    // instead of outliers.
    const bool have_traps = std::isfinite(now.traps) && std::isfinite(then->traps);
    if (have_traps && now.traps > 0 && then->traps == 0) {
      history.drifts.push_back({now.key, now.role, "new-traps", then->traps, now.traps});
    }
    if (!have_traps && now.outliers > 0 && then->outliers == 0) {
      history.drifts.push_back({now.key, now.role, "new-outliers", then->outliers, now.outliers});
    }
    if (now.rank < kRankFalls * then->rank) {
      history.drifts.push_back({now.key, now.role, "rank-falls", then->rank, now.rank});
    }
  }
  std::sort(history.drifts.begin(), history.drifts.end(), [](const Drift& a, const Drift& b) {
    return a.key != b.key ? natural_less(a.key, b.key) : a.why < b.why;
  });
}

void HistoryBuilder::name_layers(Conclusion& conclusion) const {
  const bool harmful = conclusion.advice == Advice::overfitting ||
                       conclusion.advice == Advice::diverging ||
                       conclusion.advice == Advice::suspect;
  if (!harmful || entries_.size() < 2) return;
  auto from = std::find_if(entries_.begin(), entries_.end() - 1, [&](const Entry& entry) {
    return entry.row.checkpoint == conclusion.best_checkpoint;
  });
  if (from == entries_.end() - 1) from = entries_.begin();
  const auto factor_text = [](double growth) { return rounded(std::pow(10, growth), 2); };
  std::vector<std::pair<double, std::string>> grown;
  for (const Layer& now : entries_.back().layers) {
    const Layer* then = find(*from, now.key);
    if (then == nullptr) continue;
    const double growth = now.log_norm - then->log_norm;
    // What has not grown at the digits shown has not grown most.
    if (growth > 0 && factor_text(growth) != "1") grown.emplace_back(growth, now.key);
  }
  std::sort(grown.begin(), grown.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : natural_less(a.second, b.second);
  });
  if (grown.empty()) return;
  grown.resize(std::min(grown.size(), kMostNamed));
  std::vector<std::string> names;
  names.reserve(grown.size());
  for (const auto& [growth, key] : grown) {
    names.push_back(printable(key) + " (x" + factor_text(growth) + ")");
  }
  conclusion.reasons.push_back("Since " + printable(from->row.checkpoint) +
                               " the squared norm grew most in " + join(names, ", ") + ".");
}

std::vector<double> HistoryBuilder::paired_alphas(const std::vector<std::size_t>& at) const {
  std::vector<double> means(at.size(), kNan);
  if (at.empty()) return means;
  std::vector<std::vector<double>> alphas(at.size());
  for (const Layer& layer : entries_[at.front()].layers) {
    std::vector<double> of_layer;
    for (const std::size_t i : at) {
      const Layer* there = find(entries_[i], layer.key);
      if (there == nullptr || !(there->alpha > 0)) break;
      of_layer.push_back(there->alpha);
    }
    if (of_layer.size() < at.size()) continue;
    for (std::size_t i = 0; i < at.size(); ++i) alphas[i].push_back(of_layer[i]);
  }
  for (std::size_t i = 0; i < at.size(); ++i) means[i] = mean_of(alphas[i]).value;
  return means;
}

void HistoryBuilder::find_trends(History& history) const {
  std::vector<HistoryRow>& rows = history.rows;
  const auto leading = history.loss_is_eval ? &HistoryRow::eval_loss : &HistoryRow::loss;
  std::vector<double> x;
  std::vector<double> loss;
  std::vector<std::size_t> at;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double value = measured_loss(rows, i, leading);
    const double place = doublings(history.by_tokens ? rows[i].tokens : rows[i].step);
    if (!std::isfinite(place) || !std::isfinite(rows[i].alpha)) continue;
    x.push_back(place), loss.push_back(value), at.push_back(i);
  }
  for (const std::size_t point : change_points(x, paired_alphas(at))) {
    rows[at[point]].change_point = true;
  }
  const auto last = [&]<class T>(const std::vector<T>& series) {
    // Use one checkpoint more than the window, so that a window of 2 has a trend.
    const auto count = std::min(series.size(), static_cast<std::size_t>(window_) + 1);
    return std::vector<T>(series.end() - static_cast<std::ptrdiff_t>(count), series.end());
  };
  history.alpha = trend_of(last(x), paired_alphas(last(at)));
  history.loss = trend_of(last(x), last(loss));
}

std::vector<LayerCourse> HistoryBuilder::courses() const {
  std::map<std::string, LayerCourse, NaturalOrder> by_key;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    for (const Layer& layer : entries_[i].layers) {
      const auto [found, is_new] = by_key.try_emplace(layer.key);
      LayerCourse& course = found->second;
      if (is_new) {
        const std::vector<double> unknown(entries_.size(), kNan);
        course = {layer.key, layer.role, layer.stack, layer.block, -1,
                  unknown,   unknown,    unknown,     unknown};
      }
      course.alpha[i] = layer.alpha;
      course.D[i] = layer.D;
      course.stable_rank[i] = layer.stable_rank;
      course.log_norm[i] = layer.log_norm;
      if (i + 1 == entries_.size()) course.index = layer.index;
    }
  }
  std::vector<LayerCourse> courses;
  courses.reserve(by_key.size());
  for (auto& [key, course] : by_key) courses.push_back(std::move(course));
  return courses;
}

History HistoryBuilder::take() {
  History history;
  history.left_out = take_apart(
      entries_, [](const Entry& entry) { return entry.about; }, Prefer::latest);
  leave_out_unplaced(history.left_out);
  conclude_run(history);
  if (history.rows.empty()) return history;
  abstain_if_mixed(history.conclusion, history.left_out, history.rows.back().checkpoint);
  return history;
}

History HistoryBuilder::take_run() {
  History history;
  conclude_run(history);
  return history;
}

void HistoryBuilder::conclude_run(History& history) {
  history.of_changes = !entries_.empty() && !is_whole(entries_.front().about.kind);
  find_missing();
  relate();
  relate_to_start();
  find_old_layers();
  history.window = window_;
  for (Entry& entry : entries_) history.rows.push_back(entry.row);
  if (history.rows.empty()) return;
  std::vector<HistoryRow>& rows = history.rows;
  history.by_tokens = tokens_rise(rows);
  Trained trained = entries_.back().trained;
  trained.by_tokens = history.by_tokens;
  trained.of_changes = history.of_changes;
  const Likelihoods judged = likelihoods_of(last_stage(rows), trained.language);
  history.loss_is_eval = losses_of(judged.rows, history.by_tokens, window_).is_eval;
  const auto leading = history.loss_is_eval ? &HistoryRow::eval_loss : &HistoryRow::loss;
  history.loss_is_carried = std::isfinite(rows.back().*leading) &&
                            std::isnan(measured_loss(rows, rows.size() - 1, leading));
  find_trends(history);
  find_drifts(history);
  history.courses = courses();
  history.conclusion = conclude(rows, trained, window_);
  name_layers(history.conclusion);
  entries_.clear();
}

void abstain_if_mixed(Conclusion& conclusion, const std::vector<Analysed>& left_out,
                      const std::string& kept) {
  std::string mixed = mixed_runs_text(left_out, kept);
  if (mixed.empty()) return;
  conclusion = {};
  conclusion.reasons.push_back(std::move(mixed));
}

}  // namespace wishart::analysis
