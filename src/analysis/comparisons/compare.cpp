#include "wishart/analysis/compare.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>

#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/saturated.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/analysed.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/layer_status.hpp"
#include "wishart/record/left_out.hpp"
#include "wishart/record/roles.hpp"

#include "comparisons/prediction.hpp"
#include "comparisons/pruned.hpp"
#include "comparisons/small_tensors.hpp"
#include "comparisons/token_tables.hpp"

namespace wishart::analysis {
namespace {

constexpr double kLevel = 0.05;

/// The warning of NaN and infinite weights, which no mode and no fit changes.
constexpr const char* kNonfinite = "nonfinite";

/// Spectra closer than this are considered equal: the relative error of singular values from a Gram
/// matrix is at most sqrt(eps) (docs/numerics.md).
constexpr double kSameSpectrum = 1e-7;

/// Mirsky's lower bound on |A - B|_F / |A|_F.
double moved_between(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || a.size() != b.size()) return kNan;
  long double distance = 0;
  long double norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const long double d = static_cast<long double>(b[i]) - a[i];
    distance += d * d;
    norm += static_cast<long double>(a[i]) * a[i];
  }
  if (distance == 0) return 0;
  return static_cast<double>(std::sqrt(distance / norm));
}

/// True if two ascending spectra differ by no more than rounding may: the error of an eigenvalue of
/// a Gram matrix is at most 8 sqrt(N) eps lambda_max (docs/numerics.md). Training that moves a
/// matrix by less than kSameSpectrum, as the first steps of a warm-up in bfloat16 do, moves some
/// eigenvalue further than that. Zeros are no rearranged zeros.
bool is_one_spectrum(const LayerRow& a, const LayerRow& b, const std::vector<double>& sigma_a,
                     const std::vector<double>& sigma_b) {
  if (sigma_a.empty() || sigma_a.size() != sigma_b.size() || !(sigma_a.back() > 0)) return false;
  constexpr double kEps = std::numeric_limits<double>::epsilon();
  const double summands = static_cast<double>(std::max(a.N, a.rf * a.num_evals));
  double tolerance = 8 * std::sqrt(summands) * kEps * sigma_a.back() * sigma_a.back();
  for (const LayerRow* row : {&a, &b}) {
    tolerance = std::fmax(tolerance, row->floor_sigma * row->floor_sigma);
  }
  for (std::size_t i = 0; i < sigma_a.size(); ++i) {
    const double difference = sigma_b[i] * sigma_b[i] - sigma_a[i] * sigma_a[i];
    if (!(std::abs(difference) <= tolerance)) return false;
  }
  return true;
}

/// |B - A| / |A| by the norms: docs/histories.md.
double relative_error(double log_norm_change) {
  return std::sqrt(std::abs(std::expm1(std::log(10.0) * log_norm_change)));
}

/// @param alike  false: only those are comparable that are of the weights themselves
std::string new_warnings(const LayerRow& a, const LayerRow& b, bool alike) {
  std::vector<std::string> found;
  for (const std::string& word : warning_words(b)) {
    if (!alike && word != kNonfinite) continue;
    if (!has_warning(a, word)) found.push_back(word);
  }
  return join(found, ";");
}

ComparisonRow started(const LayerRow& row, Change status) {
  ComparisonRow out;
  out.key = row.key;
  out.role = row.role;
  out.block = row.block;
  out.stack = row.stack;
  out.num_params = row.num_params;
  out.status = status;
  return out;
}

void compare_alpha(ComparisonRow& out, const LayerRow& a, const LayerRow& b, bool alike) {
  out.alpha_a = alpha_if_fitted(a);
  out.alpha_b = alpha_if_fitted(b);
  if (!alike) return;
  out.alpha_change = difference_of(out.alpha_a, out.alpha_b);
  if (out.status == Change::same) return;  // nothing to test
  const double error = std::hypot(alpha_error(a), alpha_error(b));
  if (!(error > 0)) return;
  out.alpha_z = out.alpha_change / error;
  out.alpha_p = std::erfc(std::abs(out.alpha_z) / std::sqrt(2.0));
}

