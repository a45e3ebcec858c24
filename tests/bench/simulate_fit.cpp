/// @file
/// How reliable are the intervals and p-values? Generates the tables of docs/metrics-evidence.md.
///
///     bench_simulate_fit [--samples 200] [--replicas 100] [--noise 10000] [--matrices 500]
///         [--largest 5000] [--part power-laws|other-laws|spikes]
///
/// prints three tables in Markdown, or one of them. --largest skips larger sizes, which take the
/// longest.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "wishart/fit/bootstrap.hpp"
#include "wishart/fit/laws.hpp"
#include "wishart/fit/null_model.hpp"
#include "wishart/fit/random.hpp"
#include "wishart/fit/thresholds.hpp"

#include "bidiagonal.hpp"

namespace {

using namespace wishart::fit;

constexpr ScanOptions kScan{.min_tail = kMinTail, .skip_repeated = true};

struct Settings {
  int samples = 200;
  std::int64_t replicas = 100;
  int noise = 10'000;
  int matrices = 500;
  int largest = 5000;
};

std::vector<double> sample(int n, const std::function<double()>& draw) {
  std::vector<double> x(static_cast<std::size_t>(n));
  for (double& value : x) value = draw();
  std::sort(x.begin(), x.end());
  return x;
}

/// The largest distance between the shares of p-values below t and t.
double distance_from_uniform(std::vector<double> p) {
  std::sort(p.begin(), p.end());
  double largest = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const auto n = static_cast<double>(p.size());
    largest = std::max({largest, std::abs(p[i] - static_cast<double>(i) / n),
                        std::abs(static_cast<double>(i + 1) / n - p[i])});
  }
  return largest;
}

void power_laws(const Settings& settings) {
  std::printf(
      "| alpha | n | mean of alpha | sd | interval covers | p < 0.1 | KS distance of p from "
      "uniform | "
      "the same, replicas of the true law |\n|---|---|---|---|---|---|---|---|\n");
  for (const double alpha : {1.5, 2.0, 3.0, 5.0}) {
    for (const int n : {100, 1000, 5000}) {
      if (n > settings.largest) continue;
      double sum = 0;
      double squares = 0;
      int covered = 0;
      int low = 0;
      std::vector<double> ps;
      std::vector<double> true_ps;
      for (int s = 0; s < settings.samples; ++s) {
        const auto stream = static_cast<std::uint64_t>(s);
        CounterRandom random(1000 + static_cast<std::uint64_t>(n + 10 * alpha), stream);
        const auto x = sample(n, [&] { return std::exp(random.exponential() / (alpha - 1)); });
        const PowerLaw fit = scan_power_law(x, kScan).value();
        sum += fit.alpha;
        squares += fit.alpha * fit.alpha;
        const Interval interval = alpha_interval(x, kScan, {settings.replicas, 2, stream});
        covered += interval.low <= alpha && alpha <= interval.high ? 1 : 0;
        ps.push_back(goodness_of_fit(x, kScan, fit, {settings.replicas, 3, stream}));
        low += ps.back() < 0.1 ? 1 : 0;
        PowerLaw truth = fit;
        truth.alpha = alpha;
        truth.xmin = 1;
        truth.num_tail = n;
        true_ps.push_back(goodness_of_fit(x, kScan, truth, {settings.replicas, 5, stream}));
      }
      const double count = settings.samples;
      std::printf("| %.1f | %d | %.3f | %.3f | %.1f %% | %.1f %% | %.3f | %.3f |\n", alpha, n,
                  sum / count, std::sqrt(squares / count - sum * sum / count / count),
                  100 * covered / count, 100 * low / count, distance_from_uniform(ps),
                  distance_from_uniform(true_ps));
      std::fflush(stdout);
    }
  }
}

