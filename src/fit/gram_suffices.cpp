#include "wishart/fit/gram_suffices.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/fit/metrics.hpp"
#include "wishart/fit/power_law.hpp"
#include "wishart/fit/thresholds.hpp"
#include "wishart/record/layer_status.hpp"

#include "log_scan.hpp"
#include "sums.hpp"

namespace wishart::fit {
namespace {

template <class T>
struct Column {
  std::string_view name;
  T LayerRow::*member;
};

template <class T>
constexpr Column<T> column(std::string_view name, T LayerRow::*member) {
  return {name, member};
}

constexpr std::array kCounts{column("num_evals", &LayerRow::num_evals),
                             column("num_pl_spikes", &LayerRow::num_pl_spikes),
                             column("rank_loss", &LayerRow::rank_loss),
                             column("matrix_rank", &LayerRow::matrix_rank),
                             column("weak_rank_loss", &LayerRow::weak_rank_loss),
                             column("num_fit_evals", &LayerRow::num_fit_evals),
                             column("num_fingers", &LayerRow::num_fingers),
                             column("detX_num", &LayerRow::detX_num),
                             column("num_spikes", &LayerRow::num_spikes)};
constexpr std::array kTexts{column("status", &LayerRow::status),
                            column("warning", &LayerRow::warning)};
constexpr std::array kNorms{column("norm", &LayerRow::norm),
                            column("log_norm", &LayerRow::log_norm),
                            column("lambda_max", &LayerRow::lambda_max),
                            column("spectral_norm", &LayerRow::spectral_norm),
                            column("log_spectral_norm", &LayerRow::log_spectral_norm),
                            column("sv_max", &LayerRow::sv_max),
                            column("stable_rank", &LayerRow::stable_rank),
                            column("entropy", &LayerRow::entropy),
                            column("xmin", &LayerRow::xmin),
                            column("xmax", &LayerRow::xmax),
                            column("W_scale", &LayerRow::W_scale)};
constexpr std::array kFits{column("alpha", &LayerRow::alpha),
                           column("D", &LayerRow::D),
                           column("sigma", &LayerRow::sigma),
                           column("raw_alpha", &LayerRow::raw_alpha),
                           column("alpha_weighted", &LayerRow::alpha_weighted),
                           column("log_alpha_norm", &LayerRow::log_alpha_norm),
                           column("detX_val", &LayerRow::detX_val),
                           column("detX_val_unrescaled", &LayerRow::detX_val_unrescaled)};
constexpr std::array kBulk{
    column("sigma_mp", &LayerRow::sigma_mp), column("mp_softrank", &LayerRow::mp_softrank),
    column("bulk_max", &LayerRow::bulk_max), column("bulk_min", &LayerRow::bulk_min)};

bool within(double a, double b, double digits) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return true;
  return std::abs(a - b) <= digits * std::max(std::abs(a), std::abs(b));
}

/// The first of `columns` that differs by more than `digits`.
template <std::size_t n>
std::string_view apart(const std::array<Column<double>, n>& columns, double digits,
                       const LayerRow& a, const LayerRow& b) {
  for (const auto& column : columns) {
    if (!within(a.*column.member, b.*column.member, digits)) return column.name;
  }
  return {};
}

/// Signs of the errors of ascending eigenvalues. Those of both kinds add up to about zero, as the
/// sum of all eigenvalues is known to rounding from the elements.
enum class Signs : std::uint8_t {
  alternating,  ///< neighbours move towards each other or apart
  halves,       ///< the larger half up, the smaller half down: the logarithms spread most
};

/// The spectrum with errors of `delta` (which may be negative) in every eigenvalue.
Spectrum disturbed(const Spectrum& gram, Signs signs, double delta) {
  Spectrum other = gram;
  for (std::size_t i = 0; i < other.sigma.size(); ++i) {
    const bool up = signs == Signs::alternating ? i % 2 == 0 : 2 * i >= other.sigma.size();
    double& sigma = other.sigma[i];
    sigma = std::sqrt(std::max(0.0, sigma * sigma + (up ? delta : -delta)));
  }
  std::sort(other.sigma.begin(), other.sigma.end());
  // No value is at the floor, so no view's rank depends on delta. Its smallest value may be any.
  for (double& smallest : other.view_sigma_min) {
    smallest = std::sqrt(std::max(0.0, smallest * smallest - std::abs(delta)));
  }
  return other;
}

/// True if an eigenvalue is so close to `limit` that an error of `delta` takes it to the other
/// side.
bool near(std::span<const double> ascending, double limit, double delta) {
  const auto first = std::lower_bound(ascending.begin(), ascending.end(), limit - delta);
  return first != ascending.end() && *first <= limit + delta;
}

/// True if all scans of `options`, and of clip_xmax with any number of values removed, are certain.
bool scans_are_certain(std::span<const double> fitted, double delta, const FitOptions& options) {
  const auto n = static_cast<std::int64_t>(fitted.size());
  const std::int64_t most = options.xmax + std::max(options.max_fingers, kWeightWatcherMaxFingers);
  for (std::int64_t removed = 0; removed <= most && removed < n; ++removed) {
    if (!scan_is_certain(fitted.first(static_cast<std::size_t>(n - removed)), delta)) return false;
  }
  return true;
}

/// The options under which the rows must agree.
std::vector<FitOptions> fits_of(const FitOptions& options) {
  FitOptions own = options;
  // Replicas follow the values smoothly, and nothing is promised about them.
  own.bootstrap = 0;
  own.gof = 0;
  FitOptions clipped = own;
  clipped.fix_fingers = FixFingers::clip_xmax;
  clipped.mp_fit = true;
  FitOptions peak = own;
  peak.fix_fingers = FixFingers::xmin_peak;
  return {own, clipped, peak};
}

}  // namespace