bool is_reshaped(const LayerRow& a, const LayerRow& b) {
  return a.rows != b.rows || a.cols != b.cols || a.num_evals != b.num_evals;
}

/// Finds layers by their values.
class ByHash {
public:
  explicit ByHash(const std::vector<LayerRow>& rows) {
    for (const LayerRow& row : rows) {
      // Zeros and constants are alike wherever they lie. The first of several copies stands for
      // all.
      const bool plain = row.matrix_rank >= 0 && row.matrix_rank <= 1;
      if (!row.hash.empty() && !plain) rows_.emplace(row.hash, &row);
    }
  }

  /// The key of the layer with the values of `row`; empty if there is none.
  [[nodiscard]] std::string key_of(const LayerRow& row) const {
    const auto found = row.hash.empty() ? rows_.end() : rows_.find(row.hash);
    if (found == rows_.end() || is_reshaped(*found->second, row)) return {};
    return found->second->key;
  }

private:
  std::unordered_map<std::string_view, const LayerRow*> rows_;
};

/// @param sigma_a,sigma_b  empty if the spectra were not read
/// @param alike  the fits are comparable
/// @param from  another layer of A with the values of `b`
ComparisonRow compared(const LayerRow& a, const LayerRow& b, const std::vector<double>& sigma_a,
                       const std::vector<double>& sigma_b, bool alike, const std::string& from) {
  ComparisonRow out = started(b, Change::changed);
  if (has_other_vocabulary(b, a)) {
    out.status = a.rows < b.rows || a.cols < b.cols ? Change::grown : Change::shrunk;
    out.vocabulary_a = a.rows != b.rows ? a.rows : a.cols;
    out.vocabulary_b = a.rows != b.rows ? b.rows : b.cols;
  } else if (is_reshaped(a, b)) {
    out.status = Change::reshaped;
  } else if (!a.hash.empty() && a.hash == b.hash) {
    out.status = Change::same;
    out.moved = 0;
  } else if (!a.has_esd || !b.has_esd) {
    out.status = Change::unknown;
  } else if (a.w_norm == b.w_norm) {
    out.moved = moved_between(sigma_a, sigma_b);
    const bool other_elements = !a.hash.empty() && !b.hash.empty();
    if (other_elements && out.moved < kSameSpectrum && is_one_spectrum(a, b, sigma_a, sigma_b)) {
      out.status = Change::rearranged;
    }
  }
  if (out.status != Change::same && !from.empty()) {
    out.status = Change::misplaced;
    out.from = from;
  }
  compare_alpha(out, a, b, alike);
  out.log_norm_change = difference_of(a.log_norm, b.log_norm);
  out.log_spectral_norm_change = difference_of(a.log_spectral_norm, b.log_spectral_norm);
  if (out.status == Change::same) {
    out.error_ratio = 0;
  } else if (!is_reshaped(a, b)) {
    out.error_ratio = error_ratio_of(a, relative_error(out.log_norm_change));
  }
  out.stable_rank_ratio = b.stable_rank / a.stable_rank;
  if (a.matrix_rank >= 0 && b.matrix_rank >= 0) out.rank_change = b.matrix_rank - a.matrix_rank;
  out.new_warnings = new_warnings(a, b, alike);
  return out;
}

/// Layers that cannot be compared come first.
int order_of(Change change) {
  switch (change) {
    case Change::removed:
      return 0;
    case Change::added:
      return 1;
    case Change::reshaped:
      return 2;
    case Change::replaced:
    case Change::tied:
    case Change::mtp:
      return 3;
    case Change::narrowed:
    case Change::grown:
    case Change::shrunk:
      return 4;
    case Change::left_out:
      return 5;
    case Change::unknown:
      return 6;
    case Change::misplaced:
      return 7;
    case Change::rearranged:
      return 8;
    case Change::changed:
    case Change::same:
      break;
  }
  return 9;
}

bool comes_before(const ComparisonRow& a, const ComparisonRow& b) {
  const int order = order_of(a.status);
  if (order != order_of(b.status)) return order < order_of(b.status);
  const auto size = [](double value) { return std::isnan(value) ? -1 : std::abs(value); };
  if (size(a.moved) != size(b.moved)) return size(a.moved) > size(b.moved);
  if (size(a.alpha_z) != size(b.alpha_z)) return size(a.alpha_z) > size(b.alpha_z);
  return natural_less(a.key, b.key);
}

