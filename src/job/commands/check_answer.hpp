#pragma once

/// @file
/// The answer of `wishart check`: its word, its line, and whether the model is OK.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/gate.hpp"
#include "wishart/analysis/verdict.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/job/options.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/record/checkpoint_record.hpp"

#include "commands/sampled_changes.hpp"

namespace wishart::job {

enum class AnswerKind : std::uint8_t {
  ok,
  attention,  ///< all rules are kept, but somebody should know more
  not_ok,
  unknown,  ///< the rules do not tell
};

/// `ok`, `attention`, `not-ok` or `unknown`.
[[nodiscard]] std::string_view answer_name(AnswerKind kind);

struct Answer {
  AnswerKind kind = AnswerKind::unknown;
  bool ok = false;   ///< the exit code is 0: of an answer `unknown`, if no rule is broken
  std::string text;  ///< one line, which begins with the word of the kind
};

/// What is known of a tuned checkpoint and its base.
struct Checked {
  CheckKind kind = CheckKind::full;  ///< never `automatic`
  bool kind_by_files = false;        ///< the user did not name the kind
  std::vector<analysis::Rule> rules;
  std::vector<analysis::RuleVerdict> verdicts;  ///< one for each rule
  analysis::Verdict judged;                     ///< on the tuned checkpoint alone
  std::string damage;                           ///< of what no rule judges; empty: none
  analysis::Comparison comparison;              ///< of the base and the tuned checkpoint
  std::string pruned;                           ///< pruned_text
  SampledChanges changes;
  std::size_t unread = 0;  ///< layers that are left out of both
};

/// @param stages  the base and the tuned model
/// @param check_stop  asked before each vector that is read; throws if there is a reason to stop
/// @throws Error with Blame::input if a file cannot be read
[[nodiscard]] Answer answer_of(const Checked& checked, const std::vector<CheckpointRecord>& stages,
                               const checkpoint::Catalogue& tuned,
                               const checkpoint::Catalogue& base,
                               const model::SelectionOptions& selection,
                               const std::function<void()>& check_stop);

}  // namespace wishart::job
