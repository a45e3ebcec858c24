#include "monitored.hpp"

#include <algorithm>

#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/record/mode.hpp"
#include "wishart/record/row_warnings.hpp"

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
  const std::vector<std::string> words = analysis::warning_words(layer);
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return !is_remark(word); });
}

std::vector<WarningCount> warning_counts(const CheckpointRecord& record, bool past_known) {
  std::vector<WarningCount> counts;
  const bool compat = is_compat(record.provenance);
  if (compat) {
    for (const char* word : {"error", "nonfinite", kFitFailed, "over-trained", "under-trained"}) {
      counts.push_back({word, false, 0});
    }
  } else {
    for (const analysis::WarningKind& kind : analysis::warning_kinds()) {
      if (kind.word == analysis::kUnlikePast && !past_known) continue;
      counts.push_back({std::string(kind.word), kind.remark, 0});
    }
  }
  for (const LayerRow& layer : record.layers) {
    for (const std::string& word : analysis::warning_words(layer)) {
      const auto found = std::find_if(counts.begin(), counts.end(), [&](const WarningCount& count) {
        return count.word == word;
      });
      if (found != counts.end()) ++found->layers;
    }
  }
  // Compat mode tells what a status says only where there is something to tell.
  if (compat) {
    std::erase_if(counts, [](const WarningCount& count) {
      return count.layers == 0 && !count.word.ends_with("-trained");
    });
  }
  return counts;
}

}  // namespace wishart::report
