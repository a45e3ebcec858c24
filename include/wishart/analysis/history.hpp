#pragma once

/// @file
/// The history of a training run: which layers still change, which have settled, and whether to go
/// on training.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/analysis/analysed.hpp"
#include "wishart/record/checkpoint_record.hpp"
#include "wishart/record/training_place.hpp"

namespace wishart::analysis {

/// One checkpoint of a history.
struct HistoryRow {
  std::string checkpoint;
  std::int64_t step = -1;    ///< -1: not known
  std::int64_t tokens = -1;  ///< -1: not known
  double loss = kNan;        ///< as the trainer recorded them
  double eval_loss = kNan;
  double learning_rate = kNan;
  std::int64_t layers = 0;
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
  std::int64_t outliers = 0;    ///< eigenvalues that stand out from their tails, all layers
  std::int64_t unchanged = 0;   ///< layers with the same hash as in the previous checkpoint
  double settled_share = kNan;  ///< share of settled layers, over the window that ends here
  bool change_point = false;    ///< the trend of the mean alpha changes here
};

template <class F>
void visit_columns(HistoryRow& r, F&& f) {
  f("checkpoint", r.checkpoint), f("step", r.step), f("tokens", r.tokens), f("loss", r.loss);
  f("eval_loss", r.eval_loss), f("learning_rate", r.learning_rate), f("layers", r.layers);
  f("fitted", r.fitted), f("alpha", r.alpha), f("alpha_error", r.alpha_error);
  f("alpha_median", r.alpha_median), f("alpha_weighted", r.alpha_weighted);
  f("log_norm", r.log_norm), f("log_spectral_norm", r.log_spectral_norm);
  f("stable_rank", r.stable_rank), f("entropy", r.entropy), f("D", r.D);
  f("over_trained", r.over_trained), f("under_trained", r.under_trained);
  f("rank_collapsed", r.rank_collapsed), f("outliers", r.outliers);
  f("unchanged", r.unchanged), f("settled_share", r.settled_share);
  f("change_point", r.change_point);
}

/// The slope of a metric per doubling of tokens (of steps, if tokens are not known), by least
/// squares over checkpoints with step > 0, and its 95 % interval (Student's t). NaN for fewer than
/// 3 checkpoints.
struct Trend {
  double slope = kNan;
  double low = kNan;
  double high = kNan;
  std::int64_t count = 0;
};

/// A layer that changes in an unwanted way.
struct Drift {
  std::string key;
  std::string role;
  std::string why;       ///< `over-trained`, `new-traps`, `new-outliers`, `rank-falls`
  double before = kNan;  ///< at the first checkpoint of the window: alpha, count or rank
  double now = kNan;
};

enum class Advice : std::uint8_t {
  unknown,   ///< too few checkpoints
  going_on,  ///< the layers still change, or the loss still falls
  settled,   ///< the layers have settled, and the loss no longer falls
  harm,      ///< the loss rises while layers drift to over-training
};

struct History {
  std::vector<HistoryRow> rows;  ///< in the order of comes_before (training_place.hpp)
  bool by_tokens = false;        ///< trends are per doubling of tokens, else of steps
  std::int64_t window = 0;       ///< number of checkpoints over which a layer has to be settled
  Trend alpha;                   ///< over the window and one checkpoint before it
  Trend loss;                    ///< of eval_loss if it is known, else of loss
  bool loss_is_eval = false;
  std::vector<Drift> drifts;  ///< of the last checkpoint, by layer
  Advice advice = Advice::unknown;
  std::vector<Analysed> left_out;  ///< changes of weights, if there are whole models
  bool of_changes = false;         ///< all rows are changes of weights
  std::string best_checkpoint;     ///< the one with the lowest loss; empty if no loss is known
};

/// Builds a history checkpoint by checkpoint, so that only one record is in memory at a time.
class HistoryBuilder {
public:
  /// @param window  at least 2. A layer is settled if over this many checkpoints, including the
  ///   last, its alpha differs from the last one by no more than the 95 % interval of a difference,
  ///   and its norms by no more than kNormResolution
  explicit HistoryBuilder(std::int64_t window);

  /// Adds a record. Spectra are not needed, and the order does not matter.
  void add(const CheckpointRecord& record);
  [[nodiscard]] History take();

private:
  /// The data kept for a layer.
  struct Layer {
    std::string key;
    std::string role;
    std::string hash;
    bool no_tail = false;
    double alpha = kNan;
    double alpha_error = kNan;
    double log_norm = kNan;
    double log_spectral_norm = kNan;
    double traps = kNan;  ///< NaN without spectra of random orders
    double outliers = kNan;
    double rank = kNan;
  };
  struct Entry {
    HistoryRow row;
    Analysed about;
    std::vector<Layer> layers;  ///< by key
    TrainingPlace place;
  };

  [[nodiscard]] static const Layer* find(const Entry& entry, const std::string& key);
  [[nodiscard]] bool is_settled(const std::string& key, std::size_t last) const;
  void relate();
  void find_drifts(History& history) const;

  std::int64_t window_;
  std::vector<Entry> entries_;
};

/// The most that log10 of a squared norm may change over the window of a settled layer: 2.3 % of
/// the squared norm. This defines "settled"; the norms themselves are known to many more digits.
inline constexpr double kNormResolution = 0.01;

/// The points where the trend of (x, y) changes: the first points of new lines. A series is split
/// in two as long as two lines lower the Bayesian information criterion by more than 6 ("strong",
/// Kass and Raftery, J. Am. Stat. Assoc. 90 (1995) 773). Each line has at least 3 points.
[[nodiscard]] std::vector<std::size_t> change_points(const std::vector<double>& x,
                                                     const std::vector<double>& y);

/// Pairs with a value that is not finite are left out.
/// @pre x and y have the same length
[[nodiscard]] Trend trend_of(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace wishart::analysis
