#include "wishart/analysis/population.hpp"

#include <cmath>
#include <unordered_map>

#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/usual.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/roles.hpp"

#include "statistics/percentile.hpp"
#include "statistics/population_table.hpp"

namespace wishart::analysis {
namespace {

/// The means of the reference leave out embeddings and head.
bool is_inside(const LayerRow& row) { return !is_embedding_or_head(row.role); }

bool has_weights(const LayerRow& row) {
  const UsualStatus status = usual_of(row).status;
  return status != UsualStatus::of_difference && status != UsualStatus::of_adapter;
}

const ChangeLevels* levels_of(std::string_view metric) {
  for (const ChangeLevels& one : kUsualChange) {
    if (one.metric == metric) return &one;
  }
  return nullptr;
}

/// The percentile of a change in words.
std::string often(double percentile) {
  const std::string text = percentile_text(percentile);
  if (text == "median") return "about the median";
  const bool above = text.starts_with("above ");
  return (above ? "more than in " : "less than in ") + text.substr(sizeof("above ") - 1);
}

/// `The mean alpha rose by 0.31, more than in 93 % of 1680 derived models (...).`
std::string change_text(const UsualChange& change) {
  const std::string mean = "Without embeddings and head, the mean " + change.metric + " ";
  if (change.change == 0) return mean + "did not change.";
  return mean + (change.change < 0 ? "fell" : "rose") + " by " +
         rounded(std::abs(change.change), 3) + ", " + often(change.percentile) + " of " +
         std::to_string(change.pairs) + " derived models (half of them change by less than " +
         rounded(change.median, 2) + ", a tenth by more than " + rounded(change.tenth, 2) + ").";
}

/// `-0.07 (-0.14 to +0.01)`.
std::string rho_text(const Rho& rho) {
  const auto two = [](double value) {
    const double cut = std::round(100 * value) / 100;
    return (cut < 0 ? "" : "+") + shortest(cut == 0 ? 0 : cut);
  };
  return two(rho.value) + " (" + two(rho.low) + " to " + two(rho.high) + ")";
}

}  // namespace

std::span<const Worth> worths() { return kWorths; }

const Worth* worth_of(std::string_view metric) {
  for (const Worth& one : kWorths) {
    if (one.metric == metric) return &one;
  }
  return nullptr;
}

bool is_worth_nothing(const Worth& worth) { return worth.shape.low <= 0 && worth.shape.high >= 0; }

double change_percentile(std::string_view metric, double change) {
  const ChangeLevels* levels = levels_of(metric);
  return levels == nullptr ? kNan : level_of(kLevelsOfTable, levels->values, std::abs(change));
}

std::vector<UsualChange> usual_changes(std::span<const LayerPair> pairs) {
  std::vector<UsualChange> changes;
  for (const ChangeLevels& levels : kUsualChange) {
    const std::string metric(levels.metric);
    std::vector<double> differences;
    for (const LayerPair& pair : pairs) {
      if (pair.a == nullptr || pair.b == nullptr || !is_inside(*pair.b)) continue;
      if (!has_weights(*pair.a) || !has_weights(*pair.b)) continue;
      differences.push_back(
          difference_of(metric_value(*pair.a, metric), metric_value(*pair.b, metric)));
    }
    const Mean mean = mean_of(differences);
    if (mean.count == 0) continue;
    UsualChange change;
    change.metric = metric;
    change.layers = mean.count;
    change.change = mean.value;
    change.percentile = change_percentile(metric, mean.value);
    change.median = value_at(kLevelsOfTable, levels.values, 50);
    change.tenth = value_at(kLevelsOfTable, levels.values, 90);
    change.pairs = kPopulationPairs;
    change.text = change_text(change);
    changes.push_back(std::move(change));
  }
  return changes;
}

std::vector<UsualChange> usual_changes(const std::vector<LayerRow>& a,
                                       const std::vector<LayerRow>& b) {
  std::unordered_map<std::string_view, const LayerRow*> in_a;
  for (const LayerRow& row : a) in_a.emplace(row.key, &row);
  std::vector<LayerPair> pairs;
  for (const LayerRow& row : b) {
    const auto found = in_a.find(row.key);
    if (found == in_a.end()) continue;
    const LayerRow& before = *found->second;
    if (before.rows == row.rows && before.cols == row.cols) pairs.push_back({&before, &row});
  }
  return usual_changes(pairs);
}

std::string worth_text(std::string_view metric) {
  const Worth* worth = worth_of(metric);
  const std::string name(metric);
  if (worth == nullptr) {
    return "It is not known how " + name + " follows the quality of models.";
  }
  const std::string known = "Spearman's rho of " + name + " against a public leaderboard is " +
                            rho_text(worth->shape) + " over " +
                            std::to_string(worth->shape.models) + " models in " +
                            std::to_string(kShapeGroups) + " groups of one shape";
  const std::string sizes = "over " + std::to_string(worth->all.models) +
                            " models of all sizes it is " + rho_text(worth->all) +
                            ", with the number of parameters held fixed " + rho_text(worth->fixed) +
                            ".";
  if (!is_worth_nothing(*worth)) return known + "; " + sizes;
  return "Among models of the same shape this order is worth nothing: " + known +
         ", indistinguishable from 0. Across shapes it follows the size as well as the quality: " +
         sizes;
}

}  // namespace wishart::analysis
