#include "wishart/analysis/share.hpp"

#include <cmath>

#include "wishart/core/error.hpp"

#include "statistics/normal.hpp"

namespace wishart::analysis {

Share share_of(std::int64_t part, std::int64_t whole) {
  require(part >= 0 && part <= whole, "a share needs 0 <= part <= whole");
  if (whole == 0) return {};
  const auto n = static_cast<double>(whole);
  const double p = static_cast<double>(part) / n;
  const double zz = kNormal95 * kNormal95;
  const double center = (p + zz / (2 * n)) / (1 + zz / n);
  const double half = kNormal95 * std::sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n);
  return {p, part == 0 ? 0 : center - half, part == whole ? 1 : center + half};
}

}  // namespace wishart::analysis