bool is_of_alpha(const UsualChange& change) { return change.metric == "alpha"; }

bool is_unchanged(const LayerPair& pair) {
  return !pair.a->hash.empty() && pair.a->hash == pair.b->hash;
}

/// Layers of B that are unlike themselves in A.
std::vector<SuddenChange> sudden_changes(std::span<const LayerPair> pairs) {
  std::vector<LayerStep> steps;
  std::vector<const LayerRow*> rows;
  for (const LayerPair& pair : pairs) {
    if (pair.a == nullptr || pair.b == nullptr || is_unchanged(pair)) continue;
    steps.push_back({state_of(*pair.a), state_of(*pair.b)});
    rows.push_back(pair.b);
  }
  const SharedChange shared = shared_change(steps);
  std::vector<SuddenChange> sudden;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    std::string text = unlike_past(steps[i], shared);
    if (!text.empty()) sudden.push_back({rows[i]->key, std::move(text)});
  }
  return sudden;
}

bool is_later(const Provenance& b, const Provenance& a) {
  return is_whole(a.analysis) && is_whole(b.analysis) && is_alike(a, b) && a.training.step > 0 &&
         a.training.step < b.training.step;
}

/// True if `b` is an adapter on A itself.
bool is_adapter_on(const Provenance& b, const Provenance& a) {
  return b.analysis == AnalysisKind::adapter_on_base && !b.base_identity.empty() &&
         b.base_identity == a.checkpoint_identity;
}

/// What became of tables of tokens, and of tensors without a row.
void tell_what_is_gone(Comparison& out, const CheckpointRecord& a, const CheckpointRecord& b) {
  tell_other_heads(out.rows);
  tell_lawful_removals(out.rows, a, b);
  tell_left_predictions(out.rows, a, b);
  for (const SmallTensor& tensor : small_tensors(a, b, is_classifier_of(b, a))) {
    if (tensor.missing) out.missing_tensors.push_back(tensor.name);
  }
}

void add_state_of_b(Comparison& out, const CheckpointRecord& b) {
  out.nonfinite_b = std::count_if(b.layers.begin(), b.layers.end(), [](const LayerRow& row) {
    return is_nonfinite(row) || saturated_sum(row.num_nan, row.num_inf) > 0;
  });
  out.no_tail_in_b = is_whole(b.provenance.analysis) &&
                     std::none_of(b.layers.begin(), b.layers.end(),
                                  [](const LayerRow& row) { return is_fitted(row); });
}

/// The p-values of all layers together.
void correct_for_layers(std::vector<ComparisonRow>& rows) {
  std::vector<double> p;
  p.reserve(rows.size());
  for (const ComparisonRow& row : rows) p.push_back(row.alpha_p);
  const std::vector<double> q = adjusted(p);
  for (std::size_t i = 0; i < q.size(); ++i) {
    rows[i].alpha_q = q[i];
    rows[i].significant = q[i] < kLevel;
  }
}

