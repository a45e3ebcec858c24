#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "wishart/core/hash.hpp"
#include "wishart/fit/bootstrap.hpp"
#include "wishart/fit/erg.hpp"
#include "wishart/fit/estimators.hpp"
#include "wishart/fit/fingers.hpp"
#include "wishart/fit/laws.hpp"
#include "wishart/fit/mp_compat.hpp"
#include "wishart/fit/null_model.hpp"
#include "wishart/fit/spectrum_shape.hpp"
#include "wishart/record/layer_status.hpp"

namespace wishart::fit {
namespace {

std::span<const double> from(std::span<const double> ascending, double xmin) {
  const auto first = std::lower_bound(ascending.begin(), ascending.end(), xmin);
  return ascending.subspan(static_cast<std::size_t>(first - ascending.begin()));
}

/// Random streams are chosen by the matrix's key, so that they do not depend on the order of work.
std::uint64_t stream_of(const LayerRow& row) {
  return hash64(std::as_bytes(std::span(row.key.data(), row.key.size())));
}

}  // namespace

std::optional<TailFit> fit_tail(std::span<const double> above_floor, const ScanOptions& scan,
                                const FitOptions& options, LayerRow& row) {
  if (options.xmax > 0) {
    const auto removed = static_cast<std::size_t>(options.xmax);
    if (2 * removed > above_floor.size()) return std::nullopt;
    above_floor = above_floor.first(above_floor.size() - removed);
  }
  if (options.fix_fingers == FixFingers::clip_xmax) {
    if (options.weightwatcher) {
      row.num_fingers = 0;
      row.raw_alpha = -1;
    }
    const auto clipped = clip_fingers(above_floor, {.max_fingers = options.max_fingers,
                                                    .threshold = options.finger_thresh,
                                                    .weightwatcher = options.weightwatcher,
                                                    .scan = scan});
    if (!clipped) return std::nullopt;
    row.num_fingers = clipped->num_fingers;
    row.raw_alpha = clipped->raw_alpha;
    const auto end = std::upper_bound(above_floor.begin(), above_floor.end(), clipped->fit.xmax);
    return TailFit{clipped->fit,
                   above_floor.first(static_cast<std::size_t>(end - above_floor.begin()))};
  }
  auto fit = scan_power_law(above_floor, scan);
  if (options.fix_fingers == FixFingers::xmin_peak || options.law == FitLaw::peak) {
    if (fit) row.raw_alpha = fit->alpha;
    fit = fit_at_peak(above_floor, scan, options.weightwatcher);
  }
  if (!fit) return std::nullopt;
  return TailFit{*fit, above_floor};
}

void fill_certainty(LayerRow& row, const TailFit& tail, const ScanOptions& scan,
                    const FitOptions& options) {
  row.D_ks = tail.fit.D_ks;
  // The interval from the scan does not apply to a fit whose xmin was chosen in another way.
  const bool scanned =
      options.fix_fingers != FixFingers::xmin_peak && options.law == FitLaw::power_law;
  if (scanned) {
    const std::uint64_t stream = stream_of(row);
    const Interval interval =
        alpha_interval(tail.fitted, scan, {options.bootstrap, options.seed, stream});
    row.alpha_low = interval.low;
    row.alpha_high = interval.high;
    const Resampling replicas{options.gof, ~options.seed, stream};
    row.gof_p = goodness_of_fit(tail.fitted, scan, tail.fit, replicas);
    row.gof_p_half = goodness_of_half(tail.fitted, scan, replicas);
    if (const auto rival = rival_tail(tail.fitted, scan, tail.fit, kRivalD, kRivalAlpha)) {
      row.ambiguous = true;
      row.rival_alpha = rival->alpha;
      row.rival_xmin = rival->xmin;
      row.rival_D = rival->D;
    }
  }
  const Outliers outliers = tail_outliers(from(tail.fitted, tail.fit.xmin));
  row.outlier_p = outliers.p;
  if (!std::isnan(outliers.p)) row.num_outliers = outliers.count;
}

void fill_laws(LayerRow& row, const TailFit& tail) {
  const TailEstimates estimates = tail_estimates(tail.fitted);
  row.alpha_hill = estimates.hill;
  row.alpha_moment = estimates.moment;
  row.alpha_pickands = estimates.pickands;
  row.alpha_q90 = estimates.quantile;
  if (!std::isfinite(tail.fit.alpha)) return;
  const TailLaws laws = fit_laws(from(tail.fitted, tail.fit.xmin));
  row.best_law = law_name(laws.best);
  row.tpl_alpha = laws.truncated.shape;
  row.tpl_lambda = laws.truncated.rate;
  row.tpl_D = laws.truncated.D;
  row.tpl_R = laws.truncated.R;
  row.tpl_p = laws.truncated.p;
  row.exp_lambda = laws.exponential.rate;
  row.exp_D = laws.exponential.D;
  row.exp_R = laws.exponential.R;
  row.exp_p = laws.exponential.p;
  row.sexp_beta = laws.stretched.shape;
  row.sexp_lambda = laws.stretched.rate;
  row.sexp_D = laws.stretched.D;
  row.sexp_R = laws.stretched.R;
  row.sexp_p = laws.stretched.p;
  row.ln_mu = laws.lognormal.rate;
  row.ln_sigma = laws.lognormal.shape;
  row.ln_D = laws.lognormal.D;
  row.ln_R = laws.lognormal.R;
  row.ln_p = laws.lognormal.p;
}

void take_truncated(LayerRow& row, const TailFit& tail, const FitOptions& options) {
  if (options.law == FitLaw::power_law || !std::isfinite(tail.fit.alpha)) return;
  row.alpha = row.tpl_alpha;
  row.Lambda = row.tpl_lambda;
  row.D = row.tpl_D;
  row.D_ks = row.sigma = kNan;
}

void fill_erg(LayerRow& row, std::span<const double> lambda, bool weightwatcher) {
  const auto erg = trace_log(lambda, weightwatcher);
  if (!erg) return;
  row.detX_num = erg->num;
  row.detX_val = erg->value;
  row.detX_val_unrescaled = erg->rescaled_value;
  if (!is_fitted(row)) return;
  row.ERG_gap = static_cast<double>(erg->num - row.num_pl_spikes);
  row.delta_lambda_min = row.xmin - erg->value;
  row.tail_trace_log = tail_trace_log(lambda, row.xmin);
}

void fill_shape(LayerRow& row, std::span<const double> sigma) {
  const SpectrumShape shape =
      spectrum_shape(sigma, resolved_above(row.floor_sigma, row.sv_max, row.N), row.N, row.M);
  row.effective_rank = shape.effective_rank;
  row.rank_90 = shape.rank_90;
  row.rank_95 = shape.rank_95;
  row.rank_99 = shape.rank_99;
  row.participation_ratio = shape.participation_ratio;
  row.nuclear_norm = shape.nuclear_norm;
  row.snr = shape.snr;
}

void fill_random_matrix(LayerRow& row, std::span<const double> lambda, const FitOptions& options) {
  // One matrix per pooled kernel offset.
  const std::int64_t views = row.M > 0 ? row.num_evals / row.M : 1;
  const Shape shape{row.N, row.M, views};
  const FreeNull null = free_null(lambda, shape);
  row.null_edge = null.edge;
  row.null_softrank = null.softrank;
  row.null_spikes = null.num_spikes;
  row.null_p = null.p;
  const NullAlpha alpha = null_alpha(shape);
  row.alpha_null = alpha.mean;
  row.alpha_null_sd = alpha.sd;
  if (options.weightwatcher) {
    if (!options.mp_fit) return;
    const CompatBulkFit fit = compat_bulk_fit(lambda, row.N, row.M);
    row.num_spikes = fit.num_spikes;
    row.sigma_mp = fit.sigma_mp;
    row.mp_softrank = fit.mp_softrank;
    row.W_scale = fit.W_scale;
    row.bulk_max = fit.bulk_max;
    row.bulk_min = fit.bulk_min;
    row.mp_at_bound = fit.at_bound;
    return;
  }
  const BulkFit fit = fit_bulk(lambda, shape, row.fit_floor);
  const double mean = row.norm / static_cast<double>(lambda.size());
  row.num_spikes = static_cast<std::int64_t>(fit.spike_p.size());
  row.sigma_mp = std::sqrt(fit.variance * static_cast<double>(row.N) / mean);
  row.mp_softrank = fit.bulk.high / lambda.back();
  row.W_scale = 1 / std::sqrt(mean);
  row.bulk_max = fit.bulk.high;
  row.bulk_min = fit.bulk.low;
  row.mp_D = fit.D;
  row.mp_at_bound = fit.at_bound;
  row.spike_p = fit.spike_p.empty() ? kNan : fit.spike_p.front();
}

}  // namespace wishart::fit
