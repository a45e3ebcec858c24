#include "wishart/fit/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wishart/core/text.hpp"
#include "wishart/fit/adapter.hpp"
#include "wishart/fit/no_tail.hpp"
#include "wishart/fit/power_law.hpp"
#include "wishart/fit/spectrum_shape.hpp"
#include "wishart/fit/thresholds.hpp"
#include "wishart/record/alpha_limits.hpp"
#include "wishart/record/layer_status.hpp"
#include "wishart/record/row_warnings.hpp"

#include "statistics.hpp"
#include "sums.hpp"

namespace wishart::fit {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

std::vector<double> eigenvalues(const Spectrum& spectrum) {
  std::vector<double> lambda(spectrum.sigma.size());
  std::transform(spectrum.sigma.begin(), spectrum.sigma.end(), lambda.begin(),
                 [](double sigma) { return sigma * sigma; });
  return lambda;
}

std::int64_t count_below(std::span<const double> ascending, double limit) {
  return std::lower_bound(ascending.begin(), ascending.end(), limit) - ascending.begin();
}

/// What the row says about the matrix and the computation, whatever the spectrum.
LayerRow described(const Matrix& matrix, const Spectrum& spectrum) {
  LayerRow row;
  row.reason = spectrum.reason;
  row.method = method_name(spectrum.method);
  row.precision = precision_name(spectrum.precision);
  row.products = products_name(spectrum.products.products);
  row.integer_bits = spectrum.products.bits;
  row.integer_moduli = spectrum.products.bytes;
  row.integer_panels = spectrum.products.panels;
  row.float64_panels = spectrum.products.float64_panels;
  row.elements_apart = spectrum.products.apart;
  row.solver = spectrum.solver;
  row.team_size = spectrum.team_size;
  row.num_nan = spectrum.num_nan;
  row.num_inf = spectrum.num_inf;
  row.hash = spectrum.hash;
  row.seconds = spectrum.seconds;
  row.same_as = spectrum.same_as;
  row.exit_code = spectrum.exit_code;
  row.weights = spectrum.weights;
  row.adapter = spectrum.adapter;
  describe(row, matrix);
  return row;
}

/// The same from an archived row.
LayerRow described(const LayerRow& archived) {
  LayerRow row;
  row.layer_id = archived.layer_id;
  row.longname = archived.longname;
  row.name = archived.name;
  row.M = archived.M;
  row.N = archived.N;
  row.Q = archived.Q;
  row.layer_type = archived.layer_type;
  row.num_evals = archived.num_evals;
  row.rf = archived.rf;
  row.slice_id = archived.slice_id;
  row.key = archived.key;
  row.aliases = archived.aliases;
  row.role = archived.role;
  row.stack = archived.stack;
  row.block = archived.block;
  row.expert = archived.expert;
  row.rows = archived.rows;
  row.cols = archived.cols;
  row.dtype = archived.dtype;
  row.num_params = archived.num_params;
  row.w_norm = archived.w_norm;
  row.method = archived.method;
  row.precision = archived.precision;
  row.products = archived.products;
  row.integer_bits = archived.integer_bits;
  row.integer_moduli = archived.integer_moduli;
  row.integer_panels = archived.integer_panels;
  row.float64_panels = archived.float64_panels;
  row.elements_apart = archived.elements_apart;
  row.solver = archived.solver;
  row.team_size = archived.team_size;
  row.num_nan = archived.num_nan;
  row.num_inf = archived.num_inf;
  row.hash = archived.hash;
  row.seconds = archived.seconds;
  row.predicted_seconds = archived.predicted_seconds;
  row.fit_seconds = archived.fit_seconds;
  row.exit_code = archived.exit_code;
  row.weights = archived.weights;
  row.adapter = archived.adapter;
  row.adapter.adapter_rank = adapter_rank_in(archived.dtype);
  row.same_as = archived.same_as;
  return row;
}

/// The norms and ranks that both modes define alike.
void fill_scale(LayerRow& row, std::span<const double> lambda, const Spectrum& spectrum,
                const FitOptions& options) {
  row.has_esd = true;
  row.lambda_max = lambda.back();
  row.norm = sum_of(lambda);
  row.spectral_norm = row.lambda_max;
  row.log_norm = std::log10(row.norm);
  row.log_spectral_norm = std::log10(row.lambda_max);
  row.stable_rank = row.norm / row.lambda_max;
  row.weak_rank_loss = count_below(lambda, options.tolerance);
  row.sv_max = spectrum.sigma.back();
  row.floor_sigma = spectrum.floor_sigma;
  row.num_below_floor = spectrum.num_below_floor;
  row.sum_squares = spectrum.sum_squares;
  row.sum_squares_error = spectrum.sum_squares_error;
}

/// The fit as columns. `top` eigenvalues at the end of `lambda` were set aside before it.
void take_fit(LayerRow& row, const PowerLaw& fit, std::span<const double> lambda,
              std::int64_t top) {
  row.status = kFitted;
  row.alpha = fit.alpha;
  row.D = fit.D;
  row.sigma = fit.sigma;
  row.xmin = fit.xmin;
  row.xmax = fit.xmax;
  row.num_pl_spikes =
      static_cast<std::int64_t>(lambda.size()) - top - count_below(lambda, fit.xmin);
}

/// WeightWatcher 0.7.5.5, defects included (docs/metrics.md, "The two modes").
void fill_weightwatcher(LayerRow& row, std::span<const double> lambda, const Spectrum& spectrum,
                        const FitOptions& options) {
  const double rank_tolerance = std::sqrt(row.lambda_max) * static_cast<double>(row.N) * kEps;
  row.matrix_rank = std::count_if(lambda.begin(), lambda.end(),
                                  [&](double value) { return std::sqrt(value) > rank_tolerance; });
  row.rank_loss = 0;
  row.sv_min = 0;
  for (const std::int64_t loss : spectrum.view_rank_loss) row.rank_loss += loss;
  for (const double smallest : spectrum.view_sigma_min) row.sv_min = std::max(row.sv_min, smallest);

  // In float64 throughout, as WeightWatcher: for rank 1 the divisor is ln(1 + 1e-10), which float64
  // holds to seven digits only, and so does the result.
  double entropy = 0;
  for (const double value : lambda) {
    const double p = value / row.norm + kEntropyEps;
    entropy -= p * std::log(p);
  }
  row.entropy = entropy / std::log(static_cast<double>(row.matrix_rank) + kEntropyEps);

  row.fit_floor = kWeightWatcherFloor;
  const std::span<const double> fitted = above(lambda, row.fit_floor);
  row.num_fit_evals = static_cast<std::int64_t>(fitted.size());
  const ScanOptions scan;
  if (const auto tail = fit_tail(fitted, scan, options, row)) {
    take_fit(row, tail->fit, lambda, options.xmax);
    fill_certainty(row, *tail, scan, options);
    fill_laws(row, *tail);
    take_truncated(row, *tail, options);
  } else {
    row.status = kWithoutFit;
    row.reason = std::to_string(fitted.size()) + " eigenvalues above " + rounded(row.fit_floor, 3);
    if (row.raw_alpha == -1) row.reason += ", too few for clip_xmax";
    row.alpha = row.D = row.sigma = row.xmin = -1;
    row.num_pl_spikes = -1;
  }
  if (row.alpha < kOverTrained) row.warning = "over-trained";
  if (row.alpha > kUnderTrained) row.warning = "under-trained";
  row.alpha_weighted = row.alpha * row.log_spectral_norm;
  double sum = 0;
  for (const double value : lambda) sum += std::pow(value, row.alpha);
  row.log_alpha_norm = std::log10(sum);
}

/// Shannon entropy of the shares lambda_i / sum, over ln(rank): 0 for one value, 1 for equal ones.
double corrected_entropy(std::span<const double> lambda, double norm, std::int64_t rank) {
  if (rank <= 1) return 0;
  long double entropy = 0;
  for (const double value : lambda) {
    const long double p = static_cast<long double>(value) / norm;
    if (p > 0) entropy -= p * std::log(p);
  }
  return static_cast<double>(entropy / std::log(static_cast<long double>(rank)));
}

/// log10(sum lambda^alpha) over the positive values, by the largest term, so that nothing
/// overflows.
double log10_power_sum(std::span<const double> lambda, double alpha) {
  const long double largest = alpha * std::log(static_cast<long double>(lambda.back()));
  long double sum = 0;
  for (const double value : lambda) {
    if (value > 0) sum += std::exp(alpha * std::log(static_cast<long double>(value)) - largest);
  }
  return static_cast<double>((largest + std::log(sum)) / std::log(10.0L));
}

/// Why a corrected fit of these values failed.
std::string failure(const LayerRow& row, const FitOptions& options) {
  const std::int64_t left = row.num_fit_evals - options.xmax;
  if (left < options.xmax) {
    return "--xmax " + std::to_string(options.xmax) + " would take away more than half of the " +
           std::to_string(row.num_fit_evals) + " eigenvalues above the floor";
  }
  if (left < kMinTail) {
    return std::to_string(left) + " eigenvalues above the floor, a fit needs " +
           std::to_string(kMinTail);
  }
  return "no tail begins at the peak of the density";
}

/// Why the spectrum has no tail; empty if it has one, or too few values to say.
std::string absence(const LayerRow& row, std::span<const double> fitted,
                    const std::optional<TailFit>& tail, const FitOptions& options) {
  if (tail) {
    const Shape shape{row.N, row.M, row.num_evals / row.M};
    return why_no_tail(tail->fitted, shape, tail->fit.alpha);
  }
  const std::int64_t left = row.num_fit_evals - options.xmax;
  if (left < std::max(kMinTail, options.xmax)) return {};
  const auto values = fitted.first(static_cast<std::size_t>(left));
  return values.front() < values.back() ? "" : why_no_tail(values, {}, kNan);
}

/// No power law, and nothing that comes from one.
void take_no_tail(LayerRow& row, const std::string& reason) {
  row.status = kNoTail;
  row.reason = reason;
  row.raw_alpha = kNan;
  row.num_fingers = -1;
}

void fill_corrected(LayerRow& row, std::span<const double> lambda, const Spectrum& spectrum,
                    const FitOptions& options) {
  row.rank_loss = spectrum.num_below_floor;
  row.matrix_rank = row.num_evals - spectrum.num_below_floor;
  row.sv_min = spectrum.sigma.front();
  if (row.lambda_max == 0) {
    row.status = kWithoutFit;
    row.reason = "all elements are zero";
    row.matrix_rank = 0;
    row.rank_loss = row.num_evals;
    row.log_norm = row.log_spectral_norm = row.stable_rank = kNan;
    row.num_fit_evals = 0;
    return;
  }
  row.entropy = corrected_entropy(lambda, row.norm, row.matrix_rank);
  const double floor_sigma = resolved_above(spectrum.floor_sigma, row.sv_max, row.N);
  row.fit_floor = floor_sigma * floor_sigma;
  const std::span<const double> fitted = above(lambda, row.fit_floor);
  row.num_fit_evals = static_cast<std::int64_t>(fitted.size());
  const ScanOptions scan{.min_tail = kMinTail, .skip_repeated = true};
  const auto tail = fit_tail(fitted, scan, options, row);
  const std::string no_tail = absence(row, fitted, tail, options);
  if (!no_tail.empty()) {
    take_no_tail(row, no_tail);
  } else if (tail) {
    take_fit(row, tail->fit, lambda, options.xmax);
    fill_certainty(row, *tail, scan, options);
    fill_laws(row, *tail);
    take_truncated(row, *tail, options);
    row.alpha_weighted = row.alpha * row.log_spectral_norm;
    row.log_alpha_norm = log10_power_sum(lambda, row.alpha);
  } else {
    row.status = kWithoutFit;
    row.reason = failure(row, options);
  }
}

/// False for singular values whose squares overflow or all become zero. A scan refuses such
/// matrices; archives of other programs and of earlier versions may hold some.
bool squares_fit(std::span<const double> lambda, const Spectrum& spectrum) {
  return std::isfinite(sum_of(lambda)) && (lambda.back() > 0 || !(spectrum.sigma.back() > 0));
}

/// All metrics of a described row.
LayerRow measured(LayerRow row, const Spectrum& spectrum, const FitOptions& options) {
  if (spectrum.status != SpectrumStatus::ok || spectrum.sigma.empty()) {
    row.status = spectrum.status == SpectrumStatus::nonfinite ? kNonfiniteWeights : kNotComputed;
    row.warning = row.status;
    return row;
  }
  const std::vector<double> lambda = eigenvalues(spectrum);
  if (!squares_fit(lambda, spectrum)) {
    row.status = kWithoutFit;
    row.reason = "the squares of singular values up to " + rounded(spectrum.sigma.back(), 3) +
                 " do not fit into float64";
    row.has_esd = true;
    row.sv_max = spectrum.sigma.back();
    row.warning = options.weightwatcher ? "" : row_warnings(row);
    return row;
  }
  fill_scale(row, lambda, spectrum, options);
  fill_shape(row, spectrum.sigma);
  if (options.weightwatcher) {
    fill_weightwatcher(row, lambda, spectrum, options);
  } else {
    fill_corrected(row, lambda, spectrum, options);
    if (is_adapter_alone(row.dtype)) {
      fill_adapter_alone(row);
    } else if (is_same_as_base(row)) {
      take_no_tail(row, "the same as in the base");
    }
  }
  if (row.lambda_max > 0) {
    fill_erg(row, lambda, options.weightwatcher);
    fill_random_matrix(row, lambda, options);
  } else if (options.weightwatcher) {
    row.detX_num = 0;
    if (options.mp_fit)
      row.sigma_mp = row.mp_softrank = row.W_scale = row.bulk_max = row.bulk_min = -1;
  }
  if (!options.weightwatcher) row.warning = row_warnings(row);
  return row;
}

}  // namespace

