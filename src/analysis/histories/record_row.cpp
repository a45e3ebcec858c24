#include "histories/record_row.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/saturated.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/roles.hpp"
#include "wishart/record/row_warnings.hpp"

#include "comparisons/same_weights.hpp"

namespace wishart::analysis {
namespace {

/// True if a matrix that was left out, such as one of two classes, is the head of a classifier.
bool is_small_head(const SkippedRow& row) {
  return row.reason == "too-small" &&
         (row.tensor.ends_with("score.weight") || row.tensor.ends_with("classifier.weight") ||
          row.tensor.ends_with("classifier.out_proj.weight"));
}

/// The vocabulary of an embedding, whichever side it is on: that which fewer of the other matrices
/// have. Of characters it may be the shorter one.
std::int64_t vocabulary_of(const LayerRow& embedding, const std::vector<LayerRow>& layers) {
  const auto count = [&](std::int64_t side) {
    return std::count_if(layers.begin(), layers.end(), [&](const LayerRow& row) {
      return &row != &embedding && (row.rows == side || row.cols == side);
    });
  };
  const auto of_rows = count(embedding.rows);
  const auto of_cols = count(embedding.cols);
  if (of_rows == of_cols) return std::max(embedding.rows, embedding.cols);
  return of_rows < of_cols ? embedding.rows : embedding.cols;
}

}  // namespace

HistoryRow row_of(const CheckpointRecord& record) {
  const Provenance& p = record.provenance;
  HistoryRow row;
  row.checkpoint = p.checkpoint_id;
  row.step = p.training.step;
  row.tokens = p.training.tokens;
  row.loss = p.training.loss;
  row.eval_loss = p.training.eval_loss;
  row.learning_rate = p.training.learning_rate;
  row.weights = hash_of_weights(record);
  const bool zeros_are_damage = is_whole(p.analysis) && p.training.step != 0;
  row.layers = static_cast<std::int64_t>(record.layers.size());
  const std::vector<double> alphas = column(record.layers, "alpha");
  const Mean alpha = mean_of(alphas);
  row.fitted = alpha.count;
  row.alpha = alpha.value;
  row.alpha_error = alpha.error;
  row.alpha_median = median_of(alphas);
  const auto mean = [&](const char* metric) {
    return mean_of(column(record.layers, metric)).value;
  };
  row.alpha_weighted = mean("alpha_weighted");
  row.log_norm = mean("log_norm");
  row.log_spectral_norm = mean("log_spectral_norm");
  row.stable_rank = mean("stable_rank");
  row.entropy = mean("entropy");
  row.D = mean("D");
  for (const LayerRow& layer : record.layers) {
    row.over_trained += is_below_limits(layer) ? 1 : 0;
    row.under_trained += is_above_limits(layer) ? 1 : 0;
    row.rank_collapsed += has_warning(layer, "rank-collapse") ? 1 : 0;
    row.like_noise += is_like_noise(layer) ? 1 : 0;
    row.nonfinite += saturated_sum(layer.num_nan, layer.num_inf) > 0 ? 1 : 0;
    row.zero += zeros_are_damage && is_all_zero(layer) ? 1 : 0;
    row.outliers += std::max<std::int64_t>(layer.num_outliers, 0);
  }
  return row;
}

Trained trained_of(const CheckpointRecord& record) {
  const LayerRow* embedding = nullptr;
  const LayerRow* head = nullptr;
  for (const LayerRow& row : record.layers) {
    if (row.role == kTokenEmbedding) embedding = &row;
    if (row.role == kHeadRole) head = &row;
  }
  Trained trained;
  if (std::any_of(record.skipped.begin(), record.skipped.end(), is_small_head)) return trained;
  const std::int64_t tokens = embedding == nullptr ? -1 : vocabulary_of(*embedding, record.layers);
  if (embedding != nullptr && (head == nullptr || head->rows == tokens || head->cols == tokens)) {
    trained.language = true;
    trained.classes = tokens;
  } else if (head != nullptr) {
    trained.classes = std::min(head->rows, head->cols);
  }
  return trained;
}

}  // namespace wishart::analysis
