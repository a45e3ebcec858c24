#include "wishart/analysis/verdict.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "wishart/analysis/attention.hpp"
#include "wishart/analysis/population.hpp"
#include "wishart/analysis/usual.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/row_warnings.hpp"

#include "loss_advice.hpp"

namespace wishart::analysis {
namespace {

constexpr const char* kOfAttention = "sec-layers-that-need-attention";
constexpr const char* kOfUsual = "sec-what-is-usual";
constexpr const char* kOfAdvice = "sec-is-it-still-learning";
constexpr const char* kOfDrifts = "sec-layers-that-drift";
constexpr const char* kOfPaired = "sec-change-over-all-layers-b-a";
constexpr const char* kOfLayers = "sec-layers";
constexpr const char* kOfRules = "sec-rules";
constexpr const char* kOfWorth = "sec-what-the-metrics-are-worth";
constexpr const char* kOfScores = "sec-how-the-metrics-follow-the-scores";

/// A name and a reason are cut at this length: files may have names of any.
constexpr std::size_t kMostChars = 160;

std::string of_layers(std::int64_t count, std::size_t all) {
  return std::to_string(count) + " of " + std::to_string(all) + (all == 1 ? " layer" : " layers");
}

std::string layers_text(std::int64_t count) {
  return std::to_string(count) + (count == 1 ? " layer" : " layers");
}

std::string named(const std::string& name) { return printable(name, kMostChars); }

void add(Verdict& verdict, std::string text, const char* anchor) {
  if (verdict.reasons.size() < kMostReasons) verdict.reasons.push_back({std::move(text), anchor});
}

/// `rank-collapse in 1 layer: a.down_proj (rank 32 of 128).` A layer's reason is told once.
std::string group_text(const AttentionGroup& group, std::set<const LayerRow*>& told) {
  const LayerRow& worst = *group.layers.front();
  std::string text = group.warning + " in " +
                     layers_text(static_cast<std::int64_t>(group.layers.size())) +
                     (group.layers.size() > 1 ? ", worst " : ": ") + named(worst.key);
  if (told.insert(&worst).second && !worst.reason.empty()) {
    text += " (" + printable(worst.reason, kMostChars) + ")";
  }
  return text + ".";
}

/// The keys of the layers with a warning.
std::set<std::string_view> warned_layers(const CheckpointRecord& record) {
  std::set<std::string_view> keys;
  for (const AttentionGroup& group : layers_that_need_attention(record.layers)) {
    for (const LayerRow* layer : group.layers) keys.insert(layer->key);
  }
  return keys;
}

/// `3 of these layers have no warning in base.`
void add_new(Verdict& verdict, const CheckpointRecord& record, const CheckpointRecord* other) {
  if (other == nullptr) return;
  const std::set<std::string_view> here = warned_layers(record);
  const std::set<std::string_view> there = warned_layers(*other);
  const auto fresh = std::count_if(here.begin(), here.end(),
                                   [&](std::string_view key) { return !there.contains(key); });
  const std::string id = named(other->provenance.checkpoint_id);
  std::string text;
  if (here.size() == 1) {
    text = fresh == 0 ? "This layer needs attention in " + id + " too."
                      : "This layer has no warning in " + id + ".";
  } else if (fresh == 0) {
    text = "All of these layers need attention in " + id + " too.";
  } else {
    text = std::to_string(fresh) + " of these layers " + (fresh == 1 ? "has" : "have") +
           " no warning in " + id + ".";
  }
  add(verdict, std::move(text), kOfAttention);
}

/// How many alphas are usual among public models.
void add_usual(Verdict& verdict, const CheckpointRecord& record) {
  std::int64_t known = 0;
  std::int64_t outside = 0;
  for (const UsualRow& row : usual_table(record.layers)) {
    if (row.group.empty()) continue;
    known += row.layers;
    outside += row.low + row.high;
  }
  if (known == 0) return;
  add(verdict,
      "The alpha of " + of_layers(known - outside, static_cast<std::size_t>(known)) +
          " lies between the 5th and the 95th percentile of public models of its role and size.",
      kOfUsual);
}

const AttentionGroup* find_group(const std::vector<AttentionGroup>& groups, const char* word) {
  const auto found = std::find_if(groups.begin(), groups.end(),
                                  [&](const AttentionGroup& one) { return one.warning == word; });
  return found == groups.end() ? nullptr : &*found;
}

std::int64_t size_of(const AttentionGroup* group) {
  return group == nullptr ? 0 : static_cast<std::int64_t>(group->layers.size());
}

/// Level and sentence of a checkpoint with warnings.
void judge_warnings(Verdict& verdict, const CheckpointRecord& record,
                    const std::vector<AttentionGroup>& groups) {
  const std::size_t all = record.layers.size();
  const std::int64_t nonfinite = size_of(find_group(groups, "nonfinite"));
  const std::int64_t dominated = size_of(find_group(groups, kAdapterDominates));
  const std::int64_t failed = size_of(find_group(groups, "error"));
  const std::int64_t warned = count_layers(groups);
  // Every gate of jobs/ that knows the word fails with a single such layer.
  if (nonfinite > 0) {
    verdict.level = Level::bad;
    verdict.sentence = "Do not use it: " + of_layers(nonfinite, all) +
                       (nonfinite == 1 ? " holds" : " hold") + " NaN or infinite weights.";
  } else if (dominated > 0) {
    verdict.level = Level::bad;
    verdict.sentence =
        "Do not use it: the adapter outweighs its base in " + layers_text(dominated) + ".";
  } else if (failed == static_cast<std::int64_t>(all)) {
    verdict.level = Level::unknown;
    verdict.sentence = "Nothing can be said: no layer could be computed.";
  } else if (failed == warned) {
    verdict.level = Level::attention;
    verdict.sentence = of_layers(failed, all) +
                       " could not be computed, so nothing is known of them. The others need no "
                       "attention.";
  } else {
    // One layer may stand in several groups.
    std::vector<std::string> words;
    words.reserve(groups.size());
    for (const AttentionGroup& group : groups) words.push_back(group.warning);
    verdict.level = Level::attention;
    verdict.sentence =
        of_layers(warned, all) + (warned == 1 ? " needs" : " need") + " attention" +
        (warned == 1 || groups.size() == 1 ? ": " + join(words, ", ")
                                           : ", the gravest for " + groups.front().warning) +
        ".";
  }
}

/// Level and sentence of a checkpoint without warnings.
void judge_quiet(Verdict& verdict, const CheckpointRecord& record) {
  const std::size_t all = record.layers.size();
  if (record.provenance.mode == "weightwatcher") {
    verdict.sentence =
        "No weight is NaN or infinite. Nothing else is known: warnings need the corrected mode.";
    return;
  }
  if (!is_whole(record.provenance.analysis)) {
    verdict.sentence =
        "No layer has a warning, but what is usual is known only of whole weights, "
        "not of the " +
        analysis_text(record.provenance.analysis, record.provenance.base_path) + ".";
    return;
  }
  const FitCounts counts = count_fits(record.layers);
  if (counts.fitted == 0) {
    verdict.sentence =
        "No layer has a warning, but none has a power-law tail either, so nothing is known of "
        "their quality.";
    return;
  }
  if (const std::int64_t rest = counts.without_tail + counts.failed; rest > 0) {
    add(verdict, of_layers(rest, all) + (rest == 1 ? " has" : " have") + " no alpha.", kOfLayers);
  }
  verdict.level = Level::good;
  verdict.sentence = all == 1 ? "The only layer needs no attention."
                              : "None of the " + std::to_string(all) + " layers needs attention.";
}

/// Whether a layer has singular values or at least a status that says why not.
bool is_judged(const LayerRow& row) { return row.has_esd || row.status != ""; }

}  // namespace

std::string_view level_name(Level level) noexcept {
  switch (level) {
    case Level::good:
      return "good";
    case Level::attention:
      return "attention";
    case Level::bad:
      return "bad";
    case Level::unknown:
      break;
  }
  return "unknown";
}

Verdict verdict_of(const CheckpointRecord& record, const Beside& beside) {
  Verdict verdict;
  if (std::none_of(record.layers.begin(), record.layers.end(), is_judged)) {
    verdict.sentence = "Nothing can be said: no matrix was analysed.";
    return verdict;
  }
  const std::vector<AttentionGroup> groups = layers_that_need_attention(record.layers);
  if (groups.empty()) {
    judge_quiet(verdict, record);
    add_usual(verdict, record);
    if (verdict.level == Level::good) {
      add(verdict,
          "Weights alone do not show over-fitting, nor whether the answers are good: evaluate it "
          "(docs/evidence.md).",
          "");
    }
    return verdict;
  }
  judge_warnings(verdict, record, groups);
  std::set<const LayerRow*> told;
  const std::size_t room = kMostReasons - 2;
  for (std::size_t i = 0; i < groups.size() && i < room; ++i) {
    add(verdict, group_text(groups[i], told), kOfAttention);
  }
  add_new(verdict, record, beside.before != nullptr ? beside.before : beside.base);
  if (verdict.level == Level::attention && record.provenance.mode != "weightwatcher" &&
      record.provenance.analysis == AnalysisKind::weights) {
    add(verdict, "Of the layers of healthy models, under 5 % have a warning (docs/metrics.md).",
        "");
  }
  return verdict;
}

namespace {

Level level_of(const History& history) {
  switch (history.conclusion.advice) {
    case Advice::going_on:
    case Advice::settled:
      // The losses of training alone do not show over-fitting.
      return history.conclusion.basis == Basis::losses && !history.loss_is_eval ? Level::attention
                                                                                : Level::good;
    case Advice::overfitting:
    case Advice::diverging:
    case Advice::not_learning:
      return Level::bad;
    case Advice::suspect:
      return Level::attention;
    case Advice::unknown:
      break;
  }
  return Level::unknown;
}

/// The graver of two; what is not known hides nothing.
Level graver(Level a, Level b) {
  const auto weight = [](Level level) {
    return level == Level::bad         ? 3
           : level == Level::attention ? 2
           : level == Level::unknown   ? 1
                                       : 0;
  };
  return weight(a) >= weight(b) ? a : b;
}

}  // namespace

Verdict verdict_of(const History& history, const Verdict& last) {
  Verdict verdict;
  if (history.rows.empty()) {
    verdict.sentence = "Nothing can be said: there is no checkpoint.";
    return verdict;
  }
  const Conclusion& conclusion = history.conclusion;
  const Level run = level_of(history);
  verdict.level = last.level == Level::unknown ? run : graver(run, last.level);
  verdict.sentence = advice_text(conclusion);
  const bool blind = run == Level::attention && conclusion.advice != Advice::suspect;
  if (blind) {
    verdict.sentence += " But no held-out loss is recorded, so over-fitting would go unseen.";
  }
  if (run == Level::good && last.level == Level::attention) {
    verdict.sentence += " But layers of its last checkpoint need attention.";
  } else if (run != Level::bad && last.level == Level::bad) {
    verdict.sentence += " But do not use its last checkpoint.";
  }
  constexpr std::size_t kMostOfAdvice = 2;
  for (std::size_t i = 0; i < conclusion.reasons.size() && i < kMostOfAdvice; ++i) {
    add(verdict, conclusion.reasons[i], kOfAdvice);
  }
  if (last.level == Level::bad || last.level == Level::attention) {
    add(verdict,
        "In the last checkpoint, " + named(history.rows.back().checkpoint) + ": " + last.sentence,
        kOfAttention);
  }
  if (!history.drifts.empty()) {
    const Drift& first = history.drifts.front();
    add(verdict,
        layers_text(static_cast<std::int64_t>(history.drifts.size())) +
            (history.drifts.size() == 1 ? " drifts" : " drift") + ", such as " + named(first.key) +
            ": " + first.why + ", from " + rounded(first.before, 4) + " to " +
            rounded(first.now, 4) + ".",
        kOfDrifts);
  }
  // The figures are those of runs with held-out losses.
  const std::string track = blind ? "" : track_text(conclusion);
  if (!track.empty()) add(verdict, track, kOfAdvice);
  return verdict;
}

namespace {

/// What the layers of a comparison come to.
struct Found {
  std::int64_t same = 0;
  std::int64_t lost = 0;  ///< removed or reshaped
  std::int64_t added = 0;
  std::int64_t unknown = 0;
  std::int64_t warned = 0;
  std::int64_t nonfinite = 0;
  const ComparisonRow* worst = nullptr;  ///< with new warnings
};

Found found_in(const Comparison& comparison) {
  Found found;
  for (const ComparisonRow& row : comparison.rows) {
    if (row.status == "same") ++found.same;
    if (row.status == "removed" || row.status == "reshaped") ++found.lost;
    if (row.status == "added") ++found.added;
    if (row.status == "unknown") ++found.unknown;
    bool grave = false;
    bool any = false;
    for (const std::string& word : split(row.new_warnings, ';')) {
      const auto kinds = warning_kinds();
      const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                     [&](const WarningKind& one) { return one.word == word; });
      any = any || (kind != kinds.end() && !kind->remark);
      grave = grave || word == "nonfinite";
    }
    found.warned += any ? 1 : 0;
    if (any && (found.worst == nullptr || (grave && found.nonfinite == 0))) found.worst = &row;
    found.nonfinite += grave ? 1 : 0;
  }
  return found;
}

/// By the margin of the advice for a single rise.
bool loss_rose(const Comparison& comparison) {
  const double then = comparison.training_a.eval_loss;
  return comparison.training_b.eval_loss - then > kRiseOnce * std::abs(then);
}

/// Beyond the percentiles of what is usual for a derived model. In training from scratch such
/// changes are no news.
bool changed_unusually(const Comparison& comparison) {
  constexpr double kHighest = 99;  // as of the warning `unusual`
  if (comparison.training_a.step >= 0 && comparison.training_b.step >= 0) return false;
  return std::any_of(comparison.usual.begin(), comparison.usual.end(),
                     [](const UsualChange& change) { return change.percentile >= kHighest; });
}

/// Level and sentence of two checkpoints with layers in common.
void judge_layers(Verdict& verdict, const Comparison& comparison, const Found& found) {
  const std::size_t all = comparison.rows.size();
  const std::string a = named(comparison.a);
  const std::string b = named(comparison.b);
  if (found.nonfinite > 0) {
    verdict.level = Level::bad;
    verdict.sentence = "Do not use " + b + ": " + of_layers(found.nonfinite, all) +
                       (found.nonfinite == 1 ? " has" : " have") +
                       " NaN or infinite weights, which " + a + " does not have.";
  } else if (comparison.nonfinite_b > 0) {
    verdict.level = Level::bad;
    verdict.sentence = "Do not use " + b + ": like " + a +
                       ", it holds NaN or infinite weights, in " +
                       of_layers(comparison.nonfinite_b, all) + ".";
  } else if (found.warned > 0 || found.lost > 0) {
    verdict.level = Level::attention;
    std::vector<std::string> parts;
    if (found.lost > 0) {
      parts.push_back(layers_text(found.lost) + " of " + a + (found.lost == 1 ? " is" : " are") +
                      " missing or reshaped");
    }
    if (found.warned > 0) {
      parts.push_back(layers_text(found.warned) + (found.warned == 1 ? " has" : " have") +
                      " warnings that " + a + " does not have");
    }
    verdict.sentence = "In " + b + ", " + join(parts, ", and ") + ".";
  } else if (!comparison.sudden.empty()) {
    verdict.level = Level::attention;
    verdict.sentence = "In " + b + ", " +
                       of_layers(static_cast<std::int64_t>(comparison.sudden.size()), all) +
                       " changed suddenly since " + a + ". If many do, training is unstable.";
  } else if (loss_rose(comparison)) {
    verdict.level = Level::attention;
    verdict.sentence = "The held-out loss of " + b + " is higher than that of " + a + ".";
  } else if (!comparison.notes.empty()) {
    verdict.sentence = a + " and " + b + " may not be comparable: " +
                       printable(comparison.notes.front(), kMostChars) + ".";
  } else if (found.same == static_cast<std::int64_t>(all)) {
    verdict.level = Level::good;
    verdict.sentence =
        b + " has the weights of " + a + ": nothing changed in " +
        (all == 1 ? "the only layer." : "any of " + std::to_string(all) + " layers.");
  } else if (found.unknown > 0) {
    verdict.level = Level::attention;
    verdict.sentence = of_layers(found.unknown, all) +
                       " could not be compared, so nothing is known of " +
                       (found.unknown == 1 ? "it" : "them") + ". No other has a new warning.";
  } else if (changed_unusually(comparison)) {
    verdict.level = Level::attention;
    verdict.sentence = b + " differs more from " + a + " than 99 % of derived models from theirs.";
  } else {
    verdict.level = Level::good;
    verdict.sentence = "No layer of " + a + " is missing in " + b + ", and none has a new warning.";
  }
}

}  // namespace

