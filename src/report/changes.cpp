#include "changes.hpp"

#include <cmath>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "wishart/analysis/attention.hpp"
#include "wishart/analysis/paired.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/fit_counts.hpp"

#include "text/numbers.hpp"

namespace wishart::report {
namespace {

using Difference = std::function<std::string(const CheckpointRecord& other)>;

/// The differences from both neighbours in one text.
std::string beside_text(const analysis::Beside& beside, const Difference& difference) {
  std::vector<std::string> parts;
  if (beside.before != nullptr) {
    const std::string text = difference(*beside.before);
    if (!text.empty()) {
      parts.push_back(text + " since " + printable(beside.before->provenance.checkpoint_id));
    }
  }
  if (beside.base != nullptr) {
    const std::string text = difference(*beside.base);
    if (!text.empty()) {
      parts.push_back(text + " against the base, " +
                      printable(beside.base->provenance.checkpoint_id));
    }
  }
  return join(parts, "; ");
}

}  // namespace

std::string signed_fixed(double value, int decimals) {
  const std::string text = fixed(value, decimals);
  if (text.find_first_of("123456789") == std::string::npos) return fixed(0, decimals);
  return (value > 0 ? "+" : "") + text;
}

std::string alpha_change(const CheckpointRecord& record, const analysis::Beside& beside) {
  return beside_text(beside, [&](const CheckpointRecord& other) -> std::string {
    std::unordered_map<std::string_view, double> there;
    for (const LayerRow& row : other.layers) {
      if (is_fitted(row)) there.emplace(row.key, row.alpha);
    }
    std::vector<double> then;
    std::vector<double> now;
    for (const LayerRow& row : record.layers) {
      const auto found = there.find(row.key);
      if (!is_fitted(row) || found == there.end()) continue;
      then.push_back(found->second);
      now.push_back(row.alpha);
    }
    const analysis::PairedRow change = analysis::paired_change(then, now);
    return std::isnan(change.mean) ? "" : signed_fixed(change.mean, 2);
  });
}

std::string attention_change(const CheckpointRecord& record, const analysis::Beside& beside) {
  const auto count = [](const CheckpointRecord& one) {
    return analysis::count_layers(analysis::layers_that_need_attention(one.layers));
  };
  return beside_text(beside, [&](const CheckpointRecord& other) {
    return signed_fixed(static_cast<double>(count(record) - count(other)), 0);
  });
}

}  // namespace wishart::report