/// Fills the rows of `out`, but for what the layers of others tell.
/// @returns the layers of A and B of each row; nullptr: none that can be compared
std::vector<LayerPair> pair_layers(Comparison& out, const CheckpointRecord& a,
                                   const CheckpointRecord& b) {
  std::unordered_map<std::string, std::size_t> in_a;
  for (std::size_t i = 0; i < a.layers.size(); ++i) in_a.emplace(a.layers[i].key, i);
  const std::set<std::string> left_out_a = keys_left_out(a.skipped);
  const std::set<std::string> left_out_b = keys_left_out(b.skipped);
  out.left_out_of_both =
      std::count_if(left_out_a.begin(), left_out_a.end(),
                    [&](const std::string& key) { return left_out_b.contains(key); });
  const ByHash by_hash(a.layers);
  const bool on_a = is_adapter_on(b.provenance, a.provenance);
  std::vector<LayerPair> pairs;
  const std::vector<double> none;
  const auto sigma_of = [&](const CheckpointRecord& record, std::size_t i) -> const auto& {
    return i < record.spectra.size() ? record.spectra[i].sigma : none;
  };
  for (std::size_t i = 0; i < b.layers.size(); ++i) {
    const auto found = in_a.find(b.layers[i].key);
    if (found == in_a.end()) {
      const bool known = !left_out_a.contains(b.layers[i].key);
      out.rows.push_back(started(b.layers[i], known ? Change::added : Change::left_out));
      out.rows.back().alpha_b = alpha_if_fitted(b.layers[i]);
      if (known) out.rows.back().from = by_hash.key_of(b.layers[i]);
      pairs.push_back({nullptr, &b.layers[i]});
      continue;
    }
    const LayerRow& before = a.layers[found->second];
    // Metrics of layers with different shapes are not comparable.
    pairs.push_back({is_reshaped(before, b.layers[i]) ? nullptr : &before, &b.layers[i]});
    out.rows.push_back(compared(before, b.layers[i], sigma_of(a, found->second), sigma_of(b, i),
                                out.alike, by_hash.key_of(b.layers[i])));
    // What an adapter neither changes nor holds is the base's, with its hash.
    ComparisonRow& row = out.rows.back();
    const bool has_factors = b.layers[i].adapter.adapter_rank >= 0;
    row.held_whole =
        on_a && !has_factors && row.status != Change::same && row.status != Change::misplaced;
    row.of_adapter = on_a && (has_factors || row.held_whole);
    in_a.erase(found);
  }
  for (const auto& [key, i] : in_a) {
    out.rows.push_back(
        started(a.layers[i], left_out_b.contains(key) ? Change::left_out : Change::removed));
    out.rows.back().alpha_a = alpha_if_fitted(a.layers[i]);
    out.rows.back().in_b = false;
    pairs.push_back({&a.layers[i], nullptr});
  }
  return pairs;
}

}  // namespace

double error_ratio_of(const LayerRow& a, double relative) {
  return a.M > 0 ? relative * std::sqrt(a.stable_rank / static_cast<double>(a.M)) : kNan;
}

bool has_other_vocabulary(const LayerRow& b, const LayerRow& a) {
  return is_of_tokens(a.role) && a.role == b.role && (a.rows == b.rows) != (a.cols == b.cols);
}

Comparison compare(const CheckpointRecord& a, const CheckpointRecord& b) {
  if (std::optional<Pruned> pruned = pruned_from(a, b)) {
    Comparison out = compare(pruned->a, b);
    out.pruned = std::move(pruned->text);
    for (ComparisonRow& row : out.rows) {
      if (std::count(pruned->routers.begin(), pruned->routers.end(), row.key) > 0) {
        row.status = Change::narrowed;
      }
    }
    return out;
  }
  Comparison out;
  out.a = a.provenance.checkpoint_id;
  out.b = b.provenance.checkpoint_id;
  out.notes = notes_on(a.provenance, b.provenance, "A", "B");
  if (!is_whole(a.provenance.analysis) || !is_whole(b.provenance.analysis)) {
    out.notes.push_back("A is the " + analysis_text(a.provenance.analysis, a.provenance.base_path) +
                        ", B the " + analysis_text(b.provenance.analysis, b.provenance.base_path) +
                        "; neither is a whole model");
  }
  out.same_mode = a.provenance.mode == b.provenance.mode;
  out.alike = is_alike(a.provenance, b.provenance);
  const std::vector<LayerPair> pairs = pair_layers(out, a, b);
  tell_what_is_gone(out, a, b);
  if (out.same_mode) {
    out.paired = paired_changes(pairs, out.alike);
    out.usual = usual_changes(pairs);
    if (!out.alike) std::erase_if(out.usual, is_of_alpha);
  }
  if (is_later(b.provenance, a.provenance)) out.sudden = sudden_changes(pairs);
  add_state_of_b(out, b);
  out.training_a = a.provenance.training;
  out.training_b = b.provenance.training;
  correct_for_layers(out.rows);
  std::sort(out.rows.begin(), out.rows.end(), comes_before);
  return out;
}

}  // namespace wishart::analysis
