/// @file
/// The verdict on a comparison, by what B has lost and what warnings it has that A has not.

#include <algorithm>
#include <cmath>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/paired.hpp"
#include "wishart/analysis/population.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/record/recorded_loss.hpp"

#include "losses/loss_advice.hpp"
#include "losses/loss_series.hpp"
#include "words/layer_words.hpp"
#include "words/verdict_words.hpp"

namespace wishart::analysis {
namespace {

constexpr const char* kOfPaired = "sec-change-over-all-layers-b-a";
constexpr const char* kFigMoved = "fig-moved";
constexpr const char* kFigPairs = "fig-alpha-pairs";

/// What the layers of a comparison come to.
struct Found {
  std::int64_t same = 0;
  std::int64_t lost = 0;  ///< removed or reshaped
  std::int64_t added = 0;
  std::int64_t left_out = 0;  ///< of one of the two scans, by choice
  std::int64_t unknown = 0;
  std::int64_t of_other_vocabulary = 0;  ///< grown or shrunk
  std::int64_t gone_lawfully = 0;        ///< tied, replaced, or of a module that makes drafts
  std::int64_t of_prediction = 0;        ///< of such a module
  std::int64_t misplaced = 0;
  std::int64_t rearranged = 0;
  std::int64_t warned = 0;
  std::int64_t nonfinite = 0;
  const ComparisonRow* worst = nullptr;  ///< with new warnings
  const ComparisonRow* first_misplaced = nullptr;
  const ComparisonRow* first_rearranged = nullptr;
  const ComparisonRow* first_shrunk = nullptr;
};

void count_change(Found& found, const ComparisonRow& row) {
  switch (row.status) {
    case Change::same:
      ++found.same;
      return;
    case Change::removed:
    case Change::reshaped:
      ++found.lost;
      return;
    case Change::added:
      ++found.added;
      return;
    case Change::left_out:
      ++found.left_out;
      return;
    case Change::unknown:
      ++found.unknown;
      return;
    case Change::shrunk:
      if (found.first_shrunk == nullptr) found.first_shrunk = &row;
      ++found.of_other_vocabulary;
      return;
    case Change::grown:
      ++found.of_other_vocabulary;
      return;
    case Change::mtp:
      ++found.of_prediction;
      ++found.gone_lawfully;
      return;
    case Change::tied:
    case Change::replaced:
      ++found.gone_lawfully;
      return;
    case Change::rearranged:
      if (found.rearranged++ == 0) found.first_rearranged = &row;
      return;
    case Change::misplaced:
      if (found.misplaced++ == 0) found.first_misplaced = &row;
      return;
    case Change::changed:
    case Change::narrowed:
      return;
  }
}

Found found_in(const Comparison& comparison) {
  Found found;
  for (const ComparisonRow& row : comparison.rows) {
    count_change(found, row);
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

bool is_later_in_training(const Comparison& comparison) {
  const std::int64_t before = comparison.training_a.step;
  return before >= 0 && comparison.training_b.step > before;
}

/// Beyond the percentiles of what is usual for a derived model. Later in the
/// same training such changes are no news.
bool changed_unusually(const Comparison& comparison) {
  constexpr double kHighest = 99;  // as of the warning `unusual`
  if (is_later_in_training(comparison)) return false;
  return std::any_of(comparison.usual.begin(), comparison.usual.end(),
                     [](const UsualChange& change) { return change.percentile >= kHighest; });
}

/// How far half of the layers moved at least, if that is as far as no fine-tuning moves them: twice
/// the bound of jobs/gate-finetune.cfg. NaN if they did not, or if nothing else can be expected.
double moved_far(const Comparison& comparison) {
  constexpr double kFar = 0.5;
  if (is_later_in_training(comparison)) return kNan;
  std::vector<double> moved;
  for (const ComparisonRow& row : comparison.rows) moved.push_back(row.moved);
  const double median = median_of(moved);
  return median >= kFar ? median : kNan;
}

bool has_lost(const Comparison& comparison, const Found& found) {
  return found.warned > 0 || found.lost > 0 || found.misplaced > 0 || found.rearranged > 0 ||
         found.first_shrunk != nullptr || !comparison.missing_tensors.empty();
}

/// What stands against B, in one sentence.
std::string lost_text(const Comparison& comparison, const Found& found) {
  const std::string a = named(comparison.a);
  std::vector<std::string> parts;
  if (found.misplaced > 0) {
    parts.push_back(layers_text(found.misplaced) + " " + verb(found.misplaced, "hold") +
                    " the weights of other layers of " + a);
  }
  if (found.rearranged > 0) {
    parts.push_back(layers_text(found.rearranged) + " " + has_have(found.rearranged) +
                    " exactly the spectrum of " + a + " but other elements");
  }
  if (found.lost > 0) {
    parts.push_back(layers_text(found.lost) + " of " + a + " " + is_are(found.lost) +
                    " missing or reshaped");
  }
  if (const std::int64_t lost = std::ssize(comparison.missing_tensors); lost > 0) {
    parts.push_back(plural(lost, "tensor") + " of " + a + " without a spectrum " + is_are(lost) +
                    " missing");
  }
  if (const ComparisonRow* const shrunk = found.first_shrunk; shrunk != nullptr) {
    parts.push_back("the vocabulary has " + std::to_string(shrunk->vocabulary_b) + " tokens of " +
                    std::to_string(shrunk->vocabulary_a) + " of " + a);
  }
  if (found.warned > 0) {
    parts.push_back(layers_text(found.warned) + " " + has_have(found.warned) + " warnings that " +
                    a + " does not have");
  }
  const std::string last = parts.back();
  parts.pop_back();
  return "In " + named(comparison.b) + ", " + join(parts, ", ") + (parts.empty() ? "" : ", and ") +
         last + ".";
}

/// Level and sentence of two checkpoints with layers in common.
void judge_layers(Verdict& verdict, const Comparison& comparison, const Found& found) {
  const std::int64_t all = std::ssize(comparison.rows);
  const std::string a = named(comparison.a);
  const std::string b = named(comparison.b);
  if (found.nonfinite > 0) {
    verdict.level = Level::bad;
    verdict.sentence = "Do not use " + b + ": " + of_layers(found.nonfinite, all) + " " +
                       has_have(found.nonfinite) + " NaN or infinite weights, which " + a +
                       " does not have.";
  } else if (comparison.nonfinite_b > 0) {
    verdict.level = Level::bad;
    verdict.sentence = "Do not use " + b + ": like " + a +
                       ", it holds NaN or infinite weights, in " +
                       of_layers(comparison.nonfinite_b, all) + ".";
  } else if (has_lost(comparison, found)) {
    verdict.level = Level::attention;
    verdict.sentence = lost_text(comparison, found);
  } else if (!comparison.pruned.empty()) {
    verdict.level = Level::attention;
    verdict.sentence = b + " is " + a + ", pruned: evaluate it.";
    add_reason(verdict, "Of " + a + ", " + comparison.pruned + ".", kOfLayers);
  } else if (!comparison.sudden.empty()) {
    verdict.level = Level::attention;
    verdict.sentence = "In " + b + ", " + of_layers(std::ssize(comparison.sudden), all) +
                       " changed suddenly since " + a + ". If many do, training is unstable.";
  } else if (const std::string loss = nonfinite_loss_text(comparison.training_b); !loss.empty()) {
    verdict.level = Level::attention;
    verdict.sentence = "The " + loss + " at " + b + ".";
  } else if (loss_rose(comparison) && found.same < all) {
    verdict.level = Level::attention;
    verdict.sentence = "The held-out loss of " + b + " is higher than that of " + a + ".";
  } else if (!comparison.notes.empty()) {
    verdict.sentence = a + " and " + b + " may not be comparable: " +
                       printable(comparison.notes.front(), kMostOfName) + ".";
  } else if (found.same == all) {
    verdict.level = Level::good;
    verdict.sentence =
        b + " has the weights of " + a + ": nothing changed in " +
        (all == 1 ? "the only layer." : "any of " + std::to_string(all) + " layers.");
  } else if (found.left_out > 0) {
    verdict.level = Level::attention;
    verdict.sentence = of_layers(found.left_out, all) + " " + was_were(found.left_out) +
                       " left out of one of the two scans (--layers), so nothing is known of " +
                       (found.left_out == 1 ? "it" : "them") + ". No other has a new warning.";
  } else if (found.unknown > 0) {
    verdict.level = Level::attention;
    verdict.sentence = of_layers(found.unknown, all) +
                       " could not be compared, so nothing is known of " +
                       (found.unknown == 1 ? "it" : "them") + ". No other has a new warning.";
  } else if (const double far = moved_far(comparison); far > 0) {
    verdict.level = Level::attention;
    verdict.sentence = "Half of the layers of " + b + " moved by at least " + rounded(far, 2) +
                       " of their norm: it is no fine-tuned " + a +
                       ", or its layers are in other places.";
  } else if (changed_unusually(comparison)) {
    verdict.level = Level::attention;
    verdict.sentence = b + " differs more from " + a + " than 99 % of derived models from theirs.";
  } else {
    verdict.level = Level::good;
    verdict.sentence = std::string(found.of_prediction > 0 ? "But for drafts, no" : "No") +
                       " layer of " + a + " is missing in " + b + ", and none has a new warning.";
  }
}

/// Layers in the places of others or in another order, missing tensors, and tables of tokens.
void add_places(Verdict& verdict, const Comparison& comparison, const Found& found) {
  if (found.first_misplaced != nullptr) {
    const ComparisonRow& first = *found.first_misplaced;
    add_reason(verdict,
               std::string(found.misplaced > 1 ? "The first of them is " : "It is ") +
                   named(first.key) + ", with the weights of " + named(first.from) +
                   ". A wrong merge, or a wrong order of pipeline ranks, puts blocks in the places "
                   "of others; a merge that repeats blocks does so on purpose.",
               kOfLayers);
  }
  if (found.first_rearranged != nullptr) {
    add_reason(verdict,
               "Other elements with one spectrum: " + named(found.first_rearranged->key) +
                   (found.rearranged > 1 ? " and " + std::to_string(found.rearranged - 1) + " more"
                                         : std::string()) +
                   ". No training does that: rows were exchanged, or a matrix was transposed or "
                   "negated. A conversion to another layout does so on purpose.",
               kOfLayers);
  }
  if (const std::vector<std::string>& missing = comparison.missing_tensors; !missing.empty()) {
    add_reason(verdict,
               "Missing: " + named(missing.front()) +
                   (missing.size() > 1 ? " and " + std::to_string(missing.size() - 1) + " more"
                                       : std::string()) +
                   ". A loader may fill such tensors with ones, zeros or noise.",
               "");
  }
  for (const std::string& text : token_table_texts(comparison.rows)) {
    add_reason(verdict, text, kOfLayers);
  }
}

}  // namespace

Verdict verdict_of(const Comparison& comparison) {
  Verdict verdict;
  const Found found = found_in(comparison);
  const std::int64_t all = std::ssize(comparison.rows);
  const std::int64_t apart = found.lost + found.added + found.left_out + found.unknown;
  if (comparison.nonfinite_b == 0 &&
      apart + found.of_other_vocabulary + found.gone_lawfully >= all) {
    verdict.sentence = "Nothing can be said: no layer is known in both " + named(comparison.a) +
                       " and " + named(comparison.b) + ".";
    return verdict;
  }
  judge_layers(verdict, comparison, found);
  // Zeros that stayed zeros are no good news.
  if (verdict.level == Level::good && comparison.no_tail_in_b) {
    verdict.level = Level::unknown;
    verdict.sentence.back() = ',';
    verdict.sentence += " but no layer of " + named(comparison.b) +
                        " has a power-law tail, so nothing is known of its quality.";
  }
  if (const std::int64_t both = comparison.left_out_of_both; both > 0) {
    verdict.sentence += " " + std::to_string(both) + " more " + was_were(both) +
                        " left out of both scans (--layers).";
  }
  add_places(verdict, comparison, found);
  if (found.worst != nullptr) {
    add_reason(verdict,
               (found.warned > 1 ? "The first of them is " : "It is ") + named(found.worst->key) +
                   ": " + printable(found.worst->new_warnings, kMostOfName) + ".",
               kOfLayers, {kFigMoved, kFigPairs});
  }
  if (!comparison.sudden.empty()) {
    const SuddenChange& first = comparison.sudden.front();
    add_reason(verdict, "Such as " + named(first.key) + ": " + first.text + ".", kOfLayers,
               {kFigMoved});
  }
  const double loss_a = comparison.training_a.eval_loss;
  const double loss_b = comparison.training_b.eval_loss;
  if (std::isfinite(loss_a - loss_b) && !is_carried(loss_b, loss_a)) {
    add_reason(
        verdict,
        "The held-out loss is " + rounded(loss_b, 4) + "; it was " + rounded(loss_a, 4) +
            (found.same == all ? ", though no matrix changed: one of the two is that of other "
                                 "weights, or vectors have changed."
                               : "."),
        "");
  }
  if (apart > 0) {
    add_reason(verdict,
               std::to_string(found.lost) + " removed or reshaped, " + std::to_string(found.added) +
                   " added, " + std::to_string(found.unknown) +
                   " without a spectrum in one of the two" +
                   (found.left_out > 0
                        ? ", " + std::to_string(found.left_out) + " left out of one of the scans."
                        : "."),
               kOfLayers);
  }
  const auto moved = std::max_element(comparison.rows.begin(), comparison.rows.end(),
                                      [](const ComparisonRow& x, const ComparisonRow& y) {
                                        return std::isfinite(y.moved) &&
                                               (!std::isfinite(x.moved) || x.moved < y.moved);
                                      });
  if (moved != comparison.rows.end() && moved->moved > 0) {
    add_reason(verdict,
               "The layer that moved most is " + named(moved->key) + ", by at least " +
                   rounded(moved->moved, 2) + " of its norm.",
               kOfLayers, {kFigMoved});
  }
  if (!comparison.alike) {
    add_reason(verdict,
               std::string("Other ") + (comparison.same_mode ? "fits" : "modes") +
                   " give other alphas and warnings, so no change of them is concluded.",
               kOfLayers);
  }
  const PairedRow* alpha = comparison.alike ? alpha_of_all(comparison.paired) : nullptr;
  if (alpha != nullptr && found.same < all) {
    add_reason(verdict, paired_sentence(*alpha), kOfPaired, {kFigPairs});
  }
  // The most unusual one.
  const auto most = std::max_element(
      comparison.usual.begin(), comparison.usual.end(),
      [](const UsualChange& x, const UsualChange& y) { return x.percentile < y.percentile; });
  if (most != comparison.usual.end() && found.same < all)
    add_reason(verdict, most->text, kOfPaired, {kFigMoved});
  if (verdict.level == Level::good && found.same < all) {
    add_reason(verdict,
               "Weights alone do not show whether the answers are as good: evaluate it "
               "(docs/evidence.md).",
               "");
  }
  for (const std::string& note : comparison.notes) {
    add_reason(verdict, "Note: " + printable(note, kMostOfName) + ".", "");
  }
  return verdict;
}

}  // namespace wishart::analysis
