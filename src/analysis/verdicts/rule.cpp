#include "wishart/analysis/rule.hpp"

#include "wishart/core/words.hpp"

namespace wishart::analysis {

bool needs_advice(const Rule& rule) { return rule.metric == "advice"; }

bool is_of_checkpoint(const Rule& rule) {
  return needs_advice(rule) || rule.metric == "loss" || rule.metric == "eval_loss";
}

bool is_of_loss(const Rule& rule) { return is_of_checkpoint(rule) && !needs_advice(rule); }

bool is_comparison(const Rule& rule) {
  return is_one_of(rule.metric, {"moved", "moved_unasked", "error_ratio", "alpha_z", "cut",
                                 "missing", "added", "misplaced", "rearranged"});
}

}  // namespace wishart::analysis
