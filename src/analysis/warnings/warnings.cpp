#include "wishart/analysis/warnings.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/usual.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/alpha_limits.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/mode.hpp"
#include "wishart/record/row_warnings.hpp"

#include "warnings/deficient_rank.hpp"

namespace wishart::analysis {
namespace {

/// Normal distribution: standard deviation / median absolute deviation.
constexpr double kDeviations = 1.4826;

/// A layer is unlike the other blocks if it is this many of their deviations away.
constexpr double kFarFromBlocks = 8;
/// But not if log_norm differs by less than 0.5 (the squared norm by a factor of 3), or alpha by
/// less than 1: blocks that are nearly equal have a tiny deviation.
constexpr double kLeastNormGap = 0.5;
constexpr double kLeastAlphaGap = 1;

/// Percentiles that bound what is usual.
constexpr double kLowest = 1;
constexpr double kHighest = 99;

/// Limits of a step from one checkpoint to the next. docs/metrics-evidence.md has the changes of
/// healthy runs.
constexpr double kTrainedNorm = 0.1;  ///< of log_norm, since the first checkpoint
constexpr double kNormJump = 1;       ///< of log_norm
constexpr double kStableRankFalls = 1. / 3;
constexpr double kRankFalls = 0.95;
constexpr double kAlphaAlone = 4;  ///< standard errors

/// A median and the deviation of the values around it.
struct Centre {
  double median = kNan;
  double deviation = kNan;
  std::size_t count = 0;
};

Centre centre_of(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  Centre centre;
  centre.count = values.size();
  if (values.empty()) return centre;
  centre.median = median_of(values);
  for (double& value : values) value = std::abs(value - centre.median);
  centre.deviation = kDeviations * median_of(std::move(values));
  return centre;
}

void add_reason(LayerRow& row, const std::string& text) {
  row.reason += (row.reason.empty() ? "" : "; ") + text;
}

void add_word(LayerRow& row, const char* word, const std::string& reason) {
  row.warning += (row.warning.empty() ? "" : ";") + std::string(word);
  add_reason(row, reason);
}

void drop_word(LayerRow& row, const std::string& word) {
  std::vector<std::string> words = split(row.warning, ';');
  std::erase(words, word);
  row.warning = join(words, ";");
}

using LayersByKey = std::unordered_map<std::string, const LayerRow*>;

LayersByKey by_key(const std::vector<LayerRow>* layers) {
  LayersByKey found;
  if (layers == nullptr) return found;
  for (const LayerRow& row : *layers) found.emplace(row.key, &row);
  return found;
}

/// The same layer of another checkpoint; null if it is not there, or has another shape.
const LayerRow* same_layer(const LayersByKey& others, const LayerRow& row) {
  const auto found = others.find(row.key);
  if (found == others.end()) return nullptr;
  const LayerRow& other = *found->second;
  return other.N == row.N && other.M == row.M ? &other : nullptr;
}

/// The words that the row justifies by itself, and what they rest on.
/// @param first  the layer in the first checkpoint of the run; null: not known
void conclude_alone(LayerRow& row, const LayerRow* first, const PastLayers& past) {
  row.warning = row_warnings(row);
  if (first != nullptr && has_trained(row, *first)) drop_word(row, kLikeNoise);
  if (is_all_zero(row) && !past.of_change) {
    if (past.initial) {
      drop_word(row, kRankCollapse);  // what has no rank yet has not lost it
    } else {
      row.warning = kAllZero + (row.warning.empty() ? "" : ";" + row.warning);
    }
  }
  if (has_warning(row, kRankCollapse)) {
    add_reason(row,
               "rank " + std::to_string(row.matrix_rank) + " of " + std::to_string(row.num_evals));
  }
  if (has_warning(row, kAdapterDominates)) {
    add_reason(row, "change " + rounded(row.weights.delta_frobenius, 3) + " times the base");
  }
  if (has_warning(row, kAdapterCollapsed)) {
    add_reason(row, "effective rank " + rounded(row.adapter.adapter_effective_rank, 3) + " of " +
                        std::to_string(row.adapter.adapter_rank));
  }
  if (has_warning(row, kLikeNoise)) {
    add_reason(row, "no eigenvalue above noise; mp_D " + rounded(row.mp_D, 2) +
                        ", of noise up to " + rounded(noise_limit(row), 2));
  }
}

/// Key and value projections of public models with a side of up to kGroupedSide are those of
/// grouped queries: at least kGroupedAspect times as long as wide. Square ones, of small models,
/// are another kind of layer; their percentiles are shown, but warn of nothing.
constexpr std::int64_t kGroupedSide = 512;
constexpr std::int64_t kGroupedAspect = 2;

bool is_of_reference_kind(const LayerRow& row, const Usual& usual) {
  if (usual.status != UsualStatus::known) return false;
  const bool grouped = row.role == "attention.k" || row.role == "attention.v";
  return !grouped || row.M > kGroupedSide || row.N >= kGroupedAspect * row.M;
}

/// alpha on both sides, and a large D; a small one is good. The percentiles of `usual` end at 1 and
/// 99 and so do not tell what is beyond.
void conclude_usual(LayerRow& row, const Usual& usual) {
  const auto at = [&](UsualMetric metric, double percentile) {
    return usual_value(row.role, row.M, metric, percentile);
  };
  std::vector<std::string> texts;
  if (std::isfinite(usual.alpha)) {
    const bool high = row.alpha > at(UsualMetric::alpha, kHighest);
    if (high || row.alpha < at(UsualMetric::alpha, kLowest)) {
      texts.push_back(usual_text("alpha", row.alpha, high ? kHighest : kLowest, usual));
    }
  }
  if (std::isfinite(usual.D) && row.D > at(UsualMetric::distance, kHighest)) {
    texts.push_back(usual_text("D", row.D, kHighest, usual));
  }
  if (!texts.empty()) add_word(row, kUnusual, join(texts, "; "));
}

/// Layers of one role and shape.
using PeerKey = std::tuple<std::string, std::string, std::int64_t, std::int64_t, std::int64_t>;

PeerKey peers_of(const LayerRow& row) { return {row.role, row.stack, row.N, row.M, row.num_evals}; }

struct Peers {
  Centre alpha;
  Centre log_norm;
};

/// `alpha 9.31, median of its 24 peers 3.12`.
std::string far_text(const char* name, double value, const Centre& centre) {
  return std::string(name) + " " + rounded(value, 3) + ", median of its " +
         std::to_string(centre.count) + " peers " + rounded(centre.median, 3);
}

bool is_far(double value, const Centre& centre, double error, double least) {
  if (!std::isfinite(value) || centre.count < kFewestPeers) return false;
  const double gap = std::abs(value - centre.median);
  return gap >= least && gap > kFarFromBlocks * std::hypot(centre.deviation, error);
}

/// Where reference layers are known, a value that is usual among them is no reason for a warning.
/// This also bounds how often released models get it.
void conclude_blocks(LayerRow& row, const Peers& peers, bool known) {
  std::vector<std::string> texts;
  const bool usual_alpha = known && !has_warning(row, kUnusual);
  if (is_fitted(row) && !usual_alpha &&
      is_far(row.alpha, peers.alpha, alpha_error(row), kLeastAlphaGap)) {
    texts.push_back(far_text("alpha", row.alpha, peers.alpha));
  }
  const bool usual_norm =
      known && !(row.log_norm > usual_value(row.role, row.M, UsualMetric::log_norm, kHighest));
  if (!usual_norm && is_far(row.log_norm, peers.log_norm, 0, kLeastNormGap)) {
    texts.push_back(far_text("log_norm", row.log_norm, peers.log_norm));
  }
  if (!texts.empty()) add_word(row, kUnlikeBlocks, join(texts, "; "));
}

/// True for a layer that began as zeros and still grows from there: it has no past yet.
bool grows_from_zero(const LayerRow* first, const LayerRow& then, const LayerRow& now,
                     double growth) {
  constexpr double kGrows = 0.1;  // less is none of a beginning
  const double grown = now.log_norm - then.log_norm;
  return first != nullptr && is_all_zero(*first) && grown > kGrows && grown <= growth;
}

void conclude_past(std::vector<LayerRow>& layers, const LayersByKey& before,
                   const LayersByKey& first, double growth) {
  std::vector<LayerStep> steps;
  std::vector<LayerRow*> rows;
  for (LayerRow& row : layers) {
    const LayerRow* then = same_layer(before, row);
    if (then == nullptr || (!row.hash.empty() && row.hash == then->hash)) continue;
    if (grows_from_zero(same_layer(first, row), *then, row, growth)) continue;
    steps.push_back({state_of(*then), state_of(row)});
    rows.push_back(&row);
  }
  const SharedChange shared = shared_change(steps);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string text = unlike_past(steps[i], shared);
    if (!text.empty()) add_word(*rows[i], kUnlikePast, text);
  }
}

/// Whether `past` is an earlier checkpoint of training, of the same kind.
bool is_past(const Provenance& past, const Provenance& now) {
  return is_whole(past.analysis) && is_whole(now.analysis) && past.mode == now.mode &&
         past.training.step >= 0 && past.training.step < now.training.step;
}

}  // namespace

