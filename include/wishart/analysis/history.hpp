#pragma once

/// @file
/// The checkpoints of one training run, one after the other: what moves, what does not any more,
/// and what that says about going on.

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
  double alpha = kNan;      ///< mean over the layers, as the metrics below
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
  std::int64_t outliers = 0;    ///< eigenvalues that stand out of their tails, all layers
  std::int64_t unchanged = 0;   ///< layers whose values hash as in the checkpoint before
  double settled_share = kNan;  ///< of the layers, over the window that ends here
  bool change_point = false;    ///< the mean alpha goes another way from here on
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

/// The slope of a metric per doubling of tokens (of steps, where tokens are not known), by least
/// squares over checkpoints with step > 0, and its interval of 95 % (Student's t). NaN for fewer
/// than 3 checkpoints.
struct Trend {
  double slope = kNan;
  double low = kNan;
  double high = kNan;
  std::int64_t count = 0;
};

/// A layer that goes somewhere it should not.
struct Drift {
  std::string key;
  std::string role;
  std::string why;       ///< `over-trained`, `new-traps`, `new-outliers`, `rank-falls`
  double before = kNan;  ///< at the first checkpoint of the window: alpha, number, rank
  double now = kNan;
};

enum class Advice : std::uint8_t {
  unknown,   ///< too few checkpoints
  going_on,  ///< the layers still move, or the loss still falls
  settled,   ///< neither layers nor loss move any more
  harm,      ///< the loss rises while layers drift to over-training
};

struct History {
  std::vector<HistoryRow> rows;  ///< in the order of comes_before (training_place.hpp)
  bool by_tokens = false;        ///< what the trends double
  std::int64_t window = 0;       ///< checkpoints over which a layer counts as settled
  Trend alpha;                   ///< over the window's checkpoints
  Trend loss;                    ///< of eval_loss where it is known, else of loss
  bool loss_is_eval = false;
  std::vector<Drift> drifts;  ///< of the last checkpoint, by layer
  Advice advice = Advice::unknown;
  std::vector<Analysed> left_out;  ///< changes of weights, where there are whole models
  bool of_changes = false;         ///< there are no others
  std::string best_checkpoint;     ///< with the lowest loss of the kind above; empty if not known
};

/// Gathers a history checkpoint by checkpoint, so that one record is in memory at a time.
class HistoryBuilder {
public:
  /// @param window  a layer is settled if over this many checkpoints, the last included, neither
  ///   alpha left the interval of 95 % of a difference of two, nor its norms moved by more than
  ///   kNormResolution; at least 2
  explicit HistoryBuilder(std::int64_t window);

  /// Takes a record (without spectra) in any order.
  void add(const CheckpointRecord& record);
  [[nodiscard]] History take();

private:
  /// What is kept of a layer.
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

/// By how much log10 of a norm may move over the window of a settled layer: 2.3 % of the squared
/// norm. Norms are known to many digits; this is what counts as rest, not what can be told apart.
inline constexpr double kNormResolution = 0.01;

/// Where the line through (x, y) breaks: the first points of new lines, found by halving as long as
/// two lines lower the Bayesian information criterion by more than 6 ("strong", Kass and Raftery,
/// J. Am. Stat. Assoc. 90 (1995) 773). Each line has at least 3 points.
[[nodiscard]] std::vector<std::size_t> change_points(const std::vector<double>& x,
                                                     const std::vector<double>& y);

/// @pre x and y are of one length; pairs that are not finite stay out
[[nodiscard]] Trend trend_of(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace wishart::analysis
