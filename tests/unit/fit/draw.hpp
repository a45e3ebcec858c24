#pragma once

/// @file
/// Random samples of known laws, from fixed seeds.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace wishart::test {

/// Draws that are the same with every standard library.
class Draw {
public:
  explicit Draw(std::uint64_t seed) : engine_(seed) {}
  double uniform() { return (static_cast<double>(engine_() >> 11U) + 0.5) * 0x1p-53; }
  double normal() {
    return std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform());
  }
  double exponential() { return -std::log(uniform()); }
  /// p(x) ~ x^-alpha for x >= 1.
  double power_law(double alpha) { return std::pow(uniform(), -1 / (alpha - 1)); }

private:
  std::mt19937_64 engine_;
};

template <class F>
std::vector<double> sorted_sample(std::int64_t n, F&& draw) {
  std::vector<double> values(static_cast<std::size_t>(n));
  for (double& value : values) value = draw();
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace wishart::test
