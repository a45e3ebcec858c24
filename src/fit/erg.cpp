#include "wishart/fit/erg.hpp"

#include <cmath>

namespace wishart::fit {
namespace {

long double mean_of(std::span<const double> values) {
  long double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<long double>(values.size());
}

}  // namespace

std::optional<TraceLog> trace_log(std::span<const double> ascending, bool weightwatcher) {
  if (ascending.empty() || !(ascending.back() > 0)) return std::nullopt;
  const std::size_t n = ascending.size();
  const long double mean = mean_of(ascending);
  const auto at = [&](std::size_t i, std::size_t count) {
    return TraceLog{static_cast<std::int64_t>(count), ascending[i],
                    static_cast<double>(ascending[i] / mean)};
  };
  if (weightwatcher && ascending.front() >= ascending.back()) return at(0, 0);
  const std::size_t last = weightwatcher ? 1 : 0;
  long double sum = 0;
  for (std::size_t i = n; i-- > last;) {
    sum += std::log(ascending[i] / mean);
    if (sum < 0) return at(i, n - i);
  }
  return at(n > last ? last : 0, n);
}

double tail_trace_log(std::span<const double> ascending, double xmin) {
  const long double mean = mean_of(ascending);
  long double sum = 0;
  for (std::size_t i = ascending.size(); i-- > 0 && ascending[i] >= xmin;) {
    sum += std::log(ascending[i] / mean);
  }
  return static_cast<double>(sum);
}

}  // namespace wishart::fit