bool is_all_zero(const LayerRow& row) {
  return row.has_esd && row.lambda_max == 0 && !is_adapter_alone(row.dtype) &&
         !is_same_as_base(row);
}

bool is_below_limits(const LayerRow& row) { return is_fitted(row) && row.alpha < kOverTrained; }

bool is_above_limits(const LayerRow& row) { return is_fitted(row) && row.alpha > kUnderTrained; }

LayerState state_of(const LayerRow& row) {
  LayerState state;
  if (is_fitted(row)) {
    state.alpha = row.alpha;
    state.alpha_error = alpha_error(row);
  }
  state.log_norm = row.log_norm;
  state.stable_rank = row.stable_rank;
  state.matrix_rank = row.matrix_rank < 0 ? kNan : static_cast<double>(row.matrix_rank);
  state.like_noise = is_like_noise(row);
  return state;
}

SharedChange shared_change(std::span<const LayerStep> steps) {
  std::vector<double> changes;
  for (const LayerStep& step : steps) changes.push_back(step.now.alpha - step.then.alpha);
  const Centre centre = centre_of(std::move(changes));
  if (centre.count < kFewestPeers) return {};
  return {centre.median, centre.deviation, true};
}

std::string unlike_past(const LayerStep& step, const SharedChange& shared) {
  const LayerState& then = step.then;
  const LayerState& now = step.now;
  if (then.like_noise) return {};
  std::vector<std::string> texts;
  const double norm = now.log_norm - then.log_norm;
  if (std::abs(norm) > kNormJump) {
    texts.push_back("squared norm " + std::string(norm > 0 ? "grew" : "fell") + " by a factor of " +
                    rounded(std::pow(10, std::abs(norm)), 2));
  }
  if (now.stable_rank < kStableRankFalls * then.stable_rank) {
    texts.push_back("stable rank fell from " + rounded(then.stable_rank, 3) + " to " +
                    rounded(now.stable_rank, 3));
  }
  if (now.matrix_rank < kRankFalls * then.matrix_rank) {
    texts.push_back("rank fell from " + rounded(then.matrix_rank, 6) + " to " +
                    rounded(now.matrix_rank, 6));
  }
  const double alone = now.alpha - then.alpha - shared.median;
  const double error = std::hypot(std::hypot(now.alpha_error, then.alpha_error), shared.spread);
  if (shared.known && std::abs(alone) > kAlphaAlone * error) {
    texts.push_back("alpha went from " + rounded(then.alpha, 3) + " to " + rounded(now.alpha, 3) +
                    ", the other layers changed by " + rounded(shared.median, 2));
  }
  return join(texts, "; ");
}

