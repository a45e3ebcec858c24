#pragma once

/// @file
/// The history of a training run: which layers still change, which have settled, and whether to go
/// on training.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/analysis/advice.hpp"
#include "wishart/analysis/analysed.hpp"
#include "wishart/analysis/history_row.hpp"
#include "wishart/analysis/trend.hpp"
#include "wishart/record/checkpoint_record.hpp"
#include "wishart/record/training_place.hpp"

namespace wishart::analysis {

/// A layer that changes in an unwanted way.
struct Drift {
  std::string key;
  std::string role;
  std::string why;       ///< `new-traps`, `new-outliers`, `rank-falls`
  double before = kNan;  ///< at the first checkpoint of the window: count or rank
  double now = kNan;
};

/// One layer through a history. The values are in the order of History::rows; NaN: the checkpoint
/// has no such layer, or the value is not known.
struct LayerCourse {
  std::string key;
  std::string role;
  std::string stack;
  std::int64_t block = -1;
  std::int64_t index = -1;  ///< in the last record; -1: it does not have the layer
  std::vector<double> alpha;
  std::vector<double> D;
  std::vector<double> stable_rank;
  std::vector<double> log_norm;
};

struct History {
  std::vector<HistoryRow> rows;  ///< in the order of comes_before (training_place.hpp)
  bool by_tokens = false;        ///< trends are per doubling of tokens, else of steps
  std::int64_t window = 0;       ///< number of checkpoints over which a layer has to be settled
  Trend alpha;  ///< over the window and one checkpoint before it, of layers that have one in all
  Trend loss;   ///< of the loss that leads
  bool loss_is_eval = false;     ///< that is eval_loss: it is known often enough (loss_advice.hpp)
  bool loss_is_carried = false;  ///< at the last checkpoint: it was not measured anew
  std::vector<Drift> drifts;     ///< of the last checkpoint, by layer
  Conclusion conclusion;         ///< what to do, and why
  std::vector<Analysed> left_out;    ///< what does not stand beside the rows
  bool of_changes = false;           ///< all rows are changes of weights
  std::vector<LayerCourse> courses;  ///< by key, in natural order
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
  /// The history of the run that is followed (record/runs.hpp); what else was added is left out.
  [[nodiscard]] History take();
  /// The history of all that was added, of which it is known that it is one run.
  [[nodiscard]] History take_run();

private:
  /// The data kept for a layer.
  struct Layer {
    std::string key;
    std::string role;
    std::string stack;
    std::int64_t block = -1;
    std::int64_t index = -1;  ///< in its record
    std::string hash;
    std::string form;  ///< type and shape
    bool is_expert = false;
    bool no_tail = false;
    double alpha = kNan;
    double alpha_error = kNan;
    double log_norm = kNan;
    double log_spectral_norm = kNan;
    double D = kNan;
    double stable_rank = kNan;
    double traps = kNan;  ///< NaN without spectra of random orders
    double outliers = kNan;
    double rank = kNan;
    std::int64_t above_noise = -1;  ///< eigenvalues above those of noise; -1: not known
    bool is_zero = false;           ///< is_all_zero
  };
  struct Entry {
    HistoryRow row;
    Analysed about;
    std::vector<Layer> layers;  ///< by key
    TrainingPlace place;
    Trained trained;
  };

  [[nodiscard]] static const Layer* find(const Entry& entry, const std::string& key);
  [[nodiscard]] bool is_settled(const std::string& key, std::size_t last) const;
  /// True if a layer of entry i was zero at step 0 and has grown by no more since the entry before
  /// than explains.
  [[nodiscard]] bool grows_from_zero(const Layer& layer, const Layer& before, std::size_t i) const;
  /// True if the values of a layer have been the same throughout the window that ends at `last`.
  [[nodiscard]] bool is_fixed(const std::string& key, std::size_t last) const;
  void conclude_run(History& history);
  /// Moves the checkpoints without a step into `left_out`, if two or more have one.
  void leave_out_unplaced(std::vector<Analysed>& left_out);
  /// Counts the layers of each stage that a checkpoint does not have.
  void find_missing();
  void relate();
  /// Compares the layers of each checkpoint with their past in the same stage.
  void relate_to_start();
  /// Finds the layers of each checkpoint that have stayed behind, or gone back, in their stage.
  void find_old_layers();
  void find_drifts(History& history) const;
  /// The mean alpha of each of some entries, over the layers that have an alpha in all of them.
  [[nodiscard]] std::vector<double> paired_alphas(const std::vector<std::size_t>& at) const;
  /// The trend of the mean alpha over the last of these entries, and its change points over all.
  void find_trends(History& history) const;
  [[nodiscard]] std::vector<LayerCourse> courses() const;
  /// Adds the layers that changed most to the reasons of an advice against the run.
  void name_layers(Conclusion& conclusion) const;

  std::int64_t window_;
  std::vector<Entry> entries_;
};

/// A sentence on the layers that hold the values of an earlier checkpoint; empty if there are none.
[[nodiscard]] std::string old_layers_text(const HistoryRow& row);

/// Takes the advice back if others than the run of `kept` may be a run too (mixed_runs_text).
void abstain_if_mixed(Conclusion& conclusion, const std::vector<Analysed>& left_out,
                      const std::string& kept);

/// The most that log10 of a squared norm may change over the window of a settled layer: 2.3 % of
/// the squared norm. This defines "settled"; the norms themselves are known to many more digits.
inline constexpr double kNormResolution = 0.01;

}  // namespace wishart::analysis