Verdict verdict_of(const Comparison& comparison) {
  Verdict verdict;
  const Found found = found_in(comparison);
  const auto all = static_cast<std::int64_t>(comparison.rows.size());
  if (comparison.nonfinite_b == 0 && found.lost + found.added + found.unknown >= all) {
    verdict.sentence = "Nothing can be said: no layer is known in both " + named(comparison.a) +
                       " and " + named(comparison.b) + ".";
    return verdict;
  }
  judge_layers(verdict, comparison, found);
  if (found.worst != nullptr) {
    add(verdict,
        (found.warned > 1 ? "The first of them is " : "It is ") + named(found.worst->key) + ": " +
            printable(found.worst->new_warnings, kMostChars) + ".",
        kOfLayers);
  }
  if (!comparison.sudden.empty()) {
    const SuddenChange& first = comparison.sudden.front();
    add(verdict, "Such as " + named(first.key) + ": " + first.text + ".", kOfLayers);
  }
  if (std::isfinite(comparison.training_a.eval_loss - comparison.training_b.eval_loss)) {
    add(verdict,
        "The held-out loss is " + rounded(comparison.training_b.eval_loss, 4) + "; it was " +
            rounded(comparison.training_a.eval_loss, 4) + ".",
        "");
  }
  if (found.lost > 0 || found.added > 0 || found.unknown > 0) {
    add(verdict,
        std::to_string(found.lost) + " removed or reshaped, " + std::to_string(found.added) +
            " added, " + std::to_string(found.unknown) + " without a spectrum in one of the two.",
        kOfLayers);
  }
  // The changed layers come by how far they moved.
  const auto moved =
      std::find_if(comparison.rows.begin(), comparison.rows.end(),
                   [](const ComparisonRow& row) { return std::isfinite(row.moved); });
  if (moved != comparison.rows.end() && moved->moved > 0) {
    add(verdict,
        "The layer that moved most is " + named(moved->key) + ", by at least " +
            rounded(moved->moved, 2) + " of its norm.",
        kOfLayers);
  }
  const PairedRow* alpha = alpha_of_all(comparison.paired);
  if (alpha != nullptr && found.same < all) add(verdict, paired_sentence(*alpha), kOfPaired);
  // The most unusual one.
  const auto most = std::max_element(
      comparison.usual.begin(), comparison.usual.end(),
      [](const UsualChange& x, const UsualChange& y) { return x.percentile < y.percentile; });
  if (most != comparison.usual.end() && found.same < all) add(verdict, most->text, kOfPaired);
  if (verdict.level == Level::good && found.same < all) {
    add(verdict,
        "Weights alone do not show whether the answers are as good: evaluate it "
        "(docs/evidence.md).",
        "");
  }
  for (const std::string& note : comparison.notes) {
    add(verdict, "Note: " + printable(note, kMostChars) + ".", "");
  }
  return verdict;
}

