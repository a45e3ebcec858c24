#pragma once

/// @file
/// One checkpoint of a training run: its losses, and its layers summed up.

#include <cstdint>
#include <string>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// Layers of a checkpoint with the values of an earlier one of the stage, though they have changed
/// in between or before, and while others got new ones.
struct OldLayers {
  std::int64_t count = 0;
  std::string checkpoint;  ///< the first with these values
  bool several = false;    ///< that of most of them: others have those of another checkpoint
  bool experts = false;    ///< all of them are of experts
  std::string where;       ///< their blocks, or one of them; printable
};

/// One checkpoint of a history.
struct HistoryRow {
  std::string checkpoint;
  std::int64_t step = -1;    ///< -1: not known
  std::int64_t tokens = -1;  ///< -1: not known
  double loss = kNan;        ///< as the trainer recorded them
  double eval_loss = kNan;
  double learning_rate = kNan;
  /// A hash of the values of all matrices; empty if some were left out by choice. No column.
  std::string weights;
  std::int64_t layers = 0;
  /// Layers that other checkpoints of the stage have, and this one does not: it is incomplete.
  std::int64_t missing = 0;
  std::int64_t fitted = 0;  ///< layers with an alpha
  double alpha = kNan;      ///< mean over the layers, like the metrics below
  double alpha_error = kNan;
  double alpha_median = kNan;
  double alpha_weighted = kNan;
  double log_norm = kNan;
  double log_spectral_norm = kNan;
  double stable_rank = kNan;
  double entropy = kNan;
  double D = kNan;
  std::int64_t over_trained = 0;   ///< layers with alpha < 2
  std::int64_t under_trained = 0;  ///< layers with alpha > 6
  std::int64_t rank_collapsed = 0;
  std::int64_t like_noise = 0;  ///< layers whose spectrum is that of noise (row_warnings.hpp)
  std::int64_t nonfinite = 0;   ///< layers with NaN or infinite weights
  std::int64_t zero = 0;        ///< trained layers of zeros: damage (all-zero); no column
  std::int64_t outliers = 0;    ///< eigenvalues that stand out from their tails, all layers
  std::int64_t unchanged = 0;   ///< layers with the same hash as in the previous checkpoint
  OldLayers old;                ///< no column
  /// Share of settled layers among those of the stage, over the window that ends here.
  double settled_share = kNan;
  std::int64_t fixed = 0;     ///< layers with the same hash throughout that window; no column
  bool change_point = false;  ///< the trend of the mean alpha changes here
  // Changes are means over the layers that both checkpoints have: means over other layers differ
  // without any change.
  double spectral_norm_step = kNan;  ///< of log_spectral_norm, since the checkpoint before
  /// Of log_norm and of log_spectral_norm, since the first checkpoint of the stage.
  double norm_risen = kNan;
  double spectral_norm_risen = kNan;
  /// Mean absolute change of log_norm and of log_spectral_norm since the first checkpoint of the
  /// stage, over the layers that are trained: those whose values are no longer the same.
  double norm_moved = kNan;
  double spectral_norm_moved = kNan;
  std::int64_t trained = 0;  ///< number of these layers
  /// Number of them without any eigenvalue above noise, which had at least two at an earlier
  /// checkpoint of the stage.
  std::int64_t drowned = 0;
};

template <class F>
void visit_columns(HistoryRow& r, F&& f) {
  f("checkpoint", r.checkpoint), f("step", r.step), f("tokens", r.tokens), f("loss", r.loss);
  f("eval_loss", r.eval_loss), f("learning_rate", r.learning_rate), f("layers", r.layers),
      f("missing", r.missing);
  f("fitted", r.fitted), f("alpha", r.alpha), f("alpha_error", r.alpha_error);
  f("alpha_median", r.alpha_median), f("alpha_weighted", r.alpha_weighted);
  f("log_norm", r.log_norm), f("log_spectral_norm", r.log_spectral_norm);
  f("stable_rank", r.stable_rank), f("entropy", r.entropy), f("D", r.D);
  f("over_trained", r.over_trained), f("under_trained", r.under_trained);
  f("rank_collapsed", r.rank_collapsed), f("like_noise", r.like_noise);
  f("nonfinite", r.nonfinite), f("outliers", r.outliers), f("unchanged", r.unchanged);
  f("settled_share", r.settled_share), f("change_point", r.change_point);
  f("spectral_norm_step", r.spectral_norm_step), f("norm_risen", r.norm_risen);
  f("spectral_norm_risen", r.spectral_norm_risen);
  f("norm_moved", r.norm_moved), f("spectral_norm_moved", r.spectral_norm_moved);
  f("trained", r.trained), f("drowned", r.drowned);
}

}  // namespace wishart::analysis
