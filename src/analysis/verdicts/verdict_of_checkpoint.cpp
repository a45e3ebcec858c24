/// @file
/// The verdict on a checkpoint, by the warnings of its layers.

#include <algorithm>
#include <set>
#include <utility>

#include "wishart/analysis/attention.hpp"
#include "wishart/analysis/usual.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/left_out.hpp"
#include "wishart/record/mode.hpp"
#include "wishart/record/recorded_loss.hpp"
#include "wishart/record/row_warnings.hpp"

#include "comparisons/copies.hpp"
#include "losses/loss_series.hpp"
#include "words/layer_words.hpp"
#include "words/verdict_words.hpp"

namespace wishart::analysis {
namespace {

constexpr const char* kOfUsual = "sec-what-is-usual";

/// `rank-collapse in 1 layer: a.down_proj (rank 32 of 128).` No layer is named twice: of several
/// the worst that has not been told is.
/// @param layers  of the checkpoint
void add_group(Verdict& verdict, const AttentionGroup& group, std::set<const LayerRow*>& told,
               const std::vector<LayerRow>& layers) {
  std::string text = group.warning + " in " + layers_text(std::ssize(group.layers));
  const auto fresh = std::find_if(group.layers.begin(), group.layers.end(),
                                  [&](const LayerRow* layer) { return !told.contains(layer); });
  if (fresh == group.layers.end()) {
    text += group.layers.size() > 1 ? ", all named above." : ", named above.";
    add_reason(verdict, std::move(text), kOfAttention, {kFigWarnings});
    return;
  }
  const LayerRow& worst = **fresh;
  told.insert(&worst);
  text += group.layers.size() == 1        ? ": "
          : fresh == group.layers.begin() ? ", worst "
                                          : ", such as ";
  text += named(worst.key);
  if (!worst.reason.empty()) text += " (" + printable(worst.reason, kMostOfName) + ")";
  // A single layer shows in its spectrum what is wrong with it, several in the map where they are.
  std::vector<std::string> figures{kFigWarnings};
  if (group.layers.size() == 1) {
    figures.insert(figures.begin(), "fig-density-" + std::to_string(&worst - layers.data()));
  }
  add_reason(verdict, text + ".", kOfAttention, std::move(figures));
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
    text = std::to_string(fresh) + " of these layers " + has_have(fresh) + " no warning in " + id +
           ".";
  }
  add_reason(verdict, std::move(text), kOfAttention, {kFigWarnings});
}

/// How many alphas are usual among public models.
void add_usual(Verdict& verdict, const CheckpointRecord& record) {
  std::int64_t known = 0;
  std::int64_t outside = 0;
  for (const UsualRow& row : usual_table(record.layers)) {
    if (row.group.empty()) continue;
    known += row.with_alpha;
    outside += row.low + row.high;
  }
  if (known == 0) return;
  add_reason(
      verdict,
      "The alpha of " + of_layers(known - outside, known) +
          " lies between the 5th and the 95th percentile of public models of its role and size.",
      kOfUsual, {kFigRoles});
}

const AttentionGroup* find_group(const std::vector<AttentionGroup>& groups, const char* word) {
  const auto found = std::find_if(groups.begin(), groups.end(),
                                  [&](const AttentionGroup& one) { return one.warning == word; });
  return found == groups.end() ? nullptr : &*found;
}

std::int64_t size_of(const AttentionGroup* group) {
  return group == nullptr ? 0 : static_cast<std::int64_t>(group->layers.size());
}

/// The sentence on whole weights of which none can tell inputs apart: all zero, or all multiples of
/// one row. Empty for any other.
std::string useless_text(const CheckpointRecord& record) {
  if (record.provenance.analysis != AnalysisKind::weights) return "";
  std::int64_t zero = 0;
  bool judged = false;
  for (const LayerRow& row : record.layers) {
    if (row.matrix_rank < 0 || row.matrix_rank > 1) return "";
    zero += row.matrix_rank == 0 ? 1 : 0;
    judged = judged || row.num_evals > 1;  // a row or a column has no rank above 1
  }
  if (!judged) return "";
  const std::int64_t all = std::ssize(record.layers);
  const std::string layers = all == 1 ? "the only layer" : "all " + layers_text(all);
  return "Do not use it: " + layers +
         (zero == all ? " " + is_are(all) + " zero."
                      : " " + has_have(all) + " a rank of at most 1.");
}

constexpr std::size_t kMostZeros = 3;  ///< layers in the sentence

/// `14 of 58 layers are zero: a, b, c and 11 more.` Empty if no whole weights are.
std::string zeros_text(const CheckpointRecord& record) {
  const Provenance& about = record.provenance;
  if (!is_whole(about.analysis) || about.training.step == 0) return "";
  std::vector<std::string> names;
  std::int64_t zero = 0;
  for (const LayerRow& row : record.layers) {
    if (!is_all_zero(row)) continue;
    if (names.size() < kMostZeros) names.push_back(named(row.key));
    ++zero;
  }
  if (zero == 0) return "";
  const std::int64_t more = zero - std::ssize(names);
  return of_layers(zero, std::ssize(record.layers)) + " " + is_are(zero) +
         " zero: " + join(names, ", ") +
         (more > 0 ? " and " + std::to_string(more) + " more" : "") +
         ". Zeros in whole matrices come from a damaged or unfinished file, or from layers that "
         "began as zeros and were never trained.";
}

/// Makes bad what holds matrices of zeros, or nothing but useless ones.
void judge_zeros(Verdict& verdict, const CheckpointRecord& record) {
  if (verdict.level == Level::bad) return;
  std::string text = useless_text(record);
  if (text.empty()) {
    text = zeros_text(record);
    if (!text.empty()) text.insert(0, "Do not use it: ");
  }
  if (text.empty()) return;
  verdict.level = Level::bad;
  verdict.sentence = text;
}

/// Matrices that are copies of each other. Nothing is wrong with what a training begins with.
void add_copies(Verdict& verdict, const CheckpointRecord& record) {
  if (!is_whole(record.provenance.analysis)) return;
  const std::int64_t step = record.provenance.training.step;
  const Copies copies = copies_in(record.layers);
  std::vector<std::string> doubts;
  if (const std::string text = block_copies_text(copies); !text.empty()) {
    doubts.push_back(blocks_text(copies.blocks) + " hold copies");
    add_reason(verdict, text, kOfLayers);
  }
  if (const std::string text = role_copies_text(copies); !text.empty() && step != 0) {
    doubts.emplace_back("different matrices of a block are equal");
    add_reason(verdict, text, kOfLayers);
  }
  if (const std::string text = expert_copies_text(copies, step); !text.empty()) {
    if (are_experts_doubtful(copies, step)) doubts.emplace_back("experts are copies");
    add_reason(verdict, text, kOfLayers);
  }
  if (doubts.empty() || verdict.level != Level::good) return;
  verdict.level = Level::attention;
  verdict.sentence.back() = ' ';
  verdict.sentence += "by itself, but " + join(doubts, ", and ") + ".";
}

/// Level and sentence of a checkpoint with warnings.
void judge_warnings(Verdict& verdict, const CheckpointRecord& record,
                    const std::vector<AttentionGroup>& groups) {
  const std::int64_t all = std::ssize(record.layers);
  const std::int64_t nonfinite = size_of(find_group(groups, "nonfinite"));
  const std::int64_t dominated = size_of(find_group(groups, kAdapterDominates));
  const std::int64_t failed = size_of(find_group(groups, "error"));
  const std::int64_t warned = count_layers(groups);
  // Every gate of jobs/ that knows the word fails with a single such layer.
  if (nonfinite > 0) {
    verdict.level = Level::bad;
    verdict.sentence = "Do not use it: " + of_layers(nonfinite, all) + " " +
                       verb(nonfinite, "hold") + " NaN or infinite weights.";
  } else if (dominated > 0) {
    verdict.level = Level::bad;
    verdict.sentence =
        "Do not use it: the adapter outweighs its base in " + layers_text(dominated) + ".";
  } else if (failed == all) {
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
        of_layers(warned, all) + " " + verb(warned, "need") + " attention" +
        (warned == 1 || groups.size() == 1 ? ": " + join(words, ", ")
                                           : ", the gravest for " + groups.front().warning) +
        ".";
  }
}

/// Level and sentence of a checkpoint without warnings.
void judge_quiet(Verdict& verdict, const CheckpointRecord& record) {
  const std::int64_t all = std::ssize(record.layers);
  if (is_compat(record.provenance)) {
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
  const std::int64_t rest = counts.without_tail + counts.failed;
  if (rest > counts.fitted) {
    verdict.sentence = "No layer has a warning, but " + of_layers(rest, all) +
                       " have no alpha, so little is known of their quality.";
    return;
  }
  if (rest > 0) {
    add_reason(verdict, of_layers(rest, all) + " " + has_have(rest) + " no alpha.", kOfLayers,
               {kFigAlphas});
  }
  verdict.level = Level::good;
  verdict.sentence = all == 1 ? "The only layer needs no attention."
                              : "None of the " + std::to_string(all) + " layers needs attention.";
}

/// Whether a layer has singular values or at least a status that says why not.
bool is_judged(const LayerRow& row) { return row.has_esd || row.status != ""; }

/// The verdict on the layers that were analysed.
Verdict verdict_on_layers(const CheckpointRecord& record, const Beside& beside) {
  Verdict verdict;
  if (std::none_of(record.layers.begin(), record.layers.end(), is_judged)) {
    verdict.sentence = "Nothing can be said: no matrix was analysed.";
    return verdict;
  }
  const std::vector<AttentionGroup> groups = layers_that_need_attention(record.layers);
  if (groups.empty()) {
    judge_quiet(verdict, record);
    judge_zeros(verdict, record);
    add_copies(verdict, record);
    add_usual(verdict, record);
    if (verdict.level == Level::good) {
      add_reason(
          verdict,
          "Weights alone do not show over-fitting, nor whether the answers are good: evaluate it "
          "(docs/evidence.md).",
          "");
    }
    return verdict;
  }
  judge_warnings(verdict, record, groups);
  judge_zeros(verdict, record);
  std::set<const LayerRow*> told;
  const std::size_t room = kMostReasons - 2;
  for (std::size_t i = 0; i < groups.size() && i < room; ++i) {
    add_group(verdict, groups[i], told, record.layers);
  }
  add_copies(verdict, record);
  add_new(verdict, record, beside.before != nullptr ? beside.before : beside.base);
  if (verdict.level == Level::attention && !is_compat(record.provenance) &&
      record.provenance.analysis == AnalysisKind::weights) {
    add_reason(verdict,
               "Of the layers of healthy models, under 5 % have a warning (docs/metrics.md).",
               kOfAttention, {kFigWarnings});
  }
  return verdict;
}

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
  Verdict verdict = verdict_on_layers(record, beside);
  verdict.left_out = count_left_out(record.skipped);
  if (verdict.left_out > 0) verdict.sentence += " " + left_out_text(verdict.left_out) + ".";
  const std::string loss = nonfinite_loss_text(record.provenance.training);
  if (loss.empty() || verdict.level == Level::bad) return verdict;
  verdict.level = Level::attention;
  // One checkpoint does not tell whether its held-out loss was ever finite.
  const bool surely = is_recorded_nonfinite(record.provenance.training.loss);
  verdict.sentence =
      "The " + loss +
      (surely ? ", so the run diverges. " : ": the run diverges, or its evaluation is broken. ") +
      verdict.sentence;
  return verdict;
}

}  // namespace wishart::analysis
