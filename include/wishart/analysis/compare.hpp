#pragma once

/// @file
/// Compares two checkpoints layer by layer.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/analysis/change.hpp"
#include "wishart/analysis/paired.hpp"
#include "wishart/analysis/population.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

/// One matrix in checkpoint A, in B, or in both. Changes are B - A.
struct ComparisonRow {
  std::string key;
  std::string role;
  std::int64_t block = -1;
  std::int64_t num_params = 0;
  Change status = Change::changed;
  /// A lower bound on the change of the weights, relative to the norm of A: the distance between
  /// the two sorted spectra over |A|_F, which is at most |A - B|_F / |A|_F (Mirsky, Quart. J. Math.
  /// 11 (1960) 50).
  double moved = kNan;
  /// How large the error of B is beside the largest singular value of A: the root mean square of
  /// the singular values of E = B - A, |E|_F / sqrt(M), over that value. E is not known; if it does
  /// not depend on A (rounding to the nearest, noise) or sets elements of A to zero (pruning), then
  /// |E|_F^2 is the change of the squared norm, up to its sign. GPTQ's errors depend on A, and so
  /// do those of scales that were searched: they may cancel. M is the shorter side.
  double error_ratio = kNan;
  double alpha_a = kNan;  ///< NaN unless a power law was fitted
  double alpha_b = kNan;
  double alpha_change = kNan;
  double alpha_z = kNan;     ///< alpha_change over its standard error
  double alpha_p = kNan;     ///< two-sided p-value, from the normal distribution
  double alpha_q = kNan;     ///< alpha_p corrected for the number of layers (Benjamini, Hochberg)
  bool significant = false;  ///< alpha_q < 0.05
  double log_norm_change = kNan;           ///< in decades of the squared Frobenius norm
  double log_spectral_norm_change = kNan;  ///< in decades of the largest eigenvalue
  double stable_rank_ratio = kNan;         ///< B / A
  std::int64_t rank_change = 0;            ///< also 0 if a rank is not known
  std::string new_warnings;                ///< warnings of B that A does not have
  std::string from;         ///< the layer of A with the same values: `misplaced`, `added`, `tied`
  std::string stack;        ///< not a column: tells blocks of stages apart
  bool in_b = true;         ///< not a column: B has it, or may have it reshaped
  std::string replaced_by;  ///< not a column: the head of B instead of a `replaced` one
  /// Not columns: the sizes of the vocabulary of a `grown` or `shrunk` layer.
  std::int64_t vocabulary_a = 0;
  std::int64_t vocabulary_b = 0;
  /// Not columns: B is an adapter on A that changes this layer, by factors or because it holds it
  /// whole (PEFT's `modules_to_save`).
  bool of_adapter = false;
  bool held_whole = false;
};

template <class F>
void visit_columns(ComparisonRow& r, F&& f) {
  f("key", r.key), f("role", r.role), f("block", r.block), f("num_params", r.num_params);
  f("status", r.status), f("moved", r.moved), f("error_ratio", r.error_ratio);
  f("alpha_a", r.alpha_a), f("alpha_b", r.alpha_b);
  f("alpha_change", r.alpha_change), f("alpha_z", r.alpha_z), f("alpha_p", r.alpha_p);
  f("alpha_q", r.alpha_q), f("significant", r.significant);
  f("log_norm_change", r.log_norm_change);
  f("log_spectral_norm_change", r.log_spectral_norm_change);
  f("stable_rank_ratio", r.stable_rank_ratio), f("rank_change", r.rank_change);
  f("new_warnings", r.new_warnings), f("from", r.from);
}

/// A layer that changed suddenly, and how (`unlike-past` of warnings.hpp).
struct SuddenChange {
  std::string key;
  std::string text;
};

struct Comparison {
  std::string a;  ///< ids
  std::string b;
  std::vector<PairedRow> paired;   ///< the changes over all layers
  std::vector<UsualChange> usual;  ///< how usual the changes of the means are
  /// Those that cannot be compared first; then by `moved` and key.
  std::vector<ComparisonRow> rows;
  std::vector<std::string> notes;  ///< why the two may not be comparable, one sentence each
  /// If blocks or experts of A were removed and the others numbered anew, which: `numbers 3 and 4
  /// of the 6 blocks of model.layers were removed, ...`. Layers are compared with what they were
  /// then.
  std::string pruned;
  bool same_mode = true;
  /// The fits are computed in the same way too. If not, neither changes of fits nor new warnings
  /// are concluded, except `nonfinite`, which is of the weights.
  bool alike = true;
  /// Of a later checkpoint of training against an earlier one, which is not that before all
  /// training; empty otherwise.
  std::vector<SuddenChange> sudden;
  /// Tensors without a spectrum (biases, norms, small matrices) that A has and B has not.
  std::vector<std::string> missing_tensors;
  std::int64_t left_out_of_both = 0;  ///< matrices that neither scan took, by choice
  std::int64_t nonfinite_b = 0;       ///< layers of B with NaN or infinite weights
  bool no_tail_in_b = false;          ///< B is a whole model, and no layer has a power-law tail
  TrainingState training_a;           ///< losses, as the trainer recorded them
  TrainingState training_b;
};

/// Why the numbers of two analyses may not be comparable, a sentence each: other modes, options or
/// versions.
/// @param name_a,name_b  what the sentences call them; printable
[[nodiscard]] std::vector<std::string> notes_on(const Provenance& a, const Provenance& b,
                                                const std::string& name_a,
                                                const std::string& name_b);

/// True for an embedding of tokens or a head that has the shape of `a` but for its vocabulary.
[[nodiscard]] bool has_other_vocabulary(const LayerRow& b, const LayerRow& a);

/// `error_ratio` of an error of which |E|_F / |A|_F is known.
[[nodiscard]] double error_ratio_of(const LayerRow& a, double relative);

/// Compares layers with the same key. `moved` needs the spectra in both records. Layers that are in
/// one checkpoint only, or were reshaped, are left out of the paired changes.
[[nodiscard]] Comparison compare(const CheckpointRecord& a, const CheckpointRecord& b);

/// `The vocabulary grew from 96 to 112: 1 layer is not compared.` A sentence for each way in which
/// vocabularies and heads changed that is no loss, or need not be one.
[[nodiscard]] std::vector<std::string> token_table_texts(const std::vector<ComparisonRow>& rows);

/// Benjamini and Hochberg's adjusted p-values (J. R. Statist. Soc. B 57 (1995) 289). NaN is ignored
/// and stays NaN.
[[nodiscard]] std::vector<double> adjusted(const std::vector<double>& p);

}  // namespace wishart::analysis
