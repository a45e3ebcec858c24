#pragma once

/// @file
/// A rule on alpha, and what a single rule comes to.

#include <vector>

#include <catch2/catch.hpp>

#include "wishart/analysis/gate.hpp"

namespace wishart::test {

using namespace analysis;

inline Rule alpha_rule(double min, double max) {
  Rule rule;
  rule.name = "alpha";
  rule.metric = "alpha";
  rule.min = min;
  rule.max = max;
  return rule;
}

/// The one verdict of one rule over these stages.
inline RuleVerdict verdict_of(const Rule& rule, const std::vector<CheckpointRecord>& stages) {
  const std::vector<RuleVerdict> verdicts = judge({rule}, stages, false);
  REQUIRE(verdicts.size() == 1);
  return verdicts.front();
}

}  // namespace wishart::test
