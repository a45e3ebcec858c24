#include "wishart/analysis/ranking.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "wishart/analysis/metric.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/run_name.hpp"

namespace wishart::analysis {
namespace {

constexpr std::array kCoefficients{Coefficient::spearman, Coefficient::kendall,
                                   Coefficient::pearson};

struct NaturalOrder {
  bool operator()(const std::string& a, const std::string& b) const { return natural_less(a, b); }
};

/// A model with its score.
struct Pair {
  const Model* model = nullptr;
  double score = kNan;
};
using Pairs = std::vector<Pair>;
using Groups = std::map<std::string, Pairs, NaturalOrder>;
using Three = std::array<Correlation, kCoefficients.size()>;

Three correlations(const Pairs& pairs, std::size_t metric) {
  std::vector<double> x;
  std::vector<double> y;
  for (const Pair& pair : pairs) {
    x.push_back(pair.model->values[metric]);
    y.push_back(pair.score);
  }
  Three out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = correlate(kCoefficients[i], x, y);
  return out;
}

FollowRow row_of(const std::string& metric, const std::string& group, const Three& three) {
  FollowRow row;
  row.metric = metric;
  row.group = group;
  row.models = three[0].count;
  row.spearman = three[0].value, row.spearman_low = three[0].low, row.spearman_high = three[0].high;
  row.kendall = three[1].value, row.kendall_low = three[1].low, row.kendall_high = three[1].high;
  row.pearson = three[2].value, row.pearson_low = three[2].low, row.pearson_high = three[2].high;
  return row;
}

/// Adds the rows of one metric.
void add_rows(std::vector<FollowRow>& rows, std::size_t metric, const Pairs& all,
              const Groups& groups) {
  const std::string name = rank_metrics()[metric].name;
  const std::size_t first = rows.size();
  rows.push_back(row_of(name, "all", correlations(all, metric)));
  if (groups.size() < 2) return;
  std::vector<FollowRow> of_groups;
  std::array<std::vector<Correlation>, kCoefficients.size()> parts;
  for (const auto& [group, pairs] : groups) {
    const Three three = correlations(pairs, metric);
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i].push_back(three[i]);
    of_groups.push_back(row_of(name, group, three));
  }
  Three within;
  for (std::size_t i = 0; i < parts.size(); ++i) within[i] = pooled(kCoefficients[i], parts[i]);
  rows.push_back(row_of(name, "within", within));
  const Correlation& w = within[0];
  rows[first].reversed_within = w.low * w.high > 0 && w.value * rows[first].spearman < 0;
  rows.insert(rows.end(), of_groups.begin(), of_groups.end());
}

/// What a model's name shares with the other checkpoints of its run; empty if its name has no step.
std::string series_of(const Model& model) {
  const RunName name = run_name(model.name, model.about.step);
  return name.placed ? name.run + " " + name.word : std::string();
}

/// True if most models are checkpoints of a run that has several of them in their group.
bool are_of_runs(const Groups& groups) {
  constexpr std::int64_t kFewest = 3;  // of a drift
  std::int64_t models = 0;
  std::int64_t of_runs = 0;
  for (const auto& [name, pairs] : groups) {
    std::map<std::string, std::int64_t> series;
    for (const Pair& pair : pairs) ++series[series_of(*pair.model)];
    models += std::ssize(pairs);
    for (const auto& [run, count] : series) of_runs += !run.empty() && count >= kFewest ? count : 0;
  }
  return 2 * of_runs > models;
}

/// The interval of |spearman|.
std::pair<double, double> strength(const FollowRow& row) {
  const double a = std::abs(row.spearman_low);
  const double b = std::abs(row.spearman_high);
  const bool through_zero = row.spearman_low < 0 && row.spearman_high > 0;
  return {through_zero ? 0 : std::min(a, b), std::max(a, b)};
}

/// At +-1 Fisher's interval has no width. That is no certainty: it cannot be estimated there.
void drop_empty_intervals(FollowRow& row) {
  const auto drop = [](double value, double& low, double& high) {
    constexpr double kRounding = 1e-9;
    if (std::abs(value) > 1 - kRounding) low = high = kNan;
  };
  drop(row.spearman, row.spearman_low, row.spearman_high);
  drop(row.kendall, row.kendall_low, row.kendall_high);
  drop(row.pearson, row.pearson_low, row.pearson_high);
}

Best best_of(const std::vector<FollowRow>& rows) {
  Best best;
  for (const char* basis : {"within", "all"}) {
    const FollowRow* top = nullptr;
    for (const FollowRow& row : rows) {
      if (row.group != basis || std::isnan(row.spearman)) continue;
      if (top == nullptr || std::abs(row.spearman) > std::abs(top->spearman)) top = &row;
    }
    if (top == nullptr) continue;
    best.metric = top->metric;
    best.basis = basis;
    const auto own = strength(*top);
    for (const FollowRow& row : rows) {
      if (row.group != basis || &row == top || std::isnan(row.spearman)) continue;
      const auto other = strength(row);
      // Without intervals (NaN) two metrics cannot be distinguished.
      const bool apart = other.second < own.first;
      if (!apart) best.rivals.push_back(row.metric);
    }
    return best;
  }
  return best;
}

}  // namespace

