/// @file
/// What a history keeps of the layers of each checkpoint.

#include <algorithm>
#include <string>
#include <utility>

#include "wishart/analysis/analysed.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/row_warnings.hpp"
#include "wishart/record/training_place.hpp"

#include "histories/record_row.hpp"

namespace wishart::analysis {
namespace {

double count_of(std::int64_t value) { return value < 0 ? kNan : static_cast<double>(value); }

/// `BF16 4096 x 1024`
std::string form_of(const LayerRow& row) {
  return row.dtype + " " + std::to_string(row.rows) + " x " + std::to_string(row.cols);
}

}  // namespace

void HistoryBuilder::add(const CheckpointRecord& record) {
  Entry entry{row_of(record), analysed(record.provenance), {}, {}, {}};
  entry.trained = trained_of(record);
  entry.place = training_place(entry.row.step, entry.row.checkpoint);
  for (const LayerRow& row : record.layers) {
    entry.layers.push_back({row.key,
                            row.role,
                            row.stack,
                            row.block,
                            static_cast<std::int64_t>(entry.layers.size()),
                            row.hash,
                            form_of(row),
                            row.expert >= 0,
                            is_without_tail(row),
                            alpha_if_fitted(row),
                            alpha_error(row),
                            row.log_norm,
                            row.log_spectral_norm,
                            is_fitted(row) ? row.D : kNan,
                            row.stable_rank,
                            count_of(row.weights.num_traps),
                            count_of(row.num_outliers),
                            count_of(row.matrix_rank),
                            row.num_evals < kFewestOfNoise ? -1 : row.null_spikes,
                            is_all_zero(row)});
  }
  std::sort(entry.layers.begin(), entry.layers.end(),
            [](const Layer& a, const Layer& b) { return a.key < b.key; });
  entries_.push_back(std::move(entry));
}

const HistoryBuilder::Layer* HistoryBuilder::find(const Entry& entry, const std::string& key) {
  const auto found =
      std::lower_bound(entry.layers.begin(), entry.layers.end(), key,
                       [](const Layer& layer, const std::string& k) { return layer.key < k; });
  return found != entry.layers.end() && found->key == key ? &*found : nullptr;
}

}  // namespace wishart::analysis
