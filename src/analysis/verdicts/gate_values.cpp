#include "verdicts/gate_values.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/paired.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/left_out.hpp"

#include "comparisons/small_tensors.hpp"
#include "comparisons/token_tables.hpp"

namespace wishart::analysis {
namespace {

bool matches(const std::vector<std::string>& globs, const std::string& text) {
  return globs.empty() || std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
           return glob_match(glob, text);
         });
}

bool is_meant(const Rule& rule, const std::string& key, const std::string& role,
              std::int64_t block) {
  const bool in_blocks =
      rule.blocks.empty() ||
      std::any_of(rule.blocks.begin(), rule.blocks.end(),
                  [&](const auto& range) { return block >= range.first && block <= range.second; });
  return in_blocks && matches(rule.roles, role) && matches(rule.layers, key);
}

/// The value of one layer of a comparison; NaN if the metric is not defined for it.
double comparison_value(const std::string& metric, const ComparisonRow& row) {
  const bool left_out = row.status == Change::left_out;
  const auto count_of = [](bool found) { return found ? 1.0 : 0.0; };
  if (metric == "missing") return left_out && !row.in_b ? kNan : count_of(is_lost(row.status));
  if (metric == "added") {
    return left_out && row.in_b ? kNan : count_of(row.status == Change::added);
  }
  if (metric == "misplaced") return left_out ? kNan : count_of(row.status == Change::misplaced);
  if (metric == "rearranged") return left_out ? kNan : count_of(row.status == Change::rearranged);
  if (metric == "moved") return row.moved;
  if (metric == "moved_unasked") return row.of_adapter ? kNan : row.moved;
  // Unchanged weights have the same alpha, and no error to divide by.
  return row.status == Change::same ? 0 : row.alpha_z;
}

/// Errors as they were measured, or else as norms tell them.
class Measured {
public:
  Measured(const CheckpointRecord& a, const KnownErrors& known) : known_(&known) {
    for (const LayerRow& row : a.layers) rows_.emplace(row.key, &row);
  }

  [[nodiscard]] double error_ratio(const ComparisonRow& row) const {
    if (known_->empty() || row.status == Change::same) return row.error_ratio;
    const auto found = known_->find(row.key);
    const auto before = rows_.find(row.key);
    if (found == known_->end() || before == rows_.end()) return kNan;
    return error_ratio_of(*before->second, found->second.relative);
  }

  [[nodiscard]] double cut(const ComparisonRow& row) const {
    if (has_other_vocabulary(row.status)) return kNan;
    const auto found = known_->find(row.key);
    const bool measured = found != known_->end() && !std::isnan(found->second.cut);
    if (!measured) return row.log_norm_change;
    // Errors that follow from A may bring back what zeros took.
    return std::fmax(row.log_norm_change, std::log10(1 - found->second.cut));
  }

private:
  const KnownErrors* known_;
  std::unordered_map<std::string_view, const LayerRow*> rows_;
};

/// What does not depend on the shape: whether there is a fit or a warning.
bool is_of_any_shape(const std::string& metric) {
  return metric == "failed" || metric.starts_with("warning.");
}

/// By a metric that compares two stages by itself.
std::vector<Violation> compared_values(const Rule& rule, const CheckpointRecord& stage,
                                       const CheckpointRecord& other, const KnownErrors& known) {
  std::vector<Violation> out;
  const Measured measured(other, known);
  for (const ComparisonRow& row : compare(other, stage).rows) {
    if (!is_meant(rule, row.key, row.role, row.block)) continue;
    const bool of_presence = rule.metric == "missing" || rule.metric == "added";
    if (is_of_one_only(row.status) && !of_presence) continue;
    const double value = rule.metric == "error_ratio" ? measured.error_ratio(row)
                         : rule.metric == "cut"       ? measured.cut(row)
                                                      : comparison_value(rule.metric, row);
    out.push_back({row.key, row.role, row.block, value, kNan, kNan});
  }
  if (rule.metric != "missing") return out;
  // These have neither a role nor a block.
  for (const SmallTensor& tensor : small_tensors(other, stage, is_classifier_of(stage, other))) {
    if (!is_meant(rule, tensor.name, "", -1)) continue;
    out.push_back({tensor.name, "", -1, tensor.missing ? 1.0 : 0.0, kNan, kNan});
  }
  return out;
}

}  // namespace

double measured(Measure measure, double here, double other) {
  return measure == Measure::ratio ? here / other : difference_of(other, here);
}

std::vector<Violation> values_of(const Rule& rule, const CheckpointRecord& stage,
                                 const CheckpointRecord* other, const KnownErrors& known) {
  if (is_comparison(rule)) return compared_values(rule, stage, *other, known);
  std::vector<Violation> out;
  std::unordered_map<std::string, const LayerRow*> others;
  std::set<std::string> left_out_there;
  if (other != nullptr) {
    for (const LayerRow& row : other->layers) others.emplace(row.key, &row);
    left_out_there = keys_left_out(other->skipped);
  }
  for (const LayerRow& row : stage.layers) {
    if (!is_meant(rule, row.key, row.role, row.block)) continue;
    Violation one{row.key, row.role, row.block, metric_value(row, rule.metric), kNan, kNan};
    one.here = one.value;
    if (other != nullptr) {
      const auto found = others.find(row.key);
      const bool both = found != others.end();
      if (!both && !left_out_there.contains(row.key)) continue;  // the metric `added` reports these
      const bool alike =
          both && (is_of_any_shape(rule.metric) || !has_other_vocabulary(row, *found->second));
      one.other = alike ? metric_value(*found->second, rule.metric) : kNan;
      one.value = alike ? measured(rule.measure, one.here, one.other) : kNan;
    }
    out.push_back(std::move(one));
  }
  if (other == nullptr) return out;
  const std::set<std::string> left_out_here = keys_left_out(stage.skipped);
  for (const LayerRow& row : other->layers) {
    if (!left_out_here.contains(row.key) || !is_meant(rule, row.key, row.role, row.block)) continue;
    const double there = metric_value(row, rule.metric);
    out.push_back({row.key, row.role, row.block, kNan, kNan, there});
  }
  return out;
}

}  // namespace wishart::analysis
