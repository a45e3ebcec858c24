#include "monitored.hpp"

#include <algorithm>

#include "wishart/analysis/warnings.hpp"
#include "wishart/core/text.hpp"

namespace wishart::report {
namespace {

bool is_remark(const std::string& word) {
  const auto kinds = analysis::warning_kinds();
  return std::any_of(kinds.begin(), kinds.end(), [&](const analysis::WarningKind& kind) {
    return kind.remark && kind.word == word;
  });
}

}  // namespace

bool is_warned(const LayerRow& layer) {
  const std::vector<std::string> words = split(layer.warning, ';');
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return !word.empty() && !is_remark(word); });
}

std::vector<WarningCount> warning_counts(const CheckpointRecord& record, bool past_known) {
  std::vector<WarningCount> counts;
  if (record.provenance.mode == "weightwatcher") {
    counts = {{"over-trained", false, 0}, {"under-trained", false, 0}};
  } else {
    for (const analysis::WarningKind& kind : analysis::warning_kinds()) {
      if (kind.word == analysis::kUnlikePast && !past_known) continue;
      counts.push_back({std::string(kind.word), kind.remark, 0});
    }
  }
  for (const LayerRow& layer : record.layers) {
    for (const std::string& word : split(layer.warning, ';')) {
      const auto found = std::find_if(counts.begin(), counts.end(), [&](const WarningCount& count) {
        return count.word == word;
      });
      if (found != counts.end()) ++found->layers;
    }
  }
  return counts;
}

}  // namespace wishart::report
