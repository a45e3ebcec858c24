/// @file
/// Probabilities of many tests at once.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "wishart/analysis/compare.hpp"

namespace wishart::analysis {

std::vector<double> adjusted(const std::vector<double>& p) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (!std::isnan(p[i])) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> q(p.size(), kNan);
  double smallest = 1;
  for (std::size_t k = order.size(); k-- > 0;) {
    smallest = std::min(
        smallest, p[order[k]] * static_cast<double>(order.size()) / static_cast<double>(k + 1));
    q[order[k]] = smallest;
  }
  return q;
}

}  // namespace wishart::analysis
