/// @file
/// Speed of the power-law scan, compared with a plain full scan and with WeightWatcher's loop.
///
///     bench_scan [--n 15000] [--runs 5] [--write FOLDER]
///
/// prints one CSV line for each kind of spectrum: seconds of a plain compiled full scan (n (n - 1)
/// / 2 exponentials), of ours, and their ratio; it fails if the two do not agree to the last bit.
/// With --write, the spectra are left in FOLDER as raw float64 for tests/bench/numpy_scan.py, which
/// times the loop in numpy on the same numbers. Both on one core: `taskset -c 1 bench_scan`.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "wishart/fit/power_law.hpp"

namespace {

using wishart::fit::Tail;

/// Computes every distance in full, by the definition.
Tail plain_scan(const std::vector<double>& x, std::size_t min_tail) {
  const std::size_t n = x.size();
  std::vector<double> y(n);
  for (std::size_t i = 0; i < n; ++i) y[i] = std::log(x[i]);
  std::vector<double> alpha(n);
  long double sum = 0;
  for (std::size_t i = n; i-- > 0;) {
    if (i + 1 < n) {
      sum += static_cast<long double>(n - i - 1) *
             (static_cast<long double>(y[i + 1]) - static_cast<long double>(y[i]));
    }
    alpha[i] = static_cast<double>(1 + static_cast<long double>(n - i) / sum);
  }
  Tail best{0, 0, 2};
  for (std::size_t i = 0; i + min_tail <= n; ++i) {
    const std::size_t m = n - i;
    double D = 0;
    for (std::size_t k = 0; k < m; ++k) {
      const double survival = std::exp((1 - alpha[i]) * (y[i + k] - y[i]));
      D = std::max(D, std::abs(1 - survival - static_cast<double>(k) / static_cast<double>(m)));
    }
    if (D < best.D) best = {x[i], alpha[i], D};
  }
  return best;
}

struct Kind {
  const char* name;
  double (*draw)(std::mt19937_64&);
};

double uniform(std::mt19937_64& random) {
  return (static_cast<double>(random() >> 11U) + 0.5) * 0x1p-53;
}
double normal(std::mt19937_64& random) {
  return std::sqrt(-2 * std::log(uniform(random))) * std::cos(6.283185307179586 * uniform(random));
}

const std::vector<Kind> kKinds{
    {"power-law", [](std::mt19937_64& r) { return std::pow(uniform(r), -1 / 2.0); }},
    {"lognormal", [](std::mt19937_64& r) { return std::exp(1.5 * normal(r)); }},
    {"exponential", [](std::mt19937_64& r) { return -std::log(uniform(r)); }},
    {"bulk-and-tail",
     [](std::mt19937_64& r) {
       return uniform(r) < 0.9 ? 4 * uniform(r) * uniform(r) : 2 * std::pow(uniform(r), -1 / 2.5);
     }},
};

template <class F>
double best_seconds(int runs, F&& act) {
  double best = 1e300;
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    act();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t n = 15000;
  int runs = 5;
  std::string folder;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--n") n = std::stoul(argv[i + 1]);
    if (name == "--runs") runs = std::stoi(argv[i + 1]);
    if (name == "--write") folder = argv[i + 1];
  }
  bool same = true;
  std::printf("kind,n,plain_seconds,seconds,ratio\n");
  for (const Kind& kind : kKinds) {
    std::mt19937_64 random(20261124);
    std::vector<double> x(n);
    for (double& value : x) value = kind.draw(random);
    std::sort(x.begin(), x.end());
    if (!folder.empty()) {
      std::ofstream file(folder + "/" + kind.name + ".f64", std::ios::binary);
      file.write(reinterpret_cast<const char*>(x.data()),
                 static_cast<std::streamsize>(n * sizeof(double)));
    }
    Tail plain;
    wishart::fit::PowerLaw ours;
    const double plain_time = best_seconds(std::min(runs, 2), [&] { plain = plain_scan(x, 2); });
    const double time = best_seconds(
        runs, [&] { ours = wishart::fit::scan_power_law(x, {.min_tail = 2}).value(); });
    std::printf("%s,%zu,%.6f,%.6f,%.1f\n", kind.name, n, plain_time, time, plain_time / time);
    same = same && ours.D == plain.D && ours.alpha == plain.alpha && ours.xmin == plain.xmin;
  }
  if (!same) std::fprintf(stderr, "bench_scan: the two scans do not agree\n");
  return same ? 0 : 1;
}
