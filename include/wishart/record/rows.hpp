#pragma once

/// @file
/// The rows of the archive's tables. `visit_columns` is the only list of their columns. The
/// archive, `export`, the report and the documentation test all use it, so add a new column here.

#include <cstdint>
#include <limits>
#include <string>

#include "wishart/record/adapter.hpp"
#include "wishart/record/trap_row.hpp"
#include "wishart/record/weight_measures.hpp"

namespace wishart {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// One analysed matrix with all its metrics. docs/metrics.md defines every column.
///
/// Column names are WeightWatcher's where it has one. Doubles that are not known are NaN; counts
/// that are not known are -1.
struct LayerRow {
  // WeightWatcher's columns, in its order (name first, then alphabetical).
  std::int64_t layer_id = -1;
  std::string name;
  double D = kNan;
  std::int64_t M = 0;
  std::int64_t N = 0;
  double Q = kNan;
  double alpha = kNan;
  double alpha_weighted = kNan;
  double entropy = kNan;
  bool has_esd = false;
  double lambda_max = kNan;
  std::string layer_type;
  double log_alpha_norm = kNan;
  double log_norm = kNan;
  double log_spectral_norm = kNan;
  std::string longname;
  std::int64_t matrix_rank = -1;
  double norm = kNan;
  std::int64_t num_evals = 0;
  std::int64_t num_pl_spikes = -1;
  std::int64_t rank_loss = -1;
  std::int64_t rf = 1;
  double sigma = kNan;
  std::int64_t slice_id = 0;
  double spectral_norm = kNan;
  double stable_rank = kNan;
  std::string status;
  double sv_max = kNan;
  double sv_min = kNan;
  std::string warning;
  std::int64_t weak_rank_loss = -1;
  double xmax = kNan;
  double xmin = kNan;
  // wishart's own.
  std::string key;
  std::string aliases;
  std::string role;
  std::string stack;
  std::int64_t block = -1;
  std::int64_t expert = -1;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::string dtype;
  std::int64_t num_params = 0;
  double w_norm = 1;
  std::string reason;
  std::int64_t num_fit_evals = -1;
  double fit_floor = kNan;
  std::string method;
  std::string precision = "float64";
  std::string solver;
  std::int64_t team_size = 0;
  double floor_sigma = kNan;
  std::int64_t num_below_floor = -1;
  double sum_squares = kNan;
  double sum_squares_error = kNan;
  std::int64_t num_nan = 0;
  std::int64_t num_inf = 0;
  std::string hash;
  double seconds = kNan;
  double predicted_seconds = kNan;
  double fit_seconds = kNan;
  std::int64_t exit_code = 0;
  std::string same_as;
  // Uncertainty of the power-law fit.
  double D_ks = kNan;
  double alpha_low = kNan;
  double alpha_high = kNan;
  double gof_p = kNan;
  double gof_p_half = kNan;
  bool ambiguous = false;
  double rival_alpha = kNan;
  double rival_xmin = kNan;
  double rival_D = kNan;
  // Fingers; WeightWatcher's names first.
  std::int64_t num_fingers = -1;
  double raw_alpha = kNan;
  std::int64_t num_outliers = -1;
  double outlier_p = kNan;
  // The trace-log condition.
  std::int64_t detX_num = -1;
  double detX_val = kNan;
  double detX_val_unrescaled = kNan;
  double ERG_gap = kNan;
  double delta_lambda_min = kNan;
  double tail_trace_log = kNan;
  // Marchenko-Pastur: WeightWatcher's names, then the quality of the fit.
  std::int64_t num_spikes = -1;
  double sigma_mp = kNan;
  double mp_softrank = kNan;
  double W_scale = kNan;
  double bulk_max = kNan;
  double bulk_min = kNan;
  double mp_D = kNan;
  bool mp_at_bound = false;
  double spike_p = kNan;
  // The null model without a fit.
  double null_edge = kNan;
  double null_softrank = kNan;
  std::int64_t null_spikes = -1;
  double null_p = kNan;
  double alpha_null = kNan;
  double alpha_null_sd = kNan;
  // Estimates of alpha without a scan for xmin.
  double alpha_hill = kNan;
  double alpha_moment = kNan;
  double alpha_pickands = kNan;
  double alpha_q90 = kNan;
  // Other laws on the same tail.
  double Lambda = kNan;
  std::string best_law;
  double tpl_alpha = kNan;
  double tpl_lambda = kNan;
  double tpl_D = kNan;
  double tpl_R = kNan;
  double tpl_p = kNan;
  double exp_lambda = kNan;
  double exp_D = kNan;
  double exp_R = kNan;
  double exp_p = kNan;
  double sexp_beta = kNan;
  double sexp_lambda = kNan;
  double sexp_D = kNan;
  double sexp_R = kNan;
  double sexp_p = kNan;
  double ln_mu = kNan;
  double ln_sigma = kNan;
  double ln_D = kNan;
  double ln_R = kNan;
  double ln_p = kNan;
  // What published training recipes would do with the layer, given its alpha relative to the
  // others.
  double tempbalance_lr = kNan;
  double alphapruning_sparsity = kNan;
  double alphadecay_wd = kNan;
  // How the spectrum is spread, without a fit.
  double effective_rank = kNan;
  std::int64_t rank_90 = -1;
  std::int64_t rank_95 = -1;
  std::int64_t rank_99 = -1;
  double participation_ratio = kNan;
  double nuclear_norm = kNan;
  double snr = kNan;
  WeightMeasures weights;
  AdapterMeasures adapter;
  // How the products of the Gram matrix were formed (ProductRecord).
  std::string products = "float64";
  std::int64_t integer_bits = 0;
  std::int64_t integer_moduli = 0;
  std::int64_t integer_panels = 0;
  std::int64_t float64_panels = 0;
  std::int64_t elements_apart = 0;
};

/// A tensor (or a part of one) that was not analysed, and why.
struct SkippedRow {
  std::string tensor;
  std::string dtype;
  std::string shape;  ///< `64 x 1 x 3 x 3`
  std::int64_t num_params = 0;
  std::string reason;  ///< a code: `one-dimensional`, `not-floating`, `too-small`, ...
  std::string detail;  ///< a sentence
};

/// Statistics of one metric over a group of layers. Layers whose value is NaN or infinite are
/// excluded and counted.
struct SummaryRow {
  std::string group_by;       ///< `all`, `role`, `block`
  std::string group;          ///< `all`, `attention.q`, `model.3`, ...
  std::string metric;         ///< a column of LayerRow
  std::int64_t count = 0;     ///< layers with a finite value
  std::int64_t excluded = 0;  ///< layers of the group without one
  double mean = kNan;
  double median = kNan;
  double std = kNan;  ///< sample standard deviation (n - 1); NaN for one layer
  double min = kNan;
  double max = kNan;
  double weighted_mean = kNan;  ///< weighted by the number of parameters
};

/// Calls `f(name, member)` for every column of the table, in order.
template <class F>
void visit_columns(LayerRow& r, F&& f) {
  f("layer_id", r.layer_id), f("name", r.name), f("D", r.D), f("M", r.M), f("N", r.N);
  f("Q", r.Q), f("alpha", r.alpha), f("alpha_weighted", r.alpha_weighted);
  f("entropy", r.entropy), f("has_esd", r.has_esd), f("lambda_max", r.lambda_max);
  f("layer_type", r.layer_type), f("log_alpha_norm", r.log_alpha_norm);
  f("log_norm", r.log_norm), f("log_spectral_norm", r.log_spectral_norm);
  f("longname", r.longname), f("matrix_rank", r.matrix_rank), f("norm", r.norm);
  f("num_evals", r.num_evals), f("num_pl_spikes", r.num_pl_spikes);
  f("rank_loss", r.rank_loss), f("rf", r.rf), f("sigma", r.sigma), f("slice_id", r.slice_id);
  f("spectral_norm", r.spectral_norm), f("stable_rank", r.stable_rank), f("status", r.status);
  f("sv_max", r.sv_max), f("sv_min", r.sv_min), f("warning", r.warning);
  f("weak_rank_loss", r.weak_rank_loss), f("xmax", r.xmax), f("xmin", r.xmin);
  f("key", r.key), f("aliases", r.aliases), f("role", r.role), f("stack", r.stack);
  f("block", r.block), f("expert", r.expert), f("rows", r.rows), f("cols", r.cols);
  f("dtype", r.dtype), f("num_params", r.num_params), f("w_norm", r.w_norm);
  f("reason", r.reason), f("num_fit_evals", r.num_fit_evals), f("fit_floor", r.fit_floor);
  f("method", r.method), f("precision", r.precision), f("solver", r.solver);
  f("team_size", r.team_size);
  f("floor_sigma", r.floor_sigma), f("num_below_floor", r.num_below_floor);
  f("sum_squares", r.sum_squares), f("sum_squares_error", r.sum_squares_error);
  f("num_nan", r.num_nan), f("num_inf", r.num_inf), f("hash", r.hash), f("seconds", r.seconds);
  f("predicted_seconds", r.predicted_seconds), f("fit_seconds", r.fit_seconds);
  f("exit_code", r.exit_code), f("same_as", r.same_as);
  f("D_ks", r.D_ks), f("alpha_low", r.alpha_low), f("alpha_high", r.alpha_high);
  f("gof_p", r.gof_p), f("ambiguous", r.ambiguous), f("rival_alpha", r.rival_alpha);
  f("rival_xmin", r.rival_xmin), f("rival_D", r.rival_D);
  f("num_fingers", r.num_fingers), f("raw_alpha", r.raw_alpha), f("num_outliers", r.num_outliers);
  f("outlier_p", r.outlier_p);
  f("detX_num", r.detX_num), f("detX_val", r.detX_val);
  f("detX_val_unrescaled", r.detX_val_unrescaled), f("ERG_gap", r.ERG_gap);
  f("delta_lambda_min", r.delta_lambda_min), f("tail_trace_log", r.tail_trace_log);
  f("num_spikes", r.num_spikes), f("sigma_mp", r.sigma_mp), f("mp_softrank", r.mp_softrank);
  f("W_scale", r.W_scale), f("bulk_max", r.bulk_max), f("bulk_min", r.bulk_min), f("mp_D", r.mp_D);
  f("mp_at_bound", r.mp_at_bound), f("spike_p", r.spike_p);
  f("null_edge", r.null_edge), f("null_softrank", r.null_softrank);
  f("null_spikes", r.null_spikes), f("null_p", r.null_p), f("alpha_null", r.alpha_null);
  f("alpha_null_sd", r.alpha_null_sd);
  f("alpha_hill", r.alpha_hill), f("alpha_moment", r.alpha_moment);
  f("alpha_pickands", r.alpha_pickands), f("alpha_q90", r.alpha_q90);
  f("Lambda", r.Lambda), f("best_law", r.best_law), f("tpl_alpha", r.tpl_alpha);
  f("tpl_lambda", r.tpl_lambda), f("tpl_D", r.tpl_D), f("tpl_R", r.tpl_R), f("tpl_p", r.tpl_p);
  f("exp_lambda", r.exp_lambda), f("exp_D", r.exp_D), f("exp_R", r.exp_R), f("exp_p", r.exp_p);
  f("sexp_beta", r.sexp_beta), f("sexp_lambda", r.sexp_lambda), f("sexp_D", r.sexp_D);
  f("sexp_R", r.sexp_R), f("sexp_p", r.sexp_p), f("ln_mu", r.ln_mu), f("ln_sigma", r.ln_sigma);
  f("ln_D", r.ln_D), f("ln_R", r.ln_R), f("ln_p", r.ln_p);
  f("tempbalance_lr", r.tempbalance_lr), f("alphapruning_sparsity", r.alphapruning_sparsity);
  f("alphadecay_wd", r.alphadecay_wd);
  visit_columns(r.weights, f);
  // New columns come last, because those of existing archives are numbered.
  f("gof_p_half", r.gof_p_half);
  f("effective_rank", r.effective_rank), f("rank_90", r.rank_90), f("rank_95", r.rank_95);
  f("rank_99", r.rank_99), f("participation_ratio", r.participation_ratio);
  f("nuclear_norm", r.nuclear_norm), f("snr", r.snr);
  visit_later_columns(r.weights, f);
  visit_columns(r.adapter, f);
  visit_latest_columns(r.weights, f);
  f("products", r.products), f("integer_bits", r.integer_bits);
  f("integer_moduli", r.integer_moduli), f("integer_panels", r.integer_panels);
  f("float64_panels", r.float64_panels), f("elements_apart", r.elements_apart);
}

template <class F>
void visit_columns(SkippedRow& r, F&& f) {
  f("tensor", r.tensor), f("dtype", r.dtype), f("shape", r.shape);
  f("num_params", r.num_params), f("reason", r.reason), f("detail", r.detail);
}

template <class F>
void visit_columns(SummaryRow& r, F&& f) {
  f("group_by", r.group_by), f("group", r.group), f("metric", r.metric), f("count", r.count);
  f("excluded", r.excluded), f("mean", r.mean), f("median", r.median), f("std", r.std);
  f("min", r.min), f("max", r.max), f("weighted_mean", r.weighted_mean);
}

/// The same for a const row.
template <class Row, class F>
void visit_columns(const Row& row, F&& f) {
  visit_columns(const_cast<Row&>(row),
                [&](const char* name, const auto& value) { f(name, value); });
}

template <class F>
void visit_fields(LayerRow& row, F&& f) {
  visit_columns(row, [&](const char*, auto& value) { f(value); });
}

}  // namespace wishart
