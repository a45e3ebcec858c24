/// @file
/// How often is a spectrum said to have no tail, and should it? The table of docs/metrics.md.
///
///     bench_simulate_no_tail [--samples 500] [--largest 256]
///
/// prints it in Markdown: the share of matrices without a tail by kind and shape. --largest leaves
/// out longer short sides (and takes the longest).

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "wishart/fit/no_tail.hpp"
#include "wishart/fit/power_law.hpp"
#include "wishart/fit/random.hpp"
#include "wishart/fit/thresholds.hpp"
#include "wishart/synth/planted_spectrum.hpp"

extern "C" void dgeqrf_(const int* m, const int* n, double* a, const int* lda, double* tau,
                        double* work, const int* lwork, int* info);
extern "C" void dorgqr_(const int* m, const int* n, const int* k, double* a, const int* lda,
                        const double* tau, double* work, const int* lwork, int* info);
extern "C" void dgesdd_(const char* job, const int* m, const int* n, double* a, const int* lda,
                        double* s, double* u, const int* ldu, double* vt, const int* ldvt,
                        double* work, const int* lwork, int* iwork, int* info);

namespace {

using namespace wishart::fit;

/// Column by column.
struct Dense {
  int rows;
  int cols;
  std::vector<double> a;
};

void check(int info, const char* what) {
  if (info != 0) throw std::runtime_error(what);
}

Dense gaussian(int rows, int cols, CounterRandom& random) {
  Dense w{rows, cols,
          std::vector<double>(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols))};
  for (double& value : w.a) value = random.normal();
  return w;
}

/// Orthonormal columns, uniformly distributed.
Dense orthogonal(int rows, int cols, CounterRandom& random) {
  Dense q = gaussian(rows, cols, random);
  std::vector<double> tau(static_cast<std::size_t>(cols));
  std::vector<double> work(64 * static_cast<std::size_t>(cols));
  const int size = 64 * cols;
  int info = 0;
  dgeqrf_(&rows, &cols, q.a.data(), &rows, tau.data(), work.data(), &size, &info);
  check(info, "dgeqrf");
  dorgqr_(&rows, &cols, &cols, q.a.data(), &rows, tau.data(), work.data(), &size, &info);
  check(info, "dorgqr");
  return q;
}

/// Ascending eigenvalues of W^T W.
std::vector<double> eigenvalues(Dense w) {
  std::vector<double> sigma(static_cast<std::size_t>(w.cols));
  const int size = 64 * (w.rows + w.cols);
  std::vector<double> work(static_cast<std::size_t>(size));
  std::vector<int> iwork(8 * static_cast<std::size_t>(w.cols));
  const int one = 1;
  int info = 0;
  dgesdd_("N", &w.rows, &w.cols, w.a.data(), &w.rows, sigma.data(), nullptr, &one, nullptr, &one,
          work.data(), &size, iwork.data(), &info);
  check(info, "dgesdd");
  std::reverse(sigma.begin(), sigma.end());
  for (double& value : sigma) value *= value;
  return sigma;
}

/// Five steps of Muon's Newton-Schulz iteration change the singular values and nothing else:
/// s -> 3.4445 s - 4.7750 s^3 + 2.0315 s^5, from the matrix over its Frobenius norm.
std::vector<double> newton_schulz(std::vector<double> lambda) {
  double sum = 0;
  for (const double value : lambda) sum += value;
  for (double& value : lambda) {
    double s = std::sqrt(value / sum);
    for (int step = 0; step < 5; ++step) {
      const double square = s * s;
      s *= 3.4445 + square * (-4.7750 + square * 2.0315);
    }
    value = s * s;
  }
  std::sort(lambda.begin(), lambda.end());
  return lambda;
}

struct Kind {
  std::string name;
  std::function<std::vector<double>(int rows, int cols, CounterRandom&)> draw;
};

