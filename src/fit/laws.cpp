#include "wishart/fit/laws.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "wishart/fit/thresholds.hpp"
#include "wishart/record/rows.hpp"

#include "tail_family.hpp"

namespace wishart::fit {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A tail in terms of u_k = ln(x_k / xmin), with its means.
struct LogTail {
  std::vector<double> u;
  double log_xmin = 0;
  double mean_u = 0;
  double mean_growth = 0;  ///< of e^u - 1
  double mean_square = 0;  ///< of u^2

  explicit LogTail(std::span<const double> tail)
      : u(tail.size()), log_xmin(std::log(tail.front())) {
    long double sum = 0;
    long double growth = 0;
    long double squares = 0;
    for (std::size_t k = 0; k < u.size(); ++k) {
      u[k] = std::log(tail[k] / tail.front());
      sum += u[k];
      growth += std::expm1(u[k]);
      squares += u[k] * u[k];
    }
    const auto m = static_cast<long double>(u.size());
    mean_u = static_cast<double>(sum / m);
    mean_growth = static_cast<double>(growth / m);
    mean_square = static_cast<double>(squares / m);
  }
  [[nodiscard]] double size() const { return static_cast<double>(u.size()); }
};

/// Fills R, p and the gain from the log-density of the law in u.
template <class LogDensity>
void compare(const LogTail& tail, bool contains_power_law, LogDensity&& log_density, LawFit& fit) {
  const double exponent = 1 / tail.mean_u;
  const double log_exponent = std::log(exponent);
  std::vector<double> difference(tail.u.size());
  long double sum = 0;
  for (std::size_t k = 0; k < difference.size(); ++k) {
    difference[k] = log_exponent - exponent * tail.u[k] - log_density(tail.u[k]);
    sum += difference[k];
  }
  const long double mean = sum / tail.size();
  long double squares = 0;
  for (const double value : difference) squares += (value - mean) * (value - mean);
  const auto ratio = static_cast<double>(sum);
  const auto deviation = static_cast<double>(std::sqrt(squares));  // sqrt(n v)
  fit.log_likelihood_gain = -ratio;
  fit.R = deviation > 0 ? ratio / deviation : 0;
  fit.p = contains_power_law ? std::erfc(std::sqrt(std::abs(ratio)))
                             : std::erfc(std::abs(fit.R) / std::sqrt(2.0));
}

/// The largest |1 - survival(u_k) - k / m|.
template <class Survival>
double distance(const LogTail& tail, Survival&& survival) {
  double largest = 0;
  for (std::size_t k = 0; k < tail.u.size(); ++k) {
    largest =
        std::max(largest, std::abs(1 - survival(tail.u[k]) - static_cast<double>(k) / tail.size()));
  }
  return largest;
}

/// The power law itself, as the limit of another law.
LawFit at_power_law(const LogTail& tail, double shape, double rate) {
  LawFit fit;
  fit.shape = shape;
  fit.rate = rate;
  fit.D = distance(tail, [&](double u) { return std::exp(-u / tail.mean_u); });
  return fit;
}

LawFit fit_exponential(const LogTail& tail) {
  LawFit fit;
  const double rate = 1 / tail.mean_growth;  // of x / xmin
  fit.shape = kNan;
  fit.rate = rate / std::exp(tail.log_xmin);
  fit.D = distance(tail, [&](double u) { return std::exp(-rate * std::expm1(u)); });
  const double log_rate = std::log(rate);
  compare(
      tail, false, [&](double u) { return log_rate + u - rate * std::expm1(u); }, fit);
  return fit;
}

LawFit fit_truncated(const LogTail& tail) {
  FamilyPoint at = fit_family(Bend::exponential, tail.mean_u, tail.mean_growth);
  if (at.b == 0) return at_power_law(tail, 1 + at.a, 0);
  LawFit fit;
  if (at.a < -1) at = {-1, 1 / tail.mean_growth};
  fit.shape = 1 + at.a;
  fit.rate = at.b / std::exp(tail.log_xmin);
  const double log_z = family_moments(Bend::exponential, at).log_z;
  fit.D = family_distance(Bend::exponential, at, log_z, tail.u);
  compare(
      tail, true, [&](double u) { return -at.a * u - at.b * std::expm1(u) - log_z; }, fit);
  return fit;
}

LawFit fit_lognormal(const LogTail& tail) {
  const FamilyPoint at = fit_family(Bend::square, tail.mean_u, tail.mean_square);
  if (at.b == 0) return at_power_law(tail, kInfinity, -kInfinity);
  LawFit fit;
  fit.shape = std::sqrt(0.5 / at.b);
  fit.rate = tail.log_xmin - at.a / (2 * at.b);
  const double log_z = family_moments(Bend::square, at).log_z;
  fit.D = family_distance(Bend::square, at, log_z, tail.u);
  compare(
      tail, false, [&](double u) { return -at.a * u - at.b * u * u - log_z; }, fit);
  return fit;
}

/// The derivative of the profile likelihood of the stretched exponential: 1 / beta + mean(u) -
/// mean(u e^(beta u)) / mean(e^(beta u) - 1).
double stretched_slope(const LogTail& tail, double beta) {
  long double weighted = 0;
  long double growth = 0;
  for (const double u : tail.u) {
    const double grown = std::expm1(beta * u);
    growth += grown;
    weighted += u * (grown + 1);
  }
  return static_cast<double>(1 / static_cast<long double>(beta) + tail.mean_u - weighted / growth);
}

/// The root of a function that is positive at `low` and not at `high`, by false position with
/// halved weights (the Illinois method).
template <class F>
double root_between(double low, double f_low, double high, double f_high, F&& f) {
  int side = 0;
  double middle = low;  // the bracket may shrink from one side only; this value converges
  for (int step = 0; step < 60; ++step) {
    const double before = middle;
    middle = low + (high - low) * f_low / (f_low - f_high);
    const double value = f(middle);
    if (value == 0 || std::abs(middle - before) <= 1e-14 * middle) break;
    if (value > 0) {
      low = middle;
      f_low = value;
      if (side == 1) f_high /= 2;
      side = 1;
    } else {
      high = middle;
      f_high = value;
      if (side == -1) f_low /= 2;
      side = -1;
    }
  }
  return middle;
}

LawFit fit_stretched(const LogTail& tail) {
  // As beta tends to 0, the slope tends to mean(u) - mean(u^2) / (2 mean(u)).
  if (!(tail.mean_square < 2 * tail.mean_u * tail.mean_u)) return at_power_law(tail, 0, 0);
  const auto slope = [&](double beta) { return stretched_slope(tail, beta); };
  const double most = 700 / tail.u.back();
  double low = std::min(0.05, most / 4);
  while (low > 1e-6 && !(slope(low) > 0)) low /= 4;
  double high = 4 * low;
  while (high < most && slope(high) > 0) {
    low = high;
    high *= 2;
  }
  const double f_low = slope(low);
  const double f_high = slope(std::min(high, most));
  if (!(f_low > 0) || !(f_high < 0)) return at_power_law(tail, 0, 0);
  const double beta = root_between(low, f_low, std::min(high, most), f_high, slope);
  long double growth = 0;
  for (const double u : tail.u) growth += std::expm1(beta * u);
  const double c = static_cast<double>(tail.size() / growth);  // (lambda xmin)^beta
  LawFit fit;
  fit.shape = beta;
  fit.rate = std::exp(std::log(c) / beta - tail.log_xmin);
  if (std::isinf(fit.rate)) fit.rate = kNan;  // near the power law, where beta tends to 0
  fit.D = distance(tail, [&](double u) { return std::exp(-c * std::expm1(beta * u)); });
  const double log_factor = std::log(beta * c);
  compare(
      tail, false, [&](double u) { return log_factor + beta * u - c * std::expm1(beta * u); }, fit);
  return fit;
}

}  // namespace

Law best_law(const TailLaws& laws) {
  Law best = Law::power_law;
  double best_gain = 0;
  const auto consider = [&](Law law, const LawFit& fit, int parameters) {
    const double gain = fit.log_likelihood_gain - (parameters - 1);
    if (!(fit.R < 0) || !(fit.p < kLawLevel) || !(gain > best_gain)) return;
    best = law;
    best_gain = gain;
  };
  consider(Law::exponential, laws.exponential, 1);
  consider(Law::truncated, laws.truncated, 2);
  consider(Law::stretched, laws.stretched, 2);
  consider(Law::lognormal, laws.lognormal, 2);
  return best;
}

TailLaws fit_laws(std::span<const double> values) {
  const LogTail tail(values);
  TailLaws laws;
  laws.truncated = fit_truncated(tail);
  laws.exponential = fit_exponential(tail);
  laws.stretched = fit_stretched(tail);
  laws.lognormal = fit_lognormal(tail);
  laws.best = best_law(laws);
  return laws;
}

LawFit fit_truncated(std::span<const double> tail) { return fit_truncated(LogTail(tail)); }

}  // namespace wishart::fit