double eigenvalue_error(std::span<const double> sigma, std::int64_t long_side) noexcept {
  constexpr double kEps = std::numeric_limits<double>::epsilon();
  constexpr double kOfReduction = 16;
  constexpr double kOfProducts = 0.5;
  if (sigma.empty() || sigma.back() == 0) return 0;
  const double largest = sigma.back() * sigma.back();
  double squares = 0;  // of the eigenvalues in units of the largest
  for (const double value : sigma) {
    const double share = value / sigma.back();
    squares += share * share * share * share;
  }
  return kEps * largest *
         (kOfReduction * std::sqrt(squares) +
          kOfProducts * std::sqrt(static_cast<double>(long_side)));
}

std::string column_apart(const LayerRow& a, const LayerRow& b) {
  for (const auto& column : kTexts) {
    if (a.*column.member != b.*column.member) return std::string(column.name);
  }
  for (const auto& column : kCounts) {
    if (a.*column.member != b.*column.member) return std::string(column.name);
  }
  for (const std::string_view name :
       {apart(kNorms, kNormDigits, a, b), apart(kFits, kFitDigits, a, b),
        apart(kBulk, kBulkDigits, a, b)}) {
    if (!name.empty()) return std::string(name);
  }
  const double unit = std::max(a.sv_max, b.sv_max);
  return std::abs(a.sv_min - b.sv_min) <= kNormDigits * unit ? "" : "sv_min";
}

bool scan_is_certain(std::span<const double> ascending, double delta) {
  constexpr std::size_t kSmallestTail = 2;
  if (ascending.size() < kSmallestTail) return true;  // no scan, whatever the values
  const std::size_t count = ascending.size() - kSmallestTail + 1;
  std::vector<double> logs(ascending.size());
  std::transform(ascending.begin(), ascending.end(), logs.begin(),
                 [](double x) { return std::log(x); });
  LogScan scan(std::move(logs));
  const auto best =
      scan.best(count, std::numeric_limits<double>::infinity(), [](std::size_t) { return true; });
  if (!best) return false;
  constexpr double kFirstOrder = 0.01;  // the bounds hold for small errors only
  constexpr double kSpare = 2;
  constexpr double kRounding = 1e-13;  // of a D, which is at most 1
  const auto relative = [&](std::size_t i) { return delta / ascending[i]; };
  const auto error_of_D = [&](std::size_t i) { return 2 * relative(i) * (scan.alpha(i) - 1); };
  const double alpha = scan.alpha(best->index);
  const double r = relative(best->index);
  if (!std::isfinite(alpha) || relative(0) > kFirstOrder || r > kNormDigits ||
      2 * r * (alpha - 1) > kFitDigits || error_of_D(best->index) > kFitDigits * best->D) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (i == best->index) continue;
    const double apart = kSpare * (error_of_D(best->index) + error_of_D(i)) + kRounding;
    if (!(scan.distance(i, best->D + apart) > best->D + apart)) return false;
  }
  return true;
}

std::string why_not_by_gram(const Matrix& matrix, const Spectrum& gram, const FitOptions& options) {
  require(gram.method == Method::gram && options.weightwatcher,
          "only a Gram spectrum in compat mode is judged by its digits");
  if (gram.status != SpectrumStatus::ok) return "no spectrum";
  if (gram.num_below_floor > 0) return "values below the floor";
  const double delta = eigenvalue_error(gram.sigma, matrix.long_side());
  // Of the views' smallest values the largest counts, but one error may decide which that is.
  const double largest = gram.sigma.back();
  double sv_min = 0;
  for (const double smallest : gram.view_sigma_min) sv_min = std::max(sv_min, smallest);
  const double least = std::sqrt(std::max(0.0, sv_min * sv_min - delta));
  if (!(sv_min - least <= kNormDigits * largest)) return "sv_min";
  std::vector<double> lambda(gram.sigma.size());
  std::transform(gram.sigma.begin(), gram.sigma.end(), lambda.begin(),
                 [](double sigma) { return sigma * sigma; });
  if (near(lambda, options.tolerance, delta)) return "weak_rank_loss";
  if (near(lambda, kWeightWatcherFloor, delta)) return "num_fit_evals";
  if (!scans_are_certain(above(lambda, kWeightWatcherFloor), delta, options)) return "xmin";
  for (const FitOptions& fit : fits_of(options)) {
    const LayerRow own = layer_row(matrix, gram, fit);
    if (!is_fitted(own) && fit.fix_fingers == options.fix_fingers) return "status";
    for (const Signs signs : {Signs::alternating, Signs::halves}) {
      for (const double error : {delta, -delta}) {
        std::string column =
            column_apart(own, layer_row(matrix, disturbed(gram, signs, error), fit));
        if (!column.empty()) return column;
      }
    }
  }
  return {};
}

}  // namespace wishart::fit
