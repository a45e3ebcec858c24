/// @file
/// Time of the metrics of one spectrum, compared with the spectrum itself.
///
///     bench_fit [--n 4096] [--runs 5]
///
/// prints one CSV line for each kind of spectrum of n values: milliseconds of processor time for
/// all default metrics, and for the same with one part added or removed. Compare with the seconds
/// that a spectrum of this size takes: column `seconds` of a scan.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "wishart/fit/metrics.hpp"
#include "wishart/fit/random.hpp"

#include "bidiagonal.hpp"

namespace {

using wishart::fit::CounterRandom;
using wishart::fit::FitOptions;

double milliseconds(int runs, const wishart::Matrix& matrix, const wishart::Spectrum& spectrum,
                    const FitOptions& options) {
  double best = 1e300;
  for (int i = 0; i < runs; ++i) {
    const std::clock_t start = std::clock();
    const auto row = wishart::fit::layer_row(matrix, spectrum, options);
    const double took = 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    if (row.status != "success") return -1;
    best = std::min(best, took);
  }
  return best;
}

wishart::Spectrum spectrum_of(const std::vector<double>& lambda) {
  wishart::Spectrum spectrum;
  spectrum.status = wishart::SpectrumStatus::ok;
  for (const double value : lambda) spectrum.sigma.push_back(std::sqrt(value));
  spectrum.view_sigma_min = {spectrum.sigma.front()};
  spectrum.view_sigma_max = {spectrum.sigma.back()};
  spectrum.view_rank_loss = {0};
  return spectrum;
}

}  // namespace

int main(int argc, char** argv) {
  std::int64_t n = 4096;
  int runs = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--n") n = std::stol(argv[i + 1]);
    if (name == "--runs") runs = std::stoi(argv[i + 1]);
  }
  wishart::Matrix matrix;
  matrix.key = matrix.tensor.name = "w";
  matrix.rows = n;
  matrix.cols = n;
  matrix.views = {{0, n, 1}};
  std::printf("kind,n,default,bootstrap_0,gof_100,clip_xmax,compat_mp_fit\n");
  for (int kind = 0; kind < 3; ++kind) {
    CounterRandom random(1, static_cast<std::uint64_t>(kind));
    std::vector<double> lambda;
    if (kind == 0) {
      lambda = wishart::bench::gaussian_eigenvalues(n, n, 0, random);
    } else {
      for (std::int64_t i = 0; i < n; ++i) {
        lambda.push_back(kind == 1 ? std::exp(random.exponential() / 2)
                                   : std::exp(1.5 * random.normal()));
      }
      std::sort(lambda.begin(), lambda.end());
    }
    const char* const names[] = {"gaussian", "power-law", "lognormal"};
    const wishart::Spectrum spectrum = spectrum_of(lambda);
    FitOptions no_bootstrap;
    no_bootstrap.bootstrap = 0;
    FitOptions gof;
    gof.gof = 100;
    FitOptions clip;
    clip.fix_fingers = wishart::fit::FixFingers::clip_xmax;
    FitOptions compat;
    compat.weightwatcher = true;
    compat.mp_fit = true;
    std::printf("%s,%lld", names[kind], static_cast<long long>(n));
    for (const FitOptions& options : {FitOptions{}, no_bootstrap, gof, clip, compat}) {
      std::printf(",%.2f", milliseconds(runs, matrix, spectrum, options));
    }
    std::printf("\n");
  }
  return 0;
}
