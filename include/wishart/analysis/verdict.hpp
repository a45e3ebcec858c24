#pragma once

/// @file
/// The verdict: what a report comes to, in one sentence, with its reasons. It repeats what other
/// parts of this module conclude, gravest first, and adds no threshold of its own
/// (docs/decisions/046-verdict.md).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/gate.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/analysis/ranking.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

enum class Level : std::uint8_t {
  good,       ///< nothing was found, or the advice is to go on
  attention,  ///< somebody should look at something
  bad,        ///< do not use it, stop the run, or a rule was broken
  unknown,    ///< nothing can be concluded
};

/// `good`, `attention`, `bad`, `unknown`.
[[nodiscard]] std::string_view level_name(Level level) noexcept;

/// A sentence with numbers.
struct Reason {
  std::string text;
  /// Where the report shows it: the id of a section, `sec-` and its heading in small letters and
  /// hyphens. Empty if nowhere.
  std::string anchor;
  /// Ids of the figures that show it, the best first (`fig-blocks-warnings`). A page links to the
  /// first of them that it has, and to the section only if it has none.
  std::vector<std::string> figures = {};
};

/// Texts are printable, whatever the names in them.
struct Verdict {
  Level level = Level::unknown;
  std::string sentence;
  std::vector<Reason> reasons;  ///< at most kMostReasons, the weightiest first
  std::int64_t left_out = 0;    ///< matrices of the checkpoint that its scan left out by choice
  /// That the checkpoint lacks layers that others of its run have, in a sentence. Empty if it does
  /// not, or if the run is not known.
  std::string incomplete = {};
  /// The same for layers that hold the values of an earlier checkpoint (old_layers_text).
  std::string old_layers = {};
};

inline constexpr std::size_t kMostReasons = 5;

/// Checkpoints that a checkpoint is held against; null: not known.
struct Beside {
  const CheckpointRecord* before = nullptr;  ///< of the same run, the one before it
  const CheckpointRecord* base = nullptr;    ///< what it was made from
};

/// By the warnings of the layers.
/// @pre the warnings of all records are concluded (warnings.hpp)
[[nodiscard]] Verdict verdict_of(const CheckpointRecord& record, const Beside& beside = {});

/// By the advice, and by the verdict on the last checkpoint.
[[nodiscard]] Verdict verdict_of(const History& history, const Verdict& last);

/// By the warnings that B has and A has not, and by the layers that only one of them has.
[[nodiscard]] Verdict verdict_of(const Comparison& comparison);

/// By the rules; where they are kept, never better than what is known of the checkpoint.
/// @param judged  the verdict on the checkpoint of the last stage
[[nodiscard]] Verdict verdict_of(const std::vector<RuleVerdict>& verdicts, const Verdict& judged);

/// By what the order of the models is worth.
/// @param models  in order, the best first
/// @param metric  index into rank_metrics() of the metric that orders them
[[nodiscard]] Verdict verdict_of(const std::vector<Model>& models, std::size_t metric,
                                 const Following& following);

}  // namespace wishart::analysis
