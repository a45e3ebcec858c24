#pragma once

/// @file
/// What to do with a training run: go on, stop, or go back, and why. docs/histories.md states the
/// rules, docs/evidence.md how often they were right.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/analysis/history_row.hpp"

namespace wishart::analysis {

enum class Advice : std::uint8_t {
  unknown,       ///< too few checkpoints, or the spectra cannot tell
  going_on,      ///< the held-out loss still falls
  settled,       ///< it falls no longer, or the layers have settled
  overfitting,   ///< the held-out loss rises while the training loss falls
  diverging,     ///< the training loss rises, or weights are not finite
  not_learning,  ///< the loss is where it is without any learning
  suspect,       ///< no held-out loss is known, and the spectra look over-fitted
};

inline constexpr std::array kAdvices{Advice::going_on,  Advice::settled,      Advice::overfitting,
                                     Advice::diverging, Advice::not_learning, Advice::suspect,
                                     Advice::unknown};

/// What an advice rests on.
enum class Basis : std::uint8_t { none, losses, spectra };

/// `going-on`, `not-learning`, ...
[[nodiscard]] std::string_view advice_name(Advice advice) noexcept;
/// `losses`, `spectra`, or `none`.
[[nodiscard]] std::string_view basis_name(Basis basis) noexcept;

/// What was trained.
struct Trained {
  /// Length of the vocabulary, or number of classes; -1: not known.
  std::int64_t classes = -1;
  bool language = false;    ///< predicts tokens, most of which are rare
  bool of_changes = false;  ///< adapters or differences: the run began with a trained base
  bool by_tokens = false;   ///< trends are per doubling of tokens, else of steps
};

struct Conclusion {
  Advice advice = Advice::unknown;
  Basis basis = Basis::none;
  std::vector<std::string> reasons;  ///< sentences with numbers, the weightiest first
  /// Id of the checkpoint with the lowest held-out loss, or training loss where no other is known,
  /// of those that are whole: not damaged, with all layers. Empty without losses.
  std::string best_checkpoint;
  bool passed_over = false;  ///< one that is damaged or incomplete has a lower loss
  bool is_spent = false;     ///< settled because the learning rate has come to its end
  bool tried = true;         ///< the sign is one of those that were tried on trained models
  /// The first checkpoint with the weights of the last one, if there is no advice because of that.
  std::string same_as{};
  bool is_best = false;  ///< it is that with the lowest loss, and was loaded again
};

/// Concludes from the checkpoints of a run, in the order of training, at the last of them. Losses
/// of earlier stages (training_place.hpp) are not compared with those of the last stage.
/// @param window  checkpoints that an advice needs, and over which trends are taken; at least 2
[[nodiscard]] Conclusion conclude(std::span<const HistoryRow> rows, const Trained& trained,
                                  std::int64_t window);

/// The window with which the advice was tried.
inline constexpr std::int64_t kTriedWindow = 3;

/// How often an advice was right in the half of the trained models that the rules were not tuned
/// on (docs/evidence.md). Nothing is known of another window than kTriedWindow, and
/// of signs that were not tried.
struct TrackRecord {
  std::int64_t right = 0;
  std::int64_t given = 0;  ///< 0: never given
};
[[nodiscard]] TrackRecord track_record(const Conclusion& conclusion, std::int64_t window) noexcept;

/// A sentence on layers that other checkpoints of the stage have and this one does not; empty if
/// there are none.
[[nodiscard]] std::string incomplete_text(const HistoryRow& row);

/// What to do, in a sentence or two. Printable.
[[nodiscard]] std::string advice_text(const Conclusion& conclusion);

/// `Such advice was right for 41 of 43 small models whose fate is known (95 %: 85 to 99 %;
/// docs/evidence.md).` Empty if it was never given.
[[nodiscard]] std::string track_text(const Conclusion& conclusion, std::int64_t window);

}  // namespace wishart::analysis
