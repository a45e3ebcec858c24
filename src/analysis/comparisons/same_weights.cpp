#include "comparisons/same_weights.hpp"

#include <algorithm>
#include <vector>

#include "wishart/core/hash.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/left_out.hpp"

namespace wishart::analysis {
namespace {

std::string unchanged_text(const HistoryRow& first, const HistoryRow& last) {
  const std::string none = last.layers == 1 ? "The only matrix has not changed since "
                                            : "None of the " + std::to_string(last.layers) +
                                                  " matrices has changed since ";
  return none + printable(first.checkpoint) +
         ": old weights were written, or only what is no matrix here is trained, such as vectors "
         "or a small head.";
}

}  // namespace

std::string hash_of_weights(const CheckpointRecord& record) {
  if (record.layers.empty() || count_left_out(record.skipped) > 0) return "";
  std::vector<std::string> all;
  all.reserve(record.layers.size());
  for (const LayerRow& row : record.layers) {
    if (row.hash.empty()) return "";
    all.push_back(row.key + '\n' + row.hash);
  }
  std::sort(all.begin(), all.end());
  return hash_hex(join(all, "\n"));
}

SameWeights same_weights(std::span<const HistoryRow> rows) {
  const std::string& weights = rows.back().weights;
  SameWeights same{rows.size() - 1, false};
  if (weights.empty()) return same;
  bool others = false;
  for (std::size_t i = rows.size() - 1; i-- > 0;) {
    if (rows[i].weights == weights) {
      same = {i, others};
    } else {
      // Of half a model, or one without hashes, it is not known.
      others = others || (!rows[i].weights.empty() && rows[i].missing == 0);
    }
  }
  return same;
}

void heed_same_weights(Conclusion& conclusion, std::span<const HistoryRow> rows) {
  const HistoryRow& last = rows.back();
  const SameWeights same = same_weights(rows);
  if (same.first + 1 == rows.size() || last.nonfinite > 0) return;
  const HistoryRow& first = rows[same.first];
  if (same.returned) {
    const bool best = conclusion.best_checkpoint == first.checkpoint;
    conclusion.same_as = first.checkpoint;
    conclusion.is_best = best;
    conclusion.advice = Advice::unknown;
    conclusion.basis = Basis::none;
    conclusion.reasons.insert(conclusion.reasons.begin(),
                              "The matrices of " + printable(last.checkpoint) + " are those of " +
                                  printable(first.checkpoint) +
                                  (best ? ", which has the lowest loss" : "") +
                                  ": they were loaded again, and what the run learnt since is not "
                                  "in it.");
    return;
  }
  const bool calm = conclusion.advice == Advice::going_on || conclusion.advice == Advice::settled;
  conclusion.reasons.insert(calm ? conclusion.reasons.begin() : conclusion.reasons.end(),
                            unchanged_text(first, last));
  if (!calm && conclusion.advice != Advice::unknown) return;
  conclusion.same_as = first.checkpoint;
  conclusion.advice = Advice::unknown;
  conclusion.basis = Basis::none;
}

}  // namespace wishart::analysis
