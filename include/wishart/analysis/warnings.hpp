#pragma once

/// @file
/// Warnings: which layers need attention. Each is held against what is usual: noise of the same
/// shape, the layers of public models, the other blocks of the model, the layer's own past.
/// docs/metrics.md has the words, docs/decisions/027-warnings.md the reasons.
///
/// Words that a row justifies by itself are stored by the fit (record/row_warnings.hpp). All others
/// are conclusions: they are made when an archive is read, and are never written to one.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

inline constexpr const char* kAllZero = "all-zero";
inline constexpr const char* kRankDeficient = "rank-deficient";
inline constexpr const char* kUnlikePast = "unlike-past";
inline constexpr const char* kUnlikeBlocks = "unlike-blocks";
inline constexpr const char* kUnusual = "unusual";

/// A word of the column `warning` in corrected mode.
struct WarningKind {
  std::string_view word;
  std::string_view meaning;  ///< what is seen, against what, and what to do
  bool remark = false;       ///< tells how to read the numbers; nothing may be wrong with the layer
};

/// All words, gravest first, remarks last.
[[nodiscard]] std::span<const WarningKind> warning_kinds();

/// Whether alpha is outside WeightWatcher's limits. False without an alpha.
[[nodiscard]] bool is_below_limits(const LayerRow& row);
[[nodiscard]] bool is_above_limits(const LayerRow& row);

/// What of a layer is compared with its own past. Values that are not known are NaN.
struct LayerState {
  double alpha = kNan;
  double alpha_error = kNan;  ///< standard error
  double log_norm = kNan;
  double stable_rank = kNan;
  double matrix_rank = kNan;
  bool like_noise = false;
};
[[nodiscard]] LayerState state_of(const LayerRow& row);

/// A layer in the checkpoint before, and now.
struct LayerStep {
  LayerState then;
  LayerState now;
};

/// The change of alpha that the layers of a model share from one checkpoint to the next.
struct SharedChange {
  double median = 0;   ///< over the layers
  double spread = 0;   ///< of their changes: 1.4826 times the median absolute deviation
  bool known = false;  ///< at least kFewestPeers layers have an alpha in both
};
[[nodiscard]] SharedChange shared_change(std::span<const LayerStep> steps);

/// What of a layer is unlike its own past, in words: `squared norm 35 times as large`. Empty if
/// nothing is, or if the layer was noise and so has no past.
///
/// The squared norm changed tenfold; the stable rank fell to a third; the matrix rank fell by more
/// than 5 %; or alpha changed by more than 4 standard errors from the change that the layers share.
/// @pre the checkpoint before is one of training, after its first step
[[nodiscard]] std::string unlike_past(const LayerStep& step, const SharedChange& shared);

/// Earlier checkpoints of the run that a record belongs to; null: not known.
struct Past {
  const CheckpointRecord* before = nullptr;  ///< the one before
  const CheckpointRecord* first = nullptr;   ///< the first
};

/// Replaces the column `warning` of corrected mode by what holds by the present rules, whatever was
/// stored, and puts what each rests on into `reason`, behind what is there. Records of compat mode
/// keep WeightWatcher's words.
/// @param past  used if it and the record are whole weights of the same mode and its step is known
/// and
///   below that of the record. Layers are compared with those of `before` if its step is above 0
void conclude(CheckpointRecord& record, const Past& past = {});

/// The same for layers alone.
struct PastLayers {
  const std::vector<LayerRow>* before = nullptr;
  const std::vector<LayerRow>* first = nullptr;
  bool initial = false;    ///< the layers are those that a training begins with (step 0)
  bool of_change = false;  ///< they are a change of weights, not weights
  /// Decades by which the squared norm of a layer that began as zeros may grow from `before` on.
  double growth = 0;
};
void conclude(std::vector<LayerRow>& layers, const PastLayers& past = {});

/// Decades by which the squared norm of what began as zeros at step 0 may have grown between two
/// steps: by their fourth power, as under a rate that is warmed up, and a factor of two for what
/// aligns meanwhile. 0 if the steps are not known.
[[nodiscard]] double growth_from_zero(std::int64_t before, std::int64_t now) noexcept;

/// True for weights of which every element is zero. No training leaves such a matrix, but some
/// begin with one (docs/decisions/101-zeros-are-damage.md). False for a change of weights that is
/// zero.
[[nodiscard]] bool is_all_zero(const LayerRow& row);

/// True for `warning.WORD` if the word depends on the past.
[[nodiscard]] bool needs_past(std::string_view metric);

/// True if the layer was noise in the first checkpoint of the run and its norm has changed since by
/// more than a tenth of a decade (of the square): it has learned, but its spectrum has stayed that
/// of noise. Muon's updates, whose singular values are all equal, leave such layers.
[[nodiscard]] bool has_trained(const LayerRow& now, const LayerRow& first);

/// Fewer layers than this are not compared with each other.
inline constexpr std::size_t kFewestPeers = 8;

}  // namespace wishart::analysis