Verdict verdict_of(const std::vector<RuleVerdict>& verdicts) {
  Verdict verdict;
  std::vector<const RuleVerdict*> broken;
  std::vector<const RuleVerdict*> limited;
  for (const RuleVerdict& one : verdicts) {
    if (!one.passed) broken.push_back(&one);
    if (one.passed && !one.caveat.empty()) limited.push_back(&one);
  }
  const std::string all = std::to_string(verdicts.size());
  if (verdicts.empty()) {
    verdict.sentence = "Nothing can be said: no rule was applied.";
    return verdict;
  }
  if (!broken.empty()) {
    verdict.level = Level::bad;
    verdict.sentence = "Failed: " + std::to_string(broken.size()) + " of " + all + " rules" +
                       (broken.size() == 1 ? " is" : " are") + " broken.";
  } else if (limited.size() == verdicts.size()) {
    verdict.sentence = "Passed, but no rule could judge anything.";
  } else {
    verdict.level = Level::good;
    verdict.sentence = verdicts.size() == 1 ? "Passed: the only rule is kept."
                                            : "Passed: all " + all + " rules are kept.";
  }
  for (const RuleVerdict* one : broken) {
    std::string text =
        named(one->rule) + " (" + named(one->stage) + "): " + printable(one->text, 4 * kMostChars);
    if (!one->violations.empty() && !one->violations.front().key.empty()) {
      text += ". Worst: " + named(one->violations.front().key) + " with " +
              rounded(one->violations.front().value, 3);
    }
    add(verdict, text + (text.ends_with('.') ? "" : "."), kOfRules);
  }
  for (const RuleVerdict* one : limited) {
    add(verdict, named(one->rule) + ": " + one->caveat + ".", kOfRules);
  }
  return verdict;
}

