#include "wishart/analysis/usual.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "wishart/analysis/metric.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/roles.hpp"

#include "statistics/percentile.hpp"
#include "statistics/population_table.hpp"

namespace wishart::analysis {
namespace {

/// Percentiles in this range are called the median.
constexpr double kMedianFrom = 45;
constexpr double kMedianTo = 55;

/// An alpha outside these percentiles counts as low or high.
constexpr double kUsualFrom = 5;
constexpr double kUsualTo = 95;

constexpr std::string_view kExpertPrefix = "expert.";

struct RoleName {
  std::string_view role;
  std::string_view name;
};
constexpr std::array kRoleNames{
    RoleName{"attention.k", "key projections"},
    RoleName{"attention.o", "output projections of attention"},
    RoleName{"attention.q", "query projections"},
    RoleName{"attention.qkv", "fused query, key and value projections"},
    RoleName{"attention.v", "value projections"},
    RoleName{"expert", "matrices of experts"},
    RoleName{kHeadRole, "heads"},
    RoleName{"mlp.down", "down projections"},
    RoleName{"mlp.gate", "gate projections"},
    RoleName{"mlp.gate_up", "fused gate and up projections"},
    RoleName{"mlp.up", "up projections"},
};

/// The role in the table. It does not distinguish the matrices of an expert.
std::string_view role_of_table(std::string_view role) {
  return role.starts_with(kExpertPrefix) ? kExpertPrefix.substr(0, kExpertPrefix.size() - 1) : role;
}

std::string_view name_of(std::string_view role_of_table) {
  for (const RoleName& one : kRoleNames) {
    if (one.role == role_of_table) return one.name;
  }
  return {};
}

const PopulationClass* class_of(std::string_view role, std::int64_t side) {
  const std::string_view known = role_of_table(role);
  for (const PopulationClass& one : kPopulation) {
    if (one.role == known && one.from_side <= side && side <= one.to_side) return &one;
  }
  return nullptr;
}

const Levels& levels_of(const PopulationClass& one, UsualMetric metric) {
  if (one.to_side <= kSmallSide && metric == UsualMetric::alpha) return kSmallLevelsOfAlpha;
  if (one.to_side <= kSmallSide && metric == UsualMetric::distance) return kSmallLevelsOfD;
  return kLevelsOfTable;
}

double percentile_in(const PopulationClass& one, UsualMetric metric, double value) {
  return level_of(levels_of(one, metric), one.values[static_cast<std::size_t>(metric)], value);
}

/// False without a fit, and for a fit with options that affect alpha: another law, or the largest
/// values left out.
bool is_plain_fit(const LayerRow& row) {
  return is_fitted(row) && !std::isfinite(row.Lambda) && !std::isfinite(row.raw_alpha) &&
         row.xmax >= row.lambda_max;
}

UsualStatus status_of(const LayerRow& row, const PopulationClass* found) {
  if (!row.has_esd) return UsualStatus::no_spectrum;
  if (std::isfinite(row.weights.base_norm)) return UsualStatus::of_difference;
  if (row.dtype.starts_with("LoRA ")) return UsualStatus::of_adapter;
  if (found != nullptr) return UsualStatus::known;
  return name_of(role_of_table(row.role)).empty() ? UsualStatus::unknown_role
                                                  : UsualStatus::unknown_size;
}

/// The layers of one group, or without reference values for one reason.
struct Gathered {
  std::string name;
  std::int64_t layers = 0;
  std::vector<double> alpha, alpha_percentile, D, D_percentile, stable_rank, stable_rank_percentile;
};

void gather(std::vector<Gathered>& groups, const std::string& name, const LayerRow& row,
            const Usual& usual) {
  auto group = std::find_if(groups.begin(), groups.end(),
                            [&](const Gathered& one) { return one.name == name; });
  if (group == groups.end()) {
    group = groups.insert(groups.end(), Gathered{});
    group->name = name;
  }
  ++group->layers;
  const auto add = [](std::vector<double>& values, std::vector<double>& percentiles, double value,
                      double percentile) {
    if (std::isnan(percentile)) return;
    values.push_back(value);
    percentiles.push_back(percentile);
  };
  add(group->alpha, group->alpha_percentile, row.alpha, usual.alpha);
  add(group->D, group->D_percentile, row.D, usual.D);
  add(group->stable_rank, group->stable_rank_percentile, row.stable_rank, usual.stable_rank);
}

UsualRow row_of(const Gathered& one) {
  UsualRow row;
  row.layers = one.layers;
  row.with_alpha = std::ssize(one.alpha_percentile);
  row.alpha = median_of(one.alpha);
  row.alpha_percentile = median_of(one.alpha_percentile);
  row.D = median_of(one.D);
  row.D_percentile = median_of(one.D_percentile);
  row.stable_rank = median_of(one.stable_rank);
  row.stable_rank_percentile = median_of(one.stable_rank_percentile);
  for (const double percentile : one.alpha_percentile) {
    row.low += percentile < kUsualFrom ? 1 : 0;
    row.high += percentile > kUsualTo ? 1 : 0;
  }
  return row;
}

}  // namespace

Usual usual_of(const LayerRow& row) {
  const PopulationClass* found = class_of(row.role, row.M);
  Usual usual;
  usual.status = status_of(row, found);
  if (usual.status != UsualStatus::known) return usual;
  usual.group = {name_of(found->role), found->from_side, found->to_side, found->matrices};
  if (is_plain_fit(row)) {
    usual.alpha = percentile_in(*found, UsualMetric::alpha, row.alpha);
    usual.D = percentile_in(*found, UsualMetric::distance, row.D);
  }
  usual.stable_rank = percentile_in(*found, UsualMetric::stable_rank_share,
                                    row.stable_rank / static_cast<double>(row.M));
  usual.log_norm = percentile_in(*found, UsualMetric::log_norm, row.log_norm);
  usual.log_spectral_norm =
      percentile_in(*found, UsualMetric::log_spectral_norm, row.log_spectral_norm);
  return usual;
}

double usual_value(std::string_view role, std::int64_t side, UsualMetric metric,
                   double percentile) {
  const PopulationClass* found = class_of(role, side);
  if (found == nullptr) return kNan;
  return value_at(levels_of(*found, metric), found->values[static_cast<std::size_t>(metric)],
                  percentile);
}

std::string group_text(const UsualGroup& group) {
  return std::string(group.name) + " of " + std::to_string(group.from_side) + " to " +
         std::to_string(group.to_side);
}

std::string percentile_text(double percentile) {
  if (std::isnan(percentile)) return "";
  if (percentile >= kMedianFrom && percentile <= kMedianTo) return "median";
  const bool above = percentile > kMedianTo;
  // Rounded towards the middle, so that the statement is always true.
  const double share = std::floor(above ? percentile : 100 - percentile);
  return (above ? "above " : "below ") + rounded(share, 2) + " %";
}

std::string usual_text(std::string_view metric, double value, double percentile,
                       const Usual& usual) {
  std::string text = std::string(metric) + " " + rounded(value, 3);
  if (std::isnan(percentile)) return text;
  return text + ": " + percentile_text(percentile) + " of " + group_text(usual.group);
}

std::string why_unknown(const Usual& usual, const LayerRow& row) {
  switch (usual.status) {
    case UsualStatus::known:
      return "";
    case UsualStatus::no_spectrum:
      return "no spectrum";
    case UsualStatus::unknown_role:
      return "no reference values for the role " + printable(row.role);
    case UsualStatus::unknown_size:
      return "no reference values for " + std::string(name_of(role_of_table(row.role))) +
             " with a shorter side of " + std::to_string(row.M);
    case UsualStatus::of_difference:
      return "the difference to a base, not the weights of a layer";
    case UsualStatus::of_adapter:
      return "an adapter, not the weights of a layer";
  }
  return "";
}

std::string_view status_name(UsualStatus status) {
  switch (status) {
    case UsualStatus::known:
      return "known";
    case UsualStatus::no_spectrum:
      return "no-spectrum";
    case UsualStatus::unknown_role:
      return "unknown-role";
    case UsualStatus::unknown_size:
      return "unknown-size";
    case UsualStatus::of_difference:
      return "of-difference";
    case UsualStatus::of_adapter:
      return "of-adapter";
  }
  return "";
}

UsualColumns usual_columns(const LayerRow& row) {
  const Usual usual = usual_of(row);
  UsualColumns columns;
  columns.alpha_percentile = usual.alpha;
  columns.D_percentile = usual.D;
  columns.stable_rank_percentile = usual.stable_rank;
  columns.log_norm_percentile = usual.log_norm;
  columns.log_spectral_norm_percentile = usual.log_spectral_norm;
  columns.usual_status = status_name(usual.status);
  if (usual.status == UsualStatus::known) columns.usual_group = group_text(usual.group);
  return columns;
}

std::vector<UsualRow> usual_table(const std::vector<LayerRow>& layers) {
  std::vector<Gathered> known;
  std::vector<Gathered> unknown;
  for (const LayerRow& row : layers) {
    const Usual usual = usual_of(row);
    const bool is_known = usual.status == UsualStatus::known;
    gather(is_known ? known : unknown, is_known ? group_text(usual.group) : why_unknown(usual, row),
           row, usual);
  }
  std::vector<UsualRow> table;
  for (const Gathered& one : known) {
    UsualRow row = row_of(one);
    row.group = one.name;
    const std::string alpha = std::isnan(row.alpha) ? "no alpha" : "alpha " + rounded(row.alpha, 3);
    const std::string place = percentile_text(row.alpha_percentile);
    row.text = alpha + ": " + (place.empty() ? "" : place + " of ") + row.group;
    table.push_back(std::move(row));
  }
  for (const Gathered& one : unknown) {
    table.push_back({});
    table.back().reason = one.name;
    table.back().layers = one.layers;
    table.back().text = one.name;
  }
  return table;
}

std::int64_t population_models() { return kPopulationModels; }

}  // namespace wishart::analysis