const std::vector<RankMetric>& rank_metrics() {
  static const std::vector<RankMetric> metrics{
      {"alpha", true},      {"alpha_weighted", true},    {"log_alpha_norm", true},
      {"log_norm", true},   {"log_spectral_norm", true}, {"stable_rank", true},
      {"D", true},          {"mp_softrank", true},       {"entropy", true},
      {"alpha_hill", true},
  };
  return metrics;
}

Model model_of(const std::string& name, const std::vector<LayerRow>& layers) {
  Model model;
  model.name = name;
  model.depth = static_cast<std::int64_t>(layers.size());
  model.fitted = count_fits(layers).fitted;
  model.nonfinite = std::count_if(layers.begin(), layers.end(), [](const LayerRow& row) {
    return row.num_nan > 0 || row.num_inf > 0;
  });
  for (const RankMetric& metric : rank_metrics()) {
    const Mean mean = mean_of(column(layers, metric.name));
    model.values.push_back(mean.value);
    model.errors.push_back(mean.error);
    model.counts.push_back(mean.count);
  }
  return model;
}

void put_in_order(std::vector<Model>& models, std::size_t metric) {
  const bool less = rank_metrics()[metric].less_is_better;
  std::sort(models.begin(), models.end(), [&](const Model& a, const Model& b) {
    if ((a.nonfinite > 0) != (b.nonfinite > 0)) return b.nonfinite > 0;
    const double x = a.values[metric];
    const double y = b.values[metric];
    if (std::isnan(x) != std::isnan(y)) return std::isnan(y);
    if (x < y || x > y) return less ? x < y : x > y;
    return natural_less(a.name, b.name);
  });
}

std::string nonfinite_text(const std::vector<Model>& models) {
  const Model* first = nullptr;
  std::int64_t count = 0;
  for (const Model& model : models) {
    if (model.nonfinite == 0) continue;
    if (first == nullptr) first = &model;
    ++count;
  }
  if (first == nullptr) return "";
  constexpr std::size_t kMostOfName = 160;
  return "Do not use " + printable(first->name, kMostOfName) +
         (count > 1 ? " and " + std::to_string(count - 1) + " more" : "") +
         ", placed last whatever the metric: " + (count == 1 ? "it holds" : "they hold") +
         " NaN or infinite weights, in " + std::to_string(first->nonfinite) + " of " +
         std::to_string(first->depth) + " matrices" + (count > 1 ? " of the first." : ".");
}

Following follow(const std::vector<Model>& models, const std::vector<Score>& scores,
                 const ScoreColumn& column) {
  std::map<std::string, const Model*> by_name;
  for (const Model& model : models) by_name.emplace(model.name, &model);
  Following out;
  Pairs all;
  Groups groups;
  for (const Score& score : scores) {
    const auto found = by_name.find(score.model);
    if (found == by_name.end()) {
      out.unmatched.push_back(score.model);
      continue;
    }
    const std::string group =
        score.group.empty() ? std::to_string(found->second->depth) + " matrices" : score.group;
    all.push_back({found->second, score.score});
    groups[group].push_back(all.back());
  }
  for (std::size_t metric = 0; metric < rank_metrics().size(); ++metric) {
    add_rows(out.rows, metric, all, groups);
  }
  out.score = column;
  out.of_runs = are_of_runs(groups);
  out.best = best_of(out.rows);
  for (FollowRow& row : out.rows) drop_empty_intervals(row);
  return out;
}

}  // namespace wishart::analysis