void describe(LayerRow& row, const Matrix& matrix) {
  row.longname = matrix.tensor.name;
  row.name = row.longname.ends_with(".weight") ? row.longname.substr(0, row.longname.size() - 7)
                                               : row.longname;
  row.M = matrix.short_side();
  row.N = matrix.long_side();
  row.Q = row.M > 0 ? static_cast<double>(row.N) / static_cast<double>(row.M) : -1;
  row.layer_type = matrix.layer_type;
  row.num_evals = matrix.num_values();
  row.rf = matrix.receptive_field;
  row.slice_id = matrix.slice;
  row.key = matrix.key;
  row.aliases = join(matrix.aliases, ", ");
  row.role = matrix.role;
  row.stack = matrix.stack;
  row.block = matrix.block;
  row.expert = matrix.expert;
  row.rows = matrix.rows;
  row.cols = matrix.cols;
  row.dtype = storage_text(matrix.tensor);
  row.num_params = matrix.rows * matrix.cols * matrix.num_views();
  row.w_norm = matrix.w_norm;
  row.adapter.adapter_rank = adapter_rank(matrix.tensor);
}

LayerRow layer_row(const Matrix& matrix, const Spectrum& spectrum, const FitOptions& options) {
  return measured(described(matrix, spectrum), spectrum, options);
}

void complete_shape(LayerRow& archived, const StoredSpectrum& stored) {
  if (!stored.sigma.empty() && std::isnan(archived.nuclear_norm)) {
    fill_shape(archived, stored.sigma);
  }
}

LayerRow refitted_row(const LayerRow& archived, const StoredSpectrum& stored,
                      const FitOptions& options) {
  if (stored.sigma.empty()) return archived;
  Spectrum spectrum;
  spectrum.status = SpectrumStatus::ok;
  spectrum.sigma = stored.sigma;
  spectrum.view_sigma_min = stored.view_sigma_min;
  spectrum.view_sigma_max = stored.view_sigma_max;
  spectrum.view_rank_loss = stored.view_rank_loss;
  spectrum.floor_sigma = archived.floor_sigma;
  spectrum.num_below_floor = archived.num_below_floor;
  spectrum.sum_squares = archived.sum_squares;
  spectrum.sum_squares_error = archived.sum_squares_error;
  return measured(described(archived), spectrum, options);
}

}  // namespace wishart::fit
