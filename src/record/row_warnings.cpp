#include "wishart/record/row_warnings.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/record/layer_status.hpp"

namespace wishart {
namespace {

/// M * mp_D of noise is below kNoiseOffset + kNoisePerDoubling * log2(M).
constexpr double kNoiseOffset = 1.2;
constexpr double kNoisePerDoubling = 0.4;
/// Of several views, mp_D falls with the root of their number, but not below this share of 1 / M:
/// the law itself is not exact for matrices of a finite size.
constexpr double kFiniteSize = 0.2;

/// The words about an adapter, alone or on its base. A number that is not known is no reason for
/// one.
template <class Add>
void add_adapter_words(const LayerRow& row, const Add& add) {
  const AdapterMeasures& adapter = row.adapter;
  if (adapter.adapter_rank < 1) return;
  if (adapter.adapter_frobenius == 0) return add(kAdapterZero);
  if (row.weights.delta_frobenius > kDominatingChange) add(kAdapterDominates);
  const auto most = static_cast<double>(std::min({adapter.adapter_rank, row.M, kMostToUse}));
  if (adapter.adapter_effective_rank < 1 + kCollapsedShare * (most - 1)) add(kAdapterCollapsed);
}

/// Tables of positions may be sines and cosines, whose neighbouring rows are nearly the same
/// (Vaswani et al. 2017, section 3.5; Marian and Whisper store theirs), or be repeated to make room
/// for longer texts. Only one that tells no position from another has collapsed.
bool has_collapsed(const LayerRow& row) {
  if (row.matrix_rank < 0 || 2 * row.matrix_rank >= row.num_evals) return false;
  return row.role != "embedding.position" || row.matrix_rank <= 1;
}

}  // namespace

double noise_limit(const LayerRow& row) {
  if (row.M < 2) return kNan;
  const auto side = static_cast<double>(row.M);
  const double of_one = (kNoiseOffset + kNoisePerDoubling * std::log2(side)) / side;
  const std::int64_t views = row.num_evals / row.M;
  if (views < 2) return of_one;
  return of_one / std::sqrt(static_cast<double>(views)) + kFiniteSize / side;
}

bool is_like_noise(const LayerRow& row) {
  return row.num_evals >= kFewestOfNoise && row.null_spikes == 0 && row.mp_D <= noise_limit(row);
}

bool is_same_as_base(const LayerRow& row) {
  return row.lambda_max == 0 && std::isfinite(row.weights.base_norm);
}

std::string row_warnings(const LayerRow& row) {
  if (!has_spectrum(row)) return row.status;
  std::string words;
  const auto add = [&](const char* word) {
    words += (words.empty() ? "" : ";") + std::string(word);
  };
  add_adapter_words(row, add);
  // Its rank and the number of its values are what it was made with, and no findings.
  if (is_adapter_alone(row.dtype)) return words;
  if (is_without_tail(row)) add(kNoTail);
  if (is_same_as_base(row)) return words;
  if (is_without_fit(row)) add(kFitFailed);
  if (is_fitted(row) && row.num_pl_spikes >= 0 && row.num_pl_spikes < kSmallTail) {
    add(kSmallTailWarning);
  }
  if (has_collapsed(row)) add(kRankCollapse);
  if (is_like_noise(row)) add(kLikeNoise);
  return words;
}

}  // namespace wishart
