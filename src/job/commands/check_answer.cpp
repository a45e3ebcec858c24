#include "commands/check_answer.hpp"

#include <algorithm>
#include <iterator>

#include "wishart/analysis/adapter.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/ending.hpp"

#include "commands/check_doubts.hpp"
#include "commands/check_kind.hpp"

namespace wishart::job {
namespace {

using Stages = std::vector<CheckpointRecord>;

bool is_broken(const analysis::RuleVerdict& verdict) { return !verdict.passed; }

/// How the line of an answer begins.
std::string opening_of(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::ok:
      return "OK: ";
    case AnswerKind::attention:
      return "ATTENTION: ";
    case AnswerKind::not_ok:
      return "NOT OK: ";
    case AnswerKind::unknown:
      return "UNKNOWN: ";
  }
  throw Error(Blame::bug, "an answer has no word");
}

std::string subject(CheckKind kind, const CheckpointRecord& tuned) {
  return std::string(what_is(kind)) + " " + printable(tuned.provenance.checkpoint_id);
}

std::string unread_text(std::size_t unread) {
  if (unread == 0) return {};
  const auto count = static_cast<std::int64_t>(unread);
  return " " + plural(count, "layer") + " " + is_are(count) +
         " not judged: stored in a quantisation that is not read.";
}

/// Why the rules do not tell whether the model is OK; empty if they do.
std::string doubt_on(const Checked& checked, analysis::Level level, const Stages& stages,
                     const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base,
                     const std::function<void()>& check_stop) {
  if (checked.judged.level == analysis::Level::bad || !checked.damage.empty()) return {};
  if (std::string text = layout_text(checked.rules, checked.verdicts); !text.empty()) return text;
  if (std::string text = few_bits_doubt(checked.verdicts); !text.empty()) return text;
  if (checked.kind == CheckKind::full && checked.kind_by_files) {
    return level == analysis::Level::good
               ? compression_doubt(stages, known_errors(checked.changes, true))
               : std::string();
  }
  if (checked.kind != CheckKind::quantised || !only_sizes_broken(checked.rules, checked.verdicts)) {
    return {};
  }
  return rescaling_text(tuned, base, check_stop);
}

/// What there is to know about a model that keeps all rules.
struct Remarks {
  bool same = false;     ///< nothing changed, also no norm or bias
  bool smaller = false;  ///< its vocabulary
  std::string vectors;   ///< only norms and biases changed
  std::string rounded;   ///< it is the base in another dtype
  std::string pruned;

