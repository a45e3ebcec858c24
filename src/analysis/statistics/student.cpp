#include "statistics/student.hpp"

#include <cmath>
#include <numbers>

#include "wishart/core/error.hpp"

#include "statistics/normal.hpp"

namespace wishart::analysis {
namespace {

/// Above this, the expansion in 1 / freedom is used. Its first neglected term is 2.6 / freedom^3.
constexpr std::int64_t kManyDegrees = 1000;

/// P(|T| < sqrt(freedom) * tan(angle)): Abramowitz and Stegun, Handbook of Mathematical Functions
/// (1964), 26.7.3 for odd and 26.7.4 for even degrees of freedom.
double probability_within(double angle, std::int64_t freedom) {
  const double cosine = std::cos(angle);
  const bool odd = freedom % 2 == 1;
  double term = odd ? cosine : 1;
  double sum = freedom > 1 ? term : 0;
  for (std::int64_t k = odd ? 3 : 2; k <= freedom - 2; k += 2) {
    term *= cosine * cosine * static_cast<double>(k - 1) / static_cast<double>(k);
    sum += term;
  }
  const double part = std::sin(angle) * sum;
  return odd ? 2 / std::numbers::pi * (angle + part) : part;
}

/// Abramowitz and Stegun 26.7.5, to the term of second order.
double expanded(double freedom) {
  const double z = kNormal95;
  const double first = (std::pow(z, 3) + z) / 4;
  const double second = (5 * std::pow(z, 5) + 16 * std::pow(z, 3) + 3 * z) / 96;
  return z + first / freedom + second / (freedom * freedom);
}

}  // namespace

double student95(std::int64_t freedom) {
  require(freedom >= 1, "Student's t has at least one degree of freedom");
  const auto n = static_cast<double>(freedom);
  if (freedom > kManyDegrees) return expanded(n);
  double low = 0;
  double high = std::numbers::pi / 2;
  // 60 bisections exceed the resolution of a double.
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (probability_within(middle, freedom) < 0.95 ? low : high) = middle;
  }
  return std::sqrt(n) * std::tan(low);
}

}  // namespace wishart::analysis
