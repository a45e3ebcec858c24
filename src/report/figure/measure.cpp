#include "figure/measure.hpp"

#include <cmath>
#include <string_view>
#include <unordered_map>

#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/fit_counts.hpp"

#include "text/numbers.hpp"

namespace wishart::report {
namespace {

bool any_known(const std::vector<double>& values) {
  for (const double value : values) {
    if (std::isfinite(value)) return true;
  }
  return false;
}

std::vector<double> changes_since(const std::vector<LayerRow>& layers,
                                  const std::vector<LayerRow>& before) {
  std::unordered_map<std::string_view, double> norms;
  for (const LayerRow& layer : before) norms.emplace(layer.key, layer.log_norm);
  std::vector<double> changes;
  for (const LayerRow& layer : layers) {
    const auto found = norms.find(layer.key);
    changes.push_back(found == norms.end() ? kNan : norm_change(found->second, layer.log_norm));
  }
  return changes;
}

}  // namespace

bool needs_attention(const LayerRow& layer) {
  for (const std::string& word : analysis::warning_words(layer)) {
    bool remark = false;
    for (const analysis::WarningKind& kind : analysis::warning_kinds()) {
      if (kind.word == word) remark = kind.remark;
    }
    if (!remark) return true;
  }
  return false;
}

double fitted_alpha(const LayerRow& layer) {
  return std::isfinite(layer.alpha) ? alpha_if_fitted(layer) : kNan;
}

double norm_change(double log_before, double log_now) {
  return 100 * std::expm1(std::log(10.0) * (log_now - log_before) / 2);
}

std::vector<Measure> measures_of(const CheckpointRecord& record,
                                 const std::vector<LayerRow>* before) {
  const std::vector<LayerRow>& layers = record.layers;
  const auto of = [&](const auto& value) {
    std::vector<double> values;
    values.reserve(layers.size());
    for (const LayerRow& layer : layers) values.push_back(value(layer));
    return values;
  };
  std::vector<Measure> all;
  all.push_back({"alpha", "alpha", ScaleKind::sequential, of(fitted_alpha)});
  all.push_back(
      {"D", "D, distance of the tail from its power law", ScaleKind::sequential,
       of([](const LayerRow& layer) { return std::isnan(fitted_alpha(layer)) ? kNan : layer.D; })});
  all.push_back({"stable_rank", "stable rank, logarithmic", ScaleKind::logarithmic,
                 of([](const LayerRow& layer) { return layer.stable_rank; })});
  const std::vector<double> beside =
      of([](const LayerRow& layer) { return 100 * layer.weights.delta_frobenius; });
  if (any_known(beside)) {
    all.push_back({"change", "change against the base, % of its norm, logarithmic",
                   ScaleKind::logarithmic, beside});
  } else if (before != nullptr) {
    const std::vector<double> since = changes_since(layers, *before);
    if (any_known(since)) {
      all.push_back({"change", "change of the norm since the checkpoint before, %",
                     ScaleKind::diverging, since});
    }
  }
  all.push_back({"warnings", "share of layers that need attention", ScaleKind::share,
                 of([](const LayerRow& layer) { return needs_attention(layer) ? 1.0 : 0.0; })});
  std::erase_if(all, [](const Measure& measure) { return !any_known(measure.values); });
  return all;
}

std::string value_text(const Measure& measure, double value) {
  if (std::isnan(value)) return "not known";
  if (measure.kind == ScaleKind::share) return fixed(100 * value, 0) + " %";
  if (measure.name == "change") {
    return (std::abs(value) >= 1000 ? fixed(value, 0) : number(value, 3)) + " %";
  }
  return number(value, 3);
}

}  // namespace wishart::report