bool has_trained(const LayerRow& now, const LayerRow& first) {
  return is_like_noise(first) && std::abs(now.log_norm - first.log_norm) > kTrainedNorm;
}

double growth_from_zero(std::int64_t before, std::int64_t now) noexcept {
  constexpr double kPower = 4;
  constexpr double kRoom = 0.3;
  if (before <= 0 || now <= before) return 0;
  return kPower * std::log10(static_cast<double>(now) / static_cast<double>(before)) + kRoom;
}

bool needs_past(std::string_view metric) {
  return metric == std::string("warning.") + kUnlikePast ||
         metric == std::string("warning.") + kLikeNoise;
}

void conclude(std::vector<LayerRow>& layers, const PastLayers& past) {
  const LayersByKey first = by_key(past.first);
  const std::set<const LayerRow*> repeated = repeated_heads(layers);
  std::map<PeerKey, std::vector<const LayerRow*>> groups;
  for (LayerRow& row : layers) {
    conclude_alone(row, same_layer(first, row), past);
    if (repeated.contains(&row)) {
      drop_word(row, kRankCollapse);
      add_reason(row, "heads of grouped queries, each written " +
                          std::to_string(row.num_evals / row.matrix_rank) + " times");
    }
    if (row.has_esd) groups[peers_of(row)].push_back(&row);
  }
  std::map<PeerKey, Peers> peers;
  for (const auto& [key, rows] : groups) {
    if (rows.size() < kFewestPeers) continue;
    std::vector<double> alphas;
    std::vector<double> norms;
    for (const LayerRow* row : rows) {
      alphas.push_back(is_fitted(*row) ? row->alpha : kNan);
      norms.push_back(row->log_norm);
    }
    peers[key] = {centre_of(std::move(alphas)), centre_of(std::move(norms))};
  }
  if (!past.of_change) {
    for (const DeficientRank& one : deficient_ranks(layers, past.initial)) {
      if (!has_warning(layers[one.index], kRankCollapse)) {
        add_word(layers[one.index], kRankDeficient, one.text);
      }
    }
  }
  conclude_past(layers, by_key(past.before), first, past.growth);
  for (LayerRow& row : layers) {
    if (!row.has_esd) continue;
    const Usual usual = usual_of(row);
    const bool known = is_of_reference_kind(row, usual);
    if (known) conclude_usual(row, usual);
    const auto found = peers.find(peers_of(row));
    if (found != peers.end()) conclude_blocks(row, found->second, known);
  }
}

void conclude(CheckpointRecord& record, const Past& past) {
  if (is_compat(record.provenance)) return;
  PastLayers layers;
  layers.initial = record.provenance.training.step == 0;
  layers.of_change = !is_whole(record.provenance.analysis);
  const auto is_known = [&](const CheckpointRecord* other) {
    return other != nullptr && is_past(other->provenance, record.provenance);
  };
  // From the first step on everything changes.
  if (is_known(past.before) && past.before->provenance.training.step > 0) {
    layers.before = &past.before->layers;
    layers.growth =
        growth_from_zero(past.before->provenance.training.step, record.provenance.training.step);
  }
  if (is_known(past.first)) layers.first = &past.first->layers;
  conclude(record.layers, layers);
}

}  // namespace wishart::analysis