  [[nodiscard]] bool any() const { return same || smaller || !rounded.empty() || !pruned.empty(); }
};

Remarks remarks_on(const Checked& checked, const checkpoint::Catalogue& tuned,
                   const checkpoint::Catalogue& base, const model::SelectionOptions& selection,
                   const std::function<void()>& check_stop) {
  Remarks remarks;
  remarks.same = checked.pruned.empty() && nothing_changed(checked.comparison);
  if (remarks.same && checked.kind != CheckKind::lora) {
    remarks.vectors = only_vectors_text(tuned, base, check_stop);
    remarks.same = remarks.vectors.empty();
  }
  remarks.smaller = is_smaller(checked.comparison);
  remarks.pruned = checked.pruned;
  const bool may_be_rounded =
      checked.kind == CheckKind::full && !remarks.same && remarks.vectors.empty();
  if (may_be_rounded && moved_by_rounding(checked.comparison)) {
    remarks.rounded = only_rounded_text(checked.changes, tuned, base, selection, check_stop);
  }
  return remarks;
}

/// Whether a model that keeps all rules is good for all that is known.
bool is_good(const Checked& checked, analysis::Level level, const std::string& doubt) {
  // Of what was pruned, no rule says good.
  const bool kept = level == analysis::Level::good ||
                    (level == analysis::Level::attention && !checked.pruned.empty());
  return kept && doubt.empty();
}

/// The line about a model that keeps all rules.
std::string kept_text(const Checked& checked, bool good, const Remarks& remarks,
                      const std::string& doubt, const Stages& stages) {
  const CheckpointRecord& tuned = stages.back();
  const std::string base = printable(stages.front().provenance.checkpoint_id);
  const std::int64_t compared = std::ssize(tuned.layers) - num_added(checked.comparison);
  std::string text = subject(checked.kind, tuned) + " keeps all " +
                     std::to_string(checked.verdicts.size()) + " rules against " + base + " in " +
                     plural(compared, "layer") + "." + doubt + checked.damage;
  if (!good && doubt.empty() && checked.damage.empty()) {
    text += " But its report says: " + checked.judged.sentence;
  }
  if (remarks.same) text += " But nothing changed: all of its weights are those of " + base + ".";
  text += remarks.vectors + remarks.rounded + remarks.pruned;
  const std::string adapter =
      analysis::adapter_text(analysis::adapter_rows(tuned.layers), tuned.layers.size());
  return text + (adapter.empty() ? "" : " " + adapter) +
         left_out_of_rules_text(checked.comparison) + unread_text(checked.unread);
}

/// The line about a model that breaks rules.
/// @pre one of the verdicts is on a broken rule
std::string broken_text(const Checked& checked, const std::string& doubt, const Stages& stages) {
  const std::vector<analysis::RuleVerdict>& verdicts = checked.verdicts;
  const auto first = std::find_if(verdicts.begin(), verdicts.end(), is_broken);
  const auto more = std::count_if(verdicts.begin(), verdicts.end(), is_broken) - 1;
  std::string text = subject(checked.kind, stages.back()) + " against " +
                     printable(stages.front().provenance.checkpoint_id) + " breaks '" +
                     printable(first->rule) + "': " + one_line(first->text);
  if (!first->violations.empty() && !first->violations.front().key.empty()) {
    const analysis::Violation& worst = first->violations.front();
    text += ". Worst: " + printable(worst.key) + " with " + analysis::violation_text(*first, worst);
  }
  if (more > 0) {
    text += ". " + plural(more, "more rule") + " " + is_are(more) + " broken";
  }
  return text + (text.ends_with('.') ? "" : ".") + doubt + checked.damage +
         unread_text(checked.unread);
}

}  // namespace

std::string_view answer_name(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::ok:
      return "ok";
    case AnswerKind::attention:
      return "attention";
    case AnswerKind::not_ok:
      return "not-ok";
    case AnswerKind::unknown:
      return "unknown";
  }
  throw Error(Blame::bug, "an answer has no name");
}

Answer answer_of(const Checked& checked, const Stages& stages, const checkpoint::Catalogue& tuned,
                 const checkpoint::Catalogue& base, const model::SelectionOptions& selection,
                 const std::function<void()>& check_stop) {
  const analysis::Level level = checked.damage.empty()
                                    ? analysis::verdict_of(checked.verdicts, checked.judged).level
                                    : analysis::Level::bad;
  const std::string doubt = doubt_on(checked, level, stages, tuned, base, check_stop);
  Answer answer;
  answer.ok = level != analysis::Level::bad;
  if (std::any_of(checked.verdicts.begin(), checked.verdicts.end(), is_broken)) {
    answer.kind = doubt.empty() ? AnswerKind::not_ok : AnswerKind::unknown;
    answer.text = opening_of(answer.kind) + broken_text(checked, doubt, stages);
    return answer;
  }
  const bool good = is_good(checked, level, doubt);
  const Remarks remarks =
      good ? remarks_on(checked, tuned, base, selection, check_stop) : Remarks();
  answer.kind = remarks.any() ? AnswerKind::attention
                : good        ? AnswerKind::ok
                : answer.ok   ? AnswerKind::unknown
                              : AnswerKind::not_ok;
  answer.text = opening_of(answer.kind) + kept_text(checked, good, remarks, doubt, stages);
  return answer;
}

}  // namespace wishart::job
