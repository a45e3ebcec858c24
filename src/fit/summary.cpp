#include "wishart/fit/summary.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "wishart/core/text.hpp"

namespace wishart::fit {
namespace {

/// A metric that is summarized.
struct Metric {
  const char* name;
  double (*value)(const LayerRow&);
};

/// A count that is not known is -1 in the table, and stays out of the averages.
double count_value(std::int64_t count) { return count < 0 ? kNan : static_cast<double>(count); }

constexpr std::array<Metric, 13> kMetrics{{
    {"alpha", [](const LayerRow& r) { return r.alpha; }},
    {"D", [](const LayerRow& r) { return r.D; }},
    {"sigma", [](const LayerRow& r) { return r.sigma; }},
    {"num_pl_spikes", [](const LayerRow& r) { return count_value(r.num_pl_spikes); }},
    {"alpha_weighted", [](const LayerRow& r) { return r.alpha_weighted; }},
    {"log_alpha_norm", [](const LayerRow& r) { return r.log_alpha_norm; }},
    {"log_norm", [](const LayerRow& r) { return r.log_norm; }},
    {"log_spectral_norm", [](const LayerRow& r) { return r.log_spectral_norm; }},
    {"stable_rank", [](const LayerRow& r) { return r.stable_rank; }},
    {"matrix_rank", [](const LayerRow& r) { return count_value(r.matrix_rank); }},
    {"entropy", [](const LayerRow& r) { return r.entropy; }},
    {"mp_softrank", [](const LayerRow& r) { return r.mp_softrank; }},
    {"alpha_hill", [](const LayerRow& r) { return r.alpha_hill; }},
}};

using Group = std::vector<const LayerRow*>;

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

SummaryRow summary_row(const Group& group, const Metric& metric, bool weightwatcher) {
  SummaryRow row;
  row.metric = metric.name;
  std::vector<double> values;
  long double sum = 0;
  long double weighted_sum = 0;
  long double weight = 0;
  for (const LayerRow* layer : group) {
    const double value = metric.value(*layer);
    // pandas' mean, which WeightWatcher calls, leaves out NaN only.
    const bool counts = weightwatcher ? !std::isnan(value) : std::isfinite(value);
    if (!counts) {
      ++row.excluded;
      continue;
    }
    values.push_back(value);
    sum += value;
    weighted_sum += static_cast<long double>(value) * static_cast<long double>(layer->num_params);
    weight += static_cast<long double>(layer->num_params);
  }
  row.count = static_cast<std::int64_t>(values.size());
  if (values.empty()) return row;
  const long double mean = sum / static_cast<long double>(values.size());
  row.mean = static_cast<double>(mean);
  row.median = median_of(values);
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  row.min = *least;
  row.max = *most;
  if (weight > 0) row.weighted_mean = static_cast<double>(weighted_sum / weight);
  if (values.size() > 1) {
    long double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    row.std = static_cast<double>(std::sqrt(squares / static_cast<long double>(values.size() - 1)));
  }
  return row;
}

struct NaturalOrder {
  bool operator()(const std::string& a, const std::string& b) const { return natural_less(a, b); }
};
using Groups = std::map<std::string, Group, NaturalOrder>;

void append(std::vector<SummaryRow>& rows, const std::string& group_by, const Groups& groups,
            bool weightwatcher) {
  for (const auto& [name, group] : groups) {
    for (const Metric& metric : kMetrics) {
      SummaryRow row = summary_row(group, metric, weightwatcher);
      row.group_by = group_by;
      row.group = name;
      rows.push_back(std::move(row));
    }
  }
}

}  // namespace

std::vector<SummaryRow> summarize(std::span<const LayerRow> layers, bool weightwatcher) {
  Groups all;
  Groups roles;
  Groups blocks;
  all["all"];  // there even if nothing was analysed
  for (const LayerRow& layer : layers) {
    all["all"].push_back(&layer);
    roles[layer.role].push_back(&layer);
    if (layer.block >= 0) {
      const std::string prefix = layer.stack.empty() ? "" : layer.stack + ".";
      blocks[prefix + std::to_string(layer.block)].push_back(&layer);
    }
  }
  std::vector<SummaryRow> rows;
  append(rows, "all", all, weightwatcher);
  append(rows, "role", roles, weightwatcher);
  append(rows, "block", blocks, weightwatcher);
  return rows;
}

}  // namespace wishart::fit
