#pragma once

/// @file
/// Records, rules and orders that verdicts are given on, and what is read in a verdict.

#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/analysis/verdict.hpp"

#include "samples.hpp"

namespace wishart::test {

using namespace analysis;

/// Three layers, of which the first has these warnings.
inline CheckpointRecord with_warning(const std::string& words, const std::string& reason = "") {
  CheckpointRecord record = sample_checkpoint();
  record.layers[0].warning = words;
  record.layers[0].reason = reason;
  return record;
}

/// `level: sentence`.
inline std::string told(const Verdict& verdict) {
  CHECK(verdict.reasons.size() <= kMostReasons);
  for (const Reason& reason : verdict.reasons) CHECK_FALSE(reason.text.empty());
  return std::string(level_name(verdict.level)) + ": " + verdict.sentence;
}

/// The same, and each reason in a line of its own.
inline std::string with_reasons(const Verdict& verdict) {
  std::string text = std::string(level_name(verdict.level)) + ": " + verdict.sentence;
  for (const Reason& reason : verdict.reasons) text += "\n" + reason.text;
  return text;
}

inline bool has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

inline bool has_reason(const Verdict& verdict, const std::string& part) {
  return std::any_of(verdict.reasons.begin(), verdict.reasons.end(), [&](const Reason& reason) {
    return reason.text.find(part) != std::string::npos;
  });
}

inline History run_with(Advice advice, Basis basis, bool held_out) {
  History history;
  history.rows.resize(2);
  history.rows[0].checkpoint = "step-1";
  history.rows[1].checkpoint = "step-2";
  history.loss_is_eval = held_out;
  history.window = kTriedWindow;
  history.conclusion = {advice, basis, {"The loss is 2."}, "step-1"};
  return history;
}

inline Verdict quiet() { return verdict_of(sample_checkpoint()); }

inline RuleVerdict rule(bool passed, const std::string& caveat = "") {
  RuleVerdict verdict;
  verdict.rule = "rank stays";
  verdict.stage = "tuned";
  verdict.passed = passed;
  verdict.text = "rank must be at least 4";
  verdict.caveat = caveat;
  if (!passed) verdict.violations.push_back({"a.mlp", "mlp.up", 0, 2, 2, 4});
  return verdict;
}

inline std::vector<Model> two_models() {
  std::vector<Model> models{model_of("small", sample_checkpoint().layers),
                            model_of("large", sample_checkpoint().layers)};
  return models;
}

inline Following following_of(double rho, double low, double high) {
  Following following;
  FollowRow row;
  row.metric = "alpha";
  row.group = "all";
  row.models = 9;
  row.spearman = rho;
  row.spearman_low = low;
  row.spearman_high = high;
  following.rows.push_back(row);
  return following;
}

}  // namespace wishart::test
