#include "verdicts/gate_text.hpp"

#include <cmath>
#include <cstdlib>
#include <vector>

#include "wishart/core/text.hpp"

namespace wishart::analysis {
namespace {

double excess_over(double least, double most, double value) {
  if (value < least) return least - value;
  if (value > most) return value - most;
  return 0;
}

/// With more digits, if fewer would show a value on the wrong side of a bound.
std::string telling(double least, double most, double value, int digits) {
  constexpr int kAllDigits = 17;
  if (!std::isfinite(value)) return shortest(value);
  const bool outside = excess_over(least, most, value) > 0;
  for (; digits < kAllDigits; ++digits) {
    std::string text = rounded(value, digits);
    if ((excess_over(least, most, std::strtod(text.c_str(), nullptr)) > 0) == outside) return text;
  }
  return shortest(value);
}

/// @param of  what is taken of the metric: `the mean `
std::string value_text(const Rule& rule, const std::string& of) {
  std::string text = of + printable(rule.metric);
  if (rule.against == Against::nothing || is_comparison(rule)) return text;
  return (rule.measure == Measure::ratio ? "the ratio of " : "the change of ") + text;
}

}  // namespace

double excess(const Rule& rule, double value) { return excess_over(rule.min, rule.max, value); }

std::string found_text(const Rule& rule, double value, int digits) {
  return telling(rule.min, rule.max, value, digits);
}

std::string violation_text(const RuleVerdict& verdict, const Violation& violation, int digits) {
  return telling(verdict.least, verdict.most, violation.value, digits);
}

std::string bounds_text(const Rule& rule) {
  const bool low = std::isfinite(rule.min);
  const bool high = std::isfinite(rule.max);
  if (low && high) return "from " + shortest(rule.min) + " to " + shortest(rule.max);
  return low ? "at least " + shortest(rule.min) : "at most " + shortest(rule.max);
}

std::string value_text(const Rule& rule) { return value_text(rule, ""); }

std::string subject_of(const Rule& rule) {
  switch (rule.statistic) {
    case Statistic::mean:
      return value_text(rule, "the mean ");
    case Statistic::median:
      return value_text(rule, "the median ");
    case Statistic::share: {
      std::vector<std::string> limits;
      if (std::isfinite(rule.below)) limits.push_back("below " + shortest(rule.below));
      if (std::isfinite(rule.above)) limits.push_back("above " + shortest(rule.above));
      return "the share of layers with " + value_text(rule) + " " + join(limits, " or ");
    }
    case Statistic::paired:
      return "the mean of " + value_text(rule) + " over the layers";
    case Statistic::each:
      break;
  }
  return value_text(rule);
}

}  // namespace wishart::analysis
