#include "tail_family.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace wishart::fit {
namespace {

/// Gauss-Legendre nodes and weights on (0, 1).
template <std::size_t n>
struct Quadrature {
  std::array<double, n> node;
  std::array<double, n> weight;

  Quadrature() {
    for (std::size_t i = 0; i < n; ++i) {
      // Roots of the Legendre polynomial by Newton's method, from Tricomi's approximation.
      double x = std::cos(3.141592653589793 * (static_cast<double>(i) + 0.75) /
                          (static_cast<double>(n) + 0.5));
      double slope = 1;
      for (int step = 0; step < 8; ++step) {
        double before = 1;
        double value = x;
        for (std::size_t k = 2; k <= n; ++k) {
          const auto degree = static_cast<double>(k);
          const double next = ((2 * degree - 1) * x * value - (degree - 1) * before) / degree;
          before = value;
          value = next;
        }
        slope = static_cast<double>(n) * (x * value - before) / (x * x - 1);
        x -= value / slope;
      }
      node[i] = (1 - x) / 2;
      weight[i] = 1 / ((1 - x * x) * slope * slope);
    }
  }
};

double exponent(Bend kind, FamilyPoint at, double u) { return -at.a * u - at.b * bend(kind, u); }

/// The mode of the density.
double mode_of(Bend kind, FamilyPoint at) {
  if (at.a >= 0 || !(at.b > 0)) return 0;
  if (kind == Bend::square) return -at.a / (2 * at.b);
  return std::max(0.0, std::log(-at.a / at.b));
}

/// The point on one side of the mode where the exponent has fallen by 42; `step` has its sign.
double reach(Bend kind, FamilyPoint at, double mode, double step) {
  constexpr double kDrop = 42;
  const double top = exponent(kind, at, mode);
  double far = step;
  while (top - exponent(kind, at, mode + far) < kDrop && std::abs(far) < 1e15) far *= 2;
  double near = 0;
  for (int i = 0; i < 30; ++i) {
    const double middle = (near + far) / 2;
    (top - exponent(kind, at, mode + middle) < kDrop ? near : far) = middle;
  }
  return mode + far;
}

/// Sums over one panel, relative to e^top: mass, and the moments about (0, 0).
struct Sums {
  double mass = 0;
  double u = 0;
  double g = 0;
  double uu = 0;
  double ug = 0;
  double gg = 0;
};

void add_panel(Bend kind, FamilyPoint at, double top, double low, double high, Sums& sums) {
  static const Quadrature<48> quadrature;
  const double width = high - low;
  for (std::size_t i = 0; i < quadrature.node.size(); ++i) {
    const double u = low + width * quadrature.node[i];
    const double g = bend(kind, u);
    const double mass = width * quadrature.weight[i] * std::exp(-at.a * u - at.b * g - top);
    sums.mass += mass;
    sums.u += mass * u;
    sums.g += mass * g;
    sums.uu += mass * u * u;
    sums.ug += mass * u * g;
    sums.gg += mass * g * g;
  }
}

double log_likelihood(FamilyPoint at, const FamilyMoments& moments, double mean_u, double mean_g) {
  return -at.a * mean_u - at.b * mean_g - moments.log_z;
}

}  // namespace

double bend(Bend kind, double u) { return kind == Bend::square ? u * u : std::expm1(u); }

FamilyMoments family_moments(Bend kind, FamilyPoint at) {
  const double mode = mode_of(kind, at);
  const double top = exponent(kind, at, mode);
  // A first guess of the width, which the search in reach() doubles.
  const double width = 1 / (std::abs(at.a) + std::sqrt(at.b) + at.b + 1e-12);
  const double high = reach(kind, at, mode, width);
  const double low = mode > 0 ? std::max(0.0, reach(kind, at, mode, -std::min(width, mode))) : 0;
  Sums sums;
  if (mode > low) add_panel(kind, at, top, low, mode, sums);
  // Most of the mass lies near the mode, so the panels grow away from it.
  double from = mode;
  for (const double share : {1.0 / 16, 1.0 / 4, 1.0}) {
    const double to = mode + share * (high - mode);
    add_panel(kind, at, top, from, to, sums);
    from = to;
  }
  FamilyMoments moments;
  moments.log_z = top + std::log(sums.mass);
  moments.mean_u = sums.u / sums.mass;
  moments.mean_g = sums.g / sums.mass;
  moments.var_u = sums.uu / sums.mass - moments.mean_u * moments.mean_u;
  moments.cov = sums.ug / sums.mass - moments.mean_u * moments.mean_g;
  moments.var_g = sums.gg / sums.mass - moments.mean_g * moments.mean_g;
  return moments;
}

FamilyPoint fit_family(Bend kind, double mean_u, double mean_g) {
  FamilyPoint at{1 / mean_u, 0};
  // At b = 0 the likelihood increases with b if the power law's mean of g exceeds that of the data.
  double expected = 2 * mean_u * mean_u;
  if (kind == Bend::exponential) {
    expected = at.a > 1 ? 1 / (at.a - 1) : std::numeric_limits<double>::infinity();
  }
  if (!(mean_g < expected)) return at;
  at.b = 0.01 / mean_g;
  FamilyMoments moments = family_moments(kind, at);
  double value = log_likelihood(at, moments, mean_u, mean_g);
  for (int step = 0; step < 100; ++step) {
    const double slope_a = moments.mean_u - mean_u;
    const double slope_b = moments.mean_g - mean_g;
    const double det = moments.var_u * moments.var_g - moments.cov * moments.cov;
    double move_a = (moments.var_g * slope_a - moments.cov * slope_b) / det;
    double move_b = (moments.var_u * slope_b - moments.cov * slope_a) / det;
    if (!(det > 0) || !std::isfinite(move_a) || !std::isfinite(move_b)) {
      move_a = 0;
      move_b = at.b * (slope_b > 0 ? 1 : -0.5);
    }
    double length = 1;
    if (at.b + move_b < 0.1 * at.b) length = -0.9 * at.b / move_b;
    const double gain = slope_a * move_a + slope_b * move_b;
    if (!(gain > 1e-13)) {
      // This close to the maximum, rounding hides differences in the likelihood. A last Newton step
      // squares the error.
      if (length == 1 && std::abs(gain) <= 1e-13) at = {at.a + move_a, at.b + move_b};
      break;
    }
    bool better = false;
    for (int halving = 0; halving < 30 && !better; ++halving, length /= 2) {
      const FamilyPoint next{at.a + length * move_a, at.b + length * move_b};
      const FamilyMoments there = family_moments(kind, next);
      const double reached = log_likelihood(next, there, mean_u, mean_g);
      if (!(reached > value + 1e-4 * length * gain)) continue;
      better = true;
      at = next;
      moments = there;
      value = reached;
    }
    if (!better) break;
  }
  return at;
}

double family_distance(Bend kind, FamilyPoint at, double log_z, std::span<const double> ascending) {
  static const Quadrature<6> quadrature;
  const double step = 1 / static_cast<double>(ascending.size());
  double share = 0;
  double before = 0;
  double largest = 0;
  for (std::size_t k = 0; k < ascending.size(); ++k) {
    const double width = ascending[k] - before;
    if (width > 0) {
      double mass = 0;
      for (std::size_t i = 0; i < quadrature.node.size(); ++i) {
        const double u = before + width * quadrature.node[i];
        mass += quadrature.weight[i] * std::exp(exponent(kind, at, u) - log_z);
      }
      share += width * mass;
    }
    largest = std::max(largest, std::abs(share - static_cast<double>(k) * step));
    before = ascending[k];
  }
  return largest;
}

}  // namespace wishart::fit