void other_laws(const Settings& settings) {
  std::printf(
      "\n| sample | n | mean tail | p < 0.1 | another law is best | on the upper half: another law "
      "is best | tail at least half: p < 0.1 |\n|---|---|---|---|---|---|---|\n");
  for (const bool lognormal : {true, false}) {
    for (const int n : {100, 1000, 5000}) {
      if (n > settings.largest) continue;
      double tail = 0;
      int low = 0;
      int other = 0;
      int other_of_half = 0;
      int low_of_half = 0;
      for (int s = 0; s < settings.samples; ++s) {
        const auto stream = static_cast<std::uint64_t>(s);
        CounterRandom random(4 + (lognormal ? 0U : 1U), stream);
        const auto x =
            sample(n, [&] { return lognormal ? std::exp(random.normal()) : random.exponential(); });
        const PowerLaw fit = scan_power_law(x, kScan).value();
        tail += static_cast<double>(fit.num_tail);
        low += goodness_of_fit(x, kScan, fit, {settings.replicas, 3, stream}) < 0.1 ? 1 : 0;
        const auto begin = std::lower_bound(x.begin(), x.end(), fit.xmin);
        const std::vector<double> fitted(begin, x.end());
        other += fit_laws(fitted).best == Law::power_law ? 0 : 1;
        const std::vector<double> half(x.begin() + n / 2, x.end());
        other_of_half += fit_laws(half).best == Law::power_law ? 0 : 1;
        low_of_half += goodness_of_half(x, kScan, {settings.replicas, 3, stream}) < 0.1 ? 1 : 0;
      }
      const double count = settings.samples;
      std::printf("| %s | %d | %.0f | %.1f %% | %.1f %% | %.1f %% | %.1f %% |\n",
                  lognormal ? "lognormal, sigma 1" : "exponential", n, tail / count,
                  100 * low / count, 100 * other / count, 100 * other_of_half / count,
                  100 * low_of_half / count);
      std::fflush(stdout);
    }
  }
}

/// The share of matrices of noise whose largest eigenvalue is a spike. fit_bulk and free_null both
/// decide by this number, so the rest of the spectrum need not be computed.
double false_alarms(const Shape& shape, int matrices) {
  const auto rows = static_cast<double>(shape.long_side);
  const auto cols = static_cast<double>(shape.short_side);
  int alarms = 0;
  for (int s = 0; s < matrices; ++s) {
    CounterRandom random(6 + static_cast<std::uint64_t>(100 * shape.short_side + shape.long_side),
                         static_cast<std::uint64_t>(s));
    const auto gram = wishart::bench::gaussian_gram(shape.long_side, shape.short_side, 0, random);
    const double sum = std::accumulate(gram.diagonal.begin(), gram.diagonal.end(), 0.0);
    // 1e-7 of the largest is below 1e-3 of the Tracy-Widom scale for all sides up to 10^5.
    const double largest = wishart::bench::largest_eigenvalue(gram, 1e-7);
    alarms += largest_p(largest, sum / (rows * cols), rows, cols, 1) < kSpikeLevel ? 1 : 0;
  }
  return static_cast<double>(alarms) / matrices;
}

void spikes(const Settings& settings) {
  std::printf(
      "\n| M | Q | matrices | noise with a spike | standard error | matrices | one spike planted: "
      "found | found as exactly one |\n|---|---|---|---|---|---|---|---|\n");
  for (const std::int64_t cols : {100, 500, 2000}) {
    for (const std::int64_t aspect : {1, 2, 4, 16}) {
      if (cols > settings.largest) continue;
      const Shape shape{cols * aspect, cols};
      // Small matrices are cheaper, so there are more of them: about equal time per shape.
      const int noise = settings.noise * static_cast<int>(2000 / cols);
      const double share = false_alarms(shape, noise);
      // Twice the strength below which a spike stays in the bulk (Benaych-Georges and Nadakuditi).
      const double strength =
          2 * std::pow(static_cast<double>(shape.long_side) * static_cast<double>(cols), 0.25);
      int found = 0;
      int alone = 0;
      for (int s = 0; s < settings.matrices; ++s) {
        CounterRandom random(7 + static_cast<std::uint64_t>(cols * 100 + aspect),
                             static_cast<std::uint64_t>(s));
        const auto spiked =
            wishart::bench::gaussian_eigenvalues(shape.long_side, cols, strength, random);
        const std::size_t count = fit_bulk(spiked, shape).spike_p.size();
        found += count >= 1 ? 1 : 0;
        alone += count == 1 ? 1 : 0;
      }
      const double count = settings.matrices;
      std::printf("| %lld | %lld | %d | %.2f %% | %.2f %% | %d | %.1f %% | %.1f %% |\n",
                  static_cast<long long>(cols), static_cast<long long>(aspect), noise, 100 * share,
                  100 * std::sqrt(share * (1 - share) / noise), settings.matrices,
                  100 * found / count, 100 * alone / count);
      std::fflush(stdout);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  std::string part;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--part") part = argv[i + 1];
    if (name == "--samples") settings.samples = std::stoi(argv[i + 1]);
    if (name == "--replicas") settings.replicas = std::stol(argv[i + 1]);
    if (name == "--noise") settings.noise = std::stoi(argv[i + 1]);
    if (name == "--matrices") settings.matrices = std::stoi(argv[i + 1]);
    if (name == "--largest") settings.largest = std::stoi(argv[i + 1]);
  }
  if (part.empty() || part == "power-laws") power_laws(settings);
  if (part.empty() || part == "other-laws") other_laws(settings);
  if (part.empty() || part == "spikes") spikes(settings);
  return 0;
}
