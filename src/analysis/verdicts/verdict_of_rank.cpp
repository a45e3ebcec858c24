/// @file
/// The verdict on an order of models, by known scores or by what is known of public models.

#include <algorithm>
#include <cmath>

#include "wishart/analysis/population.hpp"
#include "wishart/analysis/ranking.hpp"
#include "wishart/core/plural.hpp"

#include "words/layer_words.hpp"
#include "words/verdict_words.hpp"

namespace wishart::analysis {
namespace {

constexpr const char* kOfModels = "part-1";
constexpr const char* kOfWorth = "sec-what-the-metrics-are-worth";
constexpr const char* kOfScores = "sec-how-the-metrics-follow-the-scores";

/// Fisher's interval has no width there, which is surer than any number of models: follow() leaves
/// it out.
bool is_exact(const FollowRow& row) {
  constexpr double kRounding = 1e-9;
  return std::abs(row.spearman) > 1 - kRounding;
}

std::string rho_text(const FollowRow& row) {
  const std::string over = " over " + std::to_string(row.models) + " models";
  if (is_exact(row)) {
    return "Spearman's rho " + rounded(row.spearman, 2) + over + ", without an interval at +-1";
  }
  return "Spearman's rho " + rounded(row.spearman, 2) + " (" + rounded(row.spearman_low, 2) +
         " to " + rounded(row.spearman_high, 2) + ")" + over;
}

/// How the metric follows the scores: within the groups if there are any. Null if not known.
const FollowRow* row_of(const Following& following, std::string_view metric) {
  const FollowRow* best = nullptr;
  for (const FollowRow& row : following.rows) {
    if (row.metric != metric) continue;
    // The fewest models of an interval: of 5, two orders in 120 are as strict.
    constexpr std::int64_t kFewest = 5;
    if (!std::isfinite(row.spearman_low) && (!is_exact(row) || row.models < kFewest)) continue;
    if (row.group == "within") return &row;
    if (row.group == "all") best = &row;
  }
  return best;
}

/// `the scores (loss, less is better)`
std::string scores_text(const ScoreColumn& score) {
  if (score.name.empty()) return "the scores";
  const std::string name = "the scores (" + printable(score.name, kMostOfName);
  if (!score.lower_is_better) return name + ")";
  return name + (*score.lower_is_better ? ", less is better)" : ", more is better)");
}

void judge_by_scores(Verdict& verdict, const std::string& first, const FollowRow& row,
                     const RankMetric& by, const Following& following) {
  const bool sure = is_exact(row) || row.spearman_low > 0 || row.spearman_high < 0;
  const std::string scores = scores_text(following.score);
  const std::string comes_first = first + " comes first by " + by.name;
  if (!sure) {
    verdict.sentence = comes_first + ", but this order does not follow " + scores + ": " +
                       rho_text(row) + ", which may be 0.";
    return;
  }
  if (!following.score.lower_is_better) {
    verdict.sentence = comes_first + ", and this order goes with " + scores + ": " + rho_text(row) +
                       ". But whether less or more of them is better is not known: say it with "
                       "--lower-is-better or --higher-is-better.";
    return;
  }
  const bool better_below = *following.score.lower_is_better ? row.spearman > 0 : row.spearman < 0;
  const std::string follows = ", and this order follows " + scores + ": " + rho_text(row) + ".";
  if (better_below != by.less_is_better) {
    verdict.level = Level::attention;
    verdict.sentence =
        comes_first + ", but this order runs against " + scores + ": " + rho_text(row) + ".";
  } else if (following.of_runs) {
    // What drifts through a run follows whatever else does.
    verdict.sentence = comes_first + follows +
                       " But most of these are checkpoints of one run, in which any two metrics "
                       "that drift follow each other, so nothing is known of other models.";
  } else {
    verdict.level = Level::good;
    verdict.sentence = comes_first + follows;
  }
}

void judge_by_public(Verdict& verdict, const std::string& first, const RankMetric& by) {
  const Worth* worth = worth_of(by.name);
  if (worth == nullptr) {
    verdict.sentence = first + " comes first by " + by.name +
                       ", but how this follows the quality of models is not known.";
  } else if (is_worth_nothing(*worth)) {
    verdict.sentence = first + " comes first by " + by.name +
                       ", but among models of the same shape this order is worth nothing.";
  } else {
    verdict.level = Level::attention;
    verdict.sentence = first + " comes first by " + by.name +
                       ", which follows the quality of models loosely at best.";
  }
}

/// The mean of few layers is not that of a model: the first may be first, and others later, for
/// what they lack.
void hold_counts_against(Verdict& verdict, const std::vector<Model>& models, std::size_t metric) {
  const Model& first = models.front();
  const auto count = [&](const Model& model) { return model.counts[metric]; };
  const Model& most =
      *std::max_element(models.begin(), models.end(),
                        [&](const Model& a, const Model& b) { return count(a) < count(b); });
  std::vector<std::string> others;
  for (const Model& model : models) {
    if (&model != &first && count(model) < model.depth) others.push_back(named(model.name));
  }
  if (!others.empty()) {
    if (verdict.level == Level::good) verdict.level = Level::attention;
    constexpr std::size_t kMostNamed = 3;
    const std::size_t more = others.size() - std::min(others.size(), kMostNamed);
    const std::size_t all = others.size();
    others.resize(all - more);
    add_reason(verdict,
               "Of " + join(others, ", ") +
                   (more > 0 ? " and " + std::to_string(more) + " more" : std::string()) +
                   ", only some layers have a value: " + (all == 1 ? "its place" : "their places") +
                   " may be another with all.",
               kOfModels);
  }
  if (count(first) >= count(most)) return;
  const std::string name = rank_metrics()[metric].name;
  // Models of another size have other numbers of matrices; what matters there is what is missing.
  const bool has_gaps = count(first) < first.depth;
  if (has_gaps) {
    if (verdict.level == Level::good) verdict.level = Level::attention;
    verdict.sentence += " But only " + std::to_string(count(first)) + " of its " +
                        layers_text(first.depth) + " " + has_have(count(first)) + " a value.";
  }
  add_reason(verdict,
             "Its mean " + name + " is over " + layers_text(count(first)) + ", that of " +
                 named(most.name) + " over " + std::to_string(count(most)) +
                 ": compare only models of which the same layers are known.",
             kOfModels);
}

}  // namespace

Verdict verdict_of(const std::vector<Model>& models, std::size_t metric,
                   const Following& following) {
  Verdict verdict;
  const RankMetric& by = rank_metrics()[metric];
  if (models.size() < 2 || std::isnan(models.front().values[metric])) {
    verdict.sentence = models.size() < 2 ? "There is only one model, so there is no order."
                                         : std::string("No model has a value of ") + by.name +
                                               ", so there is no order.";
    return verdict;
  }
  const std::string first = named(models.front().name);
  const FollowRow* row = row_of(following, by.name);
  if (row != nullptr) {
    judge_by_scores(verdict, first, *row, by, following);
  } else {
    judge_by_public(verdict, first, by);
  }
  if (const std::string nonfinite = nonfinite_text(models); !nonfinite.empty()) {
    if (models.front().nonfinite > 0) {
      verdict.level = Level::bad;
      verdict.sentence = "Use none of these models: each holds NaN or infinite weights.";
    } else if (verdict.level == Level::good) {
      verdict.level = Level::attention;
    }
    add_reason(verdict, nonfinite, kOfModels);
  }
  hold_counts_against(verdict, models, metric);
  add_reason(verdict,
             "Its mean " + std::string(by.name) + " is " + rounded(models[0].values[metric], 4) +
                 ", that of " + named(models[1].name) + ", the next, " +
                 rounded(models[1].values[metric], 4) + ".",
             kOfModels, {"fig-ranking"});
  add_reason(verdict, worth_text(by.name), kOfWorth, {"fig-worth"});
  const Best& best = following.best;
  if (!best.metric.empty() && best.metric != by.name && !following.of_runs) {
    add_reason(verdict, best.metric + " follows the scores best.", kOfScores, {"fig-following"});
  }
  for (const FollowRow& one : following.rows) {
    if (one.metric != by.name || !one.reversed_within) continue;
    add_reason(
        verdict,
        "Over all models it runs in the opposite direction from within the groups (Simpson's "
        "paradox): trust the groups.",
        kOfScores, {"fig-following"});
  }
  return verdict;
}

}  // namespace wishart::analysis
