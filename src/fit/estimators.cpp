#include "wishart/fit/estimators.hpp"

#include <cmath>

#include "wishart/record/rows.hpp"

namespace wishart::fit {
namespace {

/// Values whose mean logarithmic gap is below this are equal but for rounding, which would choose
/// the estimate.
constexpr double kLeastGap = 1e-9;

/// Mean of the first and second powers of ln x_j - ln x_first over the values above x_first.
struct LogMoments {
  double first = 0;
  double second = 0;
};

LogMoments log_moments(std::span<const double> ascending, std::size_t first) {
  long double sum = 0;
  long double squares = 0;
  const double origin = std::log(ascending[first]);
  for (std::size_t j = first + 1; j < ascending.size(); ++j) {
    const long double gap = std::log(ascending[j]) - origin;
    sum += gap;
    squares += gap * gap;
  }
  const auto count = static_cast<long double>(ascending.size() - first - 1);
  return {static_cast<double>(sum / count), static_cast<double>(squares / count)};
}

/// Converts a tail index to the exponent of the density. There is none if the index is not
/// positive, or infinite.
double alpha_of_index(double gamma) {
  return gamma > 0 && std::isfinite(gamma) ? 1 + 1 / gamma : kNan;
}

}  // namespace

double hill_alpha(std::span<const double> ascending) {
  const std::size_t n = ascending.size();
  if (n < 2) return kNan;
  const std::size_t i = n / 2;
  long double sum = 0;
  for (std::size_t j = i; j < n; ++j) sum += std::log(ascending[j] / ascending[i]);
  const auto count = static_cast<long double>(n - i);
  return sum < kLeastGap * count ? kNan : static_cast<double>(1 + count / sum);
}

TailEstimates tail_estimates(std::span<const double> ascending) {
  TailEstimates result{kNan, kNan, kNan, kNan};
  const std::size_t n = ascending.size();
  if (n < 20) {
    result.hill = hill_alpha(ascending);
    return result;
  }
  result.hill = hill_alpha(ascending);
  const std::size_t first = n - 1 - n / 10;
  const LogMoments moments = log_moments(ascending, first);
  if (moments.first >= kLeastGap) {
    // Moment estimator: gamma = M1 + 1 - (1 / 2) / (1 - M1^2 / M2).
    const double ratio = 1 - moments.first * moments.first / moments.second;
    result.moment = alpha_of_index(moments.first + 1 - 0.5 / ratio);
    // The values at or above the quantile, including the quantile itself.
    const auto above = static_cast<double>(n - 1 - first);
    result.quantile = 1 + (above + 1) / (moments.first * above);
  }
  // Pickands: gamma = ln((x_(k) - x_(2k)) / (x_(2k) - x_(4k))) / ln 2.
  const std::size_t k = n / 8;
  const double top = ascending[n - k] - ascending[n - 2 * k];
  const double next = ascending[n - 2 * k] - ascending[n - 4 * k];
  result.pickands = alpha_of_index(std::log(top / next) / std::log(2.0));
  return result;
}

}  // namespace wishart::fit
