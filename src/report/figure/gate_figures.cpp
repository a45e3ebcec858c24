#include <algorithm>
#include <utility>

#include "figure/charts.hpp"
#include "figure/interval_rows.hpp"

namespace wishart::report {
namespace {

constexpr std::size_t kMostRules = 60;

std::int64_t layers_of(const analysis::RuleVerdict& one) { return one.judged + one.unknown; }

/// A rule that judges layers one by one. One on a mean, on losses or on advice has nothing to
/// count.
bool counts_layers(const analysis::RuleVerdict& one) {
  return layers_of(one) > 1 && (one.violations.empty() || !one.violations.front().key.empty());
}

}  // namespace

std::vector<Figure> gate_figures(const std::vector<analysis::RuleVerdict>& verdicts) {
  std::vector<const analysis::RuleVerdict*> shown;
  for (const bool passed : {false, true}) {
    for (const analysis::RuleVerdict& one : verdicts) {
      if (one.passed == passed && counts_layers(one)) shown.push_back(&one);
    }
  }
  const std::size_t all = shown.size();
  shown.resize(std::min(all, kMostRules));
  std::vector<IntervalRow> rows;
  for (const analysis::RuleVerdict* one : shown) {
    const auto percent = [&](std::int64_t layers) {
      return 100 * static_cast<double>(layers) / static_cast<double>(layers_of(*one));
    };
    // The interval is what the rule allows.
    rows.push_back({one->rule + " (" + one->stage + ")",
                    {{percent(std::ssize(one->violations)), 0, percent(one->allowed),
                      one->passed ? std::size_t{0} : std::size_t{1},
                      one->rule + ": " + std::to_string(one->violations.size()) + " of " +
                          std::to_string(layers_of(*one)) + " outside, allowed " +
                          std::to_string(one->allowed) + "; %"}}});
  }
  Figure figure;
  figure.id = "fig-rules";
  figure.name = "rules";
  figure.caption = "layers outside of each rule; the line is what it allows" +
                   (all > shown.size() ? "; " + std::to_string(shown.size()) + " of " +
                                             std::to_string(all) + " rules"
                                       : std::string());
  figure.description = "Per cent of the layers that each rule is about. The numbers stand below.";
  figure.legend = {{0, "kept"}, {1, "broken"}};
  return interval_rows(std::move(figure), rows, "% of the layers", true);
}

}  // namespace wishart::report
