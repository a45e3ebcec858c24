#include "wishart/analysis/paired.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "wishart/analysis/metric.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/fit_counts.hpp"

#include "statistics/student.hpp"

namespace wishart::analysis {
namespace {

/// Relative differences below this are treated as rounding: sums over different numbers of ranks
/// differ by some 1e-13 (docs/numerics.md).
constexpr double kRounding = 1e-9;

struct PairedMetric {
  const char* name;
  bool from_fit;  ///< meaningful only if `is_fitted`
};

constexpr std::array kMetrics{PairedMetric{"alpha", true},
                              PairedMetric{"D", true},
                              PairedMetric{"alpha_weighted", true},
                              PairedMetric{"log_norm", false},
                              PairedMetric{"log_spectral_norm", false},
                              PairedMetric{"stable_rank", false},
                              PairedMetric{"entropy", false},
                              PairedMetric{"matrix_rank", false}};

double value_of(const LayerRow* row, const PairedMetric& metric) {
  if (row == nullptr || (metric.from_fit && !is_fitted(*row))) return kNan;
  return metric_value(*row, metric.name);
}

void add_group(std::vector<PairedRow>& rows, const std::string& group_by, const std::string& group,
               std::span<const LayerPair> pairs, bool fits_alike) {
  for (const PairedMetric& metric : kMetrics) {
    std::vector<double> a(metric.from_fit && !fits_alike ? pairs.size() : 0, kNan);
    std::vector<double> b = a;
    for (const LayerPair& pair : pairs) {
      if (a.size() == pairs.size()) break;
      a.push_back(value_of(pair.a, metric));
      b.push_back(value_of(pair.b, metric));
    }
    PairedRow row = paired_change(a, b);
    row.group_by = group_by;
    row.group = group;
    row.metric = metric.name;
    rows.push_back(std::move(row));
  }
}

}  // namespace

double difference_of(double a, double b) noexcept {
  const double d = b - a;
  if (std::isinf(d)) return d;  // no bound of rounding is larger
  return std::abs(d) <= kRounding * std::max(std::abs(a), std::abs(b)) ? 0 : d;
}

double sign_test(std::int64_t fell, std::int64_t rose) {
  const std::int64_t n = fell + rose;
  if (n == 0) return kNan;
  // P(X <= fewer) for the binomial law with n and 1/2. Uses logarithms, because 2^-n may be smaller
  // than any double.
  const std::int64_t fewer = std::min(fell, rose);
  if (2 * fewer + 1 >= n) return 1;  // the tail has a probability of at least 1/2
  double log_term = -static_cast<double>(n) * std::log(2.0);
  double tail = std::exp(log_term);
  for (std::int64_t k = 1; k <= fewer; ++k) {
    log_term += std::log(static_cast<double>(n - k + 1) / static_cast<double>(k));
    tail += std::exp(log_term);
  }
  return 2 * tail;
}

PairedRow paired_change(std::span<const double> a, std::span<const double> b) {
  require(a.size() == b.size(), "paired_change needs two series of the same length");
  PairedRow row;
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isfinite(a[i]) && std::isfinite(b[i])) {
      differences.push_back(difference_of(a[i], b[i]));
    }
  }
  // Sort, so that the sums do not depend on the order of layers.
  std::sort(differences.begin(), differences.end());
  row.pairs = static_cast<std::int64_t>(differences.size());
  row.left_out = static_cast<std::int64_t>(a.size()) - row.pairs;
  for (const double d : differences) ++(d < 0 ? row.fell : d > 0 ? row.rose : row.tied);
  const Mean mean = mean_of(differences);
  row.mean = mean.value;
  if (row.pairs >= 2) {
    const double reach = student95(row.pairs - 1) * mean.error;
    row.low = mean.value - reach;
    row.high = mean.value + reach;
  }
  row.median = median_of(differences);
  row.sign_p = sign_test(row.fell, row.rose);
  return row;
}

std::vector<PairedRow> paired_changes(std::span<const LayerPair> pairs, bool fits_alike) {
  std::vector<PairedRow> rows;
  add_group(rows, "all", "all", pairs, fits_alike);
  const auto before = [](const std::string& x, const std::string& y) { return natural_less(x, y); };
  std::map<std::string, std::vector<LayerPair>, decltype(before)> roles(before);
  for (const LayerPair& pair : pairs) {
    if (pair.a == nullptr && pair.b == nullptr) continue;
    roles[pair.b != nullptr ? pair.b->role : pair.a->role].push_back(pair);
  }
  for (const auto& [role, members] : roles) add_group(rows, "role", role, members, fits_alike);
  return rows;
}

}  // namespace wishart::analysis