namespace {

std::string rho_text(const FollowRow& row) {
  const std::string over = " over " + std::to_string(row.models) + " models";
  // Fisher's interval has no width there, which is surer than any number of models.
  constexpr double kRounding = 1e-9;
  if (std::abs(row.spearman) > 1 - kRounding) {
    return "Spearman's rho " + rounded(row.spearman, 2) + over + ", without an interval at +-1";
  }
  return "Spearman's rho " + rounded(row.spearman, 2) + " (" + rounded(row.spearman_low, 2) +
         " to " + rounded(row.spearman_high, 2) + ")" + over;
}

/// How the metric follows the scores: within the groups if there are any. Null if not known.
const FollowRow* row_of(const Following& following, std::string_view metric) {
  const FollowRow* best = nullptr;
  for (const FollowRow& row : following.rows) {
    if (row.metric != metric || !std::isfinite(row.spearman_low)) continue;
    if (row.group == "within") return &row;
    if (row.group == "all") best = &row;
  }
  return best;
}

void judge_by_scores(Verdict& verdict, const std::string& first, const FollowRow& row,
                     const RankMetric& by) {
  const bool sure = row.spearman_low > 0 || row.spearman_high < 0;
  const bool falls = row.spearman < 0;
  if (!sure) {
    verdict.sentence = first + " comes first by " + by.name +
                       ", but this order does not follow the scores: " + rho_text(row) +
                       ", which may be 0.";
  } else if (falls == by.less_is_better) {
    verdict.level = Level::good;
    verdict.sentence = first + " comes first by " + by.name +
                       ", and this order follows the scores: " + rho_text(row) + ".";
  } else {
    verdict.level = Level::attention;
    verdict.sentence = first + " comes first by " + by.name +
                       ", but this order runs against the scores: " + rho_text(row) + ".";
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
    judge_by_scores(verdict, first, *row, by);
  } else {
    judge_by_public(verdict, first, by);
  }
  add(verdict,
      "Its mean " + std::string(by.name) + " is " + rounded(models[0].values[metric], 4) +
          ", that of " + named(models[1].name) + ", the next, " +
          rounded(models[1].values[metric], 4) + ".",
      "");
  add(verdict, worth_text(by.name), kOfWorth);
  const Best& best = following.best;
  if (!best.metric.empty() && best.metric != by.name) {
    add(verdict, best.metric + " follows the scores best.", kOfScores);
  }
  for (const FollowRow& one : following.rows) {
    if (one.metric != by.name || !one.reversed_within) continue;
    add(verdict,
        "Over all models it runs in the opposite direction from within the groups (Simpson's "
        "paradox): trust the groups.",
        kOfScores);
  }
  return verdict;
}

}  // namespace wishart::analysis
