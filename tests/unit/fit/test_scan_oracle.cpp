/// @file
/// Compares the scan with exhaustive ones: it computes few points, and must give the same result.

#include <functional>
#include <optional>

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace wishart;
using namespace wishart::fit;
using namespace wishart::test;

namespace {

/// Candidate i of WeightWatcher's formulas (reference/weightwatcher.md, 3.1), in long double.
struct Candidate {
  long double alpha = 0;
  long double D = 0;
};

Candidate candidate(const std::vector<double>& x, std::size_t i) {
  const std::size_t m = x.size() - i;
  const long double first = std::log(static_cast<long double>(x[i]));
  long double sum = 0;
  for (std::size_t j = i; j < x.size(); ++j) {
    sum += std::log(static_cast<long double>(x[j])) - first;
  }
  Candidate found;
  found.alpha = 1 + static_cast<long double>(m) / sum;
  for (std::size_t k = 0; k < m; ++k) {
    const long double survival =
        x[i + k] == x[i] ? 1.0L
                         : std::pow(static_cast<long double>(x[i + k]) / x[i], 1 - found.alpha);
    found.D = std::max(
        found.D,
        std::abs(1 - survival - static_cast<long double>(k) / static_cast<long double>(m)));
  }
  return found;
}

/// The scan's own arithmetic without skipping points or candidates: equal to the last bit.
std::optional<PowerLaw> plain_scan(const std::vector<double>& x, const ScanOptions& options) {
  const std::size_t n = x.size();
  std::vector<double> logs(n);
  std::transform(x.begin(), x.end(), logs.begin(), [](double value) { return std::log(value); });
  std::vector<double> alphas(n);
  long double sum = 0;
  for (std::size_t i = n; i-- > 0;) {
    if (i + 1 < n) {
      const auto gap = static_cast<long double>(logs[i + 1]) - static_cast<long double>(logs[i]);
      sum += static_cast<long double>(n - i - 1) * gap;
    }
    alphas[i] = static_cast<double>(1 + static_cast<long double>(n - i) / sum);
  }
  std::optional<PowerLaw> best;
  for (std::size_t i = 0; i + static_cast<std::size_t>(options.min_tail) <= n; ++i) {
    if (options.skip_repeated && i > 0 && x[i] == x[i - 1]) continue;
    if (options.skip_repeated && !std::isfinite(alphas[i])) continue;
    const std::size_t m = n - i;
    double D = 0;
    for (std::size_t k = 0; k < m; ++k) {
      const double gap = logs[i + k] - logs[i];
      const double survival = gap == 0 ? 1 : std::exp((1 - alphas[i]) * gap);
      D = std::max(D, std::abs(1 - survival - static_cast<double>(k) / static_cast<double>(m)));
    }
    if (best && !(D < best->D)) continue;
    const double sigma = (alphas[i] - 1) / std::sqrt(static_cast<double>(m));
    best = PowerLaw{.alpha = alphas[i],
                    .xmin = x[i],
                    .xmax = x[n - 1],
                    .D = D,
                    .sigma = sigma,
                    .num_tail = static_cast<std::int64_t>(m)};
  }
  return best;
}

struct DataSet {
  const char* name;
  std::function<double(Uniform&)> draw;
};

const std::vector<DataSet> kDataSets{
    {"uniform", [](Uniform& u) { return u(); }},
    {"heavy tail", [](Uniform& u) { return std::pow(u(), -2.0); }},
    {"very heavy tail", [](Uniform& u) { return std::pow(u(), -20.0); }},
    {"steep tail", [](Uniform& u) { return std::pow(u(), -0.05); }},
    {"exponential", [](Uniform& u) { return -std::log(u()); }},
    {"narrow", [](Uniform& u) { return 1 + 1e-3 * u(); }},
    {"many ties", [](Uniform& u) { return 1 + std::floor(6 * u()); }},
    {"ties of a power law", [](Uniform& u) { return std::ceil(std::pow(u(), -1.0)); }},
    {"two clusters", [](Uniform& u) { return u() < 0.5 ? 1e-4 * u() : 1e3 * (1 + u()); }},
    {"tiny and huge", [](Uniform& u) { return std::pow(10.0, 300 * u() - 150); }}};

std::vector<double> sample(const DataSet& set, std::int64_t n, std::uint64_t seed) {
  Uniform uniform(seed);
  std::vector<double> x;
  for (std::int64_t i = 0; i < n; ++i) x.push_back(set.draw(uniform));
  std::sort(x.begin(), x.end());
  return x;
}

}  // namespace

TEST_CASE("the scan agrees to the last bit with one that skips nothing", "[scan][oracle]") {
  int compared = 0;
  for (const DataSet& set : kDataSets) {
    for (const std::int64_t n : {0, 1, 2, 3, 4, 5, 9, 10, 17, 31, 32, 33, 64, 100, 257}) {
      for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        const std::vector<double> x = sample(set, n, seed);
        for (const ScanOptions options :
             {ScanOptions{}, ScanOptions{.min_tail = 10, .skip_repeated = true}}) {
          CAPTURE(set.name, n, seed, options.min_tail);
          const auto found = scan_power_law(x, options);
          const auto expected = plain_scan(x, options);
          REQUIRE(found.has_value() == expected.has_value());
          if (!found) continue;
          CHECK(found->num_tail == expected->num_tail);
          CHECK(found->alpha == expected->alpha);
          CHECK(found->xmin == expected->xmin);
          CHECK(found->xmax == expected->xmax);
          CHECK(found->D == expected->D);
          CHECK(found->sigma == expected->sigma);
          ++compared;
        }
      }
    }
  }
  CHECK(compared == 10 * 8 * (13 + 8));
}

TEST_CASE("no candidate fits better than the scan's, by WeightWatcher's formulas",
          "[scan][oracle]") {
  int compared = 0;
  for (const DataSet& set : kDataSets) {
    for (const std::int64_t n : {2, 3, 10, 33, 120}) {
      for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const std::vector<double> x = sample(set, n, seed);
        const auto found = scan_power_law(x, {});
        REQUIRE(found.has_value());
        const std::size_t chosen = x.size() - static_cast<std::size_t>(found->num_tail);
        CAPTURE(set.name, n, seed, chosen);
        // float64 logarithms of up to `largest_log` are off by eps times it; the exponent times
        // that is the relative error of the survival, which is at most 1. 4: two logarithms, alpha.
        const double largest_log =
            std::max({1.0, std::abs(std::log(x.front())), std::abs(std::log(x.back()))});
        for (std::size_t i = 0; i + 1 < x.size(); ++i) {
          const Candidate other = candidate(x, i);
          if (!std::isfinite(static_cast<double>(other.alpha))) continue;
          const double exponent = static_cast<double>(other.alpha) - 1;
          const double bound = 4 * kEps * largest_log * std::max(1.0, exponent);
          CHECK(found->D <= static_cast<double>(other.D) + bound);
          if (i != chosen) continue;
          CHECK(std::abs(found->alpha - static_cast<double>(other.alpha)) <=
                bound * std::max(1.0, exponent));
          CHECK(std::abs(found->D - static_cast<double>(other.D)) <= bound);
        }
        ++compared;
      }
    }
  }
  CHECK(compared == 150);
}