std::vector<Kind> kinds() {
  std::vector<Kind> all;
  all.push_back({"Gaussian", [](int rows, int cols, CounterRandom& random) {
                   return eigenvalues(gaussian(rows, cols, random));
                 }});
  for (const double alpha : {1.5, 2.0, 4.0, 8.0}) {
    const std::string name = "alpha " + std::to_string(alpha).substr(0, 3);
    all.push_back({"Pareto, " + name, [alpha](int, int cols, CounterRandom& random) {
                     std::vector<double> x(static_cast<std::size_t>(cols));
                     for (double& value : x) value = std::exp(random.exponential() / (alpha - 1));
                     std::sort(x.begin(), x.end());
                     return x;
                   }});
    all.push_back({"`synth`, " + name, [alpha](int rows, int cols, CounterRandom& random) {
                     auto x = wishart::synth::planted_spectrum(rows, cols, {.alpha = alpha}).sigma;
                     for (double& value : x) {
                       value *= 1 + 1e-3 * random.normal();  // about what BF16 does to them
                       value *= value;
                     }
                     std::sort(x.begin(), x.end());
                     return x;
                   }});
  }
  for (const char* noise : {"1e-8", "1e-4", "0.01", "0.02", "0.05", "0.1", "0.2", "0.3", "0.5"}) {
    const double size = std::stod(noise);
    all.push_back({std::string("orthogonal, noise ") + noise,
                   [size](int rows, int cols, CounterRandom& random) {
                     Dense w = orthogonal(rows, cols, random);
                     for (double& value : w.a) value += size / std::sqrt(rows) * random.normal();
                     return eigenvalues(std::move(w));
                   }});
  }
  all.push_back({"Newton-Schulz of a Gaussian", [](int rows, int cols, CounterRandom& random) {
                   return newton_schulz(eigenvalues(gaussian(rows, cols, random)));
                 }});
  all.push_back({"sigma uniform in 0.7 .. 1.2", [](int, int cols, CounterRandom& random) {
                   std::vector<double> x(static_cast<std::size_t>(cols));
                   for (double& value : x) value = std::pow(0.7 + 0.5 * random.uniform(), 2);
                   std::sort(x.begin(), x.end());
                   return x;
                 }});
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  int samples = 500;
  int largest = 256;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--samples") samples = std::stoi(argv[i + 1]);
    if (name == "--largest") largest = std::stoi(argv[i + 1]);
  }
  struct Size {
    int rows, cols;
  };
  std::vector<Size> sizes{{10, 10},  {160, 10},  {16, 16},   {32, 32},   {64, 64},
                          {256, 64}, {1024, 64}, {256, 256}, {1024, 256}};
  std::erase_if(sizes, [&](const Size& size) { return size.cols > largest; });
  std::printf("| matrix |");
  for (const Size& size : sizes) std::printf(" %d x %d |", size.rows, size.cols);
  std::printf("\n|---|");
  for (std::size_t i = 0; i < sizes.size(); ++i) std::printf("---|");
  std::printf("\n");
  constexpr ScanOptions kScan{.min_tail = kMinTail, .skip_repeated = true};
  for (const Kind& kind : kinds()) {
    std::printf("| %s |", kind.name.c_str());
    for (const auto& [rows, cols] : sizes) {
      // Large ones cost more and vary less.
      const int count = std::max(1, cols > 64 ? samples / 10 : samples);
      int without = 0;
      std::vector<double> kept;
      for (int s = 0; s < count; ++s) {
        CounterRandom random(static_cast<std::uint64_t>(8 + 1000 * rows + cols),
                             static_cast<std::uint64_t>(s));
        const std::vector<double> x = kind.draw(rows, cols, random);
        const PowerLaw fit = scan_power_law(x, kScan).value();
        if (why_no_tail(x, {rows, cols}, fit.alpha).empty()) {
          kept.push_back(fit.alpha);
        } else {
          ++without;
        }
      }
      const double most = kept.empty() ? 0 : *std::max_element(kept.begin(), kept.end());
      std::printf(kept.empty() ? " %.3g |" : " %.3g, %.3g |", 100.0 * without / count, most);
      std::fflush(stdout);
    }
    std::printf("\n");
  }
  return 0;
}
