/// @file
/// Time of the stages of one rank's singular value solver, compared with LAPACK's GESDD.
///
///     OPENBLAS_NUM_THREADS=1 taskset -c 1 bench_singular_values [--order 4096] [--width 64]
///         [--runs 3] [--gesdd yes]
///
/// Prints a CSV line for the two stages, by the best instruction set, and one for GESDD: seconds
/// of processor time, minimum over the runs. Exits with 1 if the values differ from GESDD's.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"

#include "lapack.hpp"
#include "singular_values.hpp"

namespace {

using namespace wishart;
using namespace wishart::spectrum;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

template <typename Body>
void keep_least(double& least, Body&& body) {
  const double start = cpu_seconds();
  body();
  least = std::min(least, cpu_seconds() - start);
}

std::vector<double> noise(std::int64_t n) {
  std::mt19937_64 random(1);
  std::vector<double> a(static_cast<std::size_t>(n * n));
  for (double& value : a) value = static_cast<double>(random() >> 11U) * 0x1p-53 - 0.5;
  return a;
}

/// Descending.
std::vector<double> by_gesdd(std::vector<double> a, std::int64_t order, double& seconds) {
  const int n = narrow<int>(order, "order");
  std::vector<double> sigma(static_cast<std::size_t>(n));
  std::vector<int> iwork(static_cast<std::size_t>(8 * n));
  const int lwork = 80 * n;
  std::vector<double> work(static_cast<std::size_t>(lwork));
  const int one = 1;
  double unused = 0;
  int info = 0;
  keep_least(seconds, [&] {
    dgesdd_("N", &n, &n, a.data(), &n, sigma.data(), &unused, &one, &unused, &one, work.data(),
            &lwork, iwork.data(), &info, 1);
  });
  require(info == 0, "dgesdd failed");
  return sigma;
}

int run(int argc, char** argv) {
  std::int64_t n = 4096;
  std::int64_t width = 64;
  int runs = 3;
  bool gesdd = true;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--order") n = std::stoll(argv[i + 1]);
    if (name == "--width") width = std::stoll(argv[i + 1]);
    if (name == "--runs") runs = std::stoi(argv[i + 1]);
    if (name == "--gesdd") gesdd = std::string(argv[i + 1]) == "yes";
  }
  const double none = std::numeric_limits<double>::infinity();
  const std::vector<double> matrix = noise(n);
  double band = none;
  double chase = none;
  double values = none;
  std::vector<double> d(static_cast<std::size_t>(n));
  std::vector<double> e(static_cast<std::size_t>(n));
  const InstructionSet isa = best_instruction_set();
  for (int k = 0; k < runs; ++k) {
    Workspace workspace;
    std::vector<double> a = matrix;
    keep_least(band, [&] { reduce_to_upper_band(a, n, n, width, workspace); });
    keep_least(chase, [&] { reduce_to_bidiagonal(a, n, n, width, isa, workspace, d, e); });
    keep_least(values, [&] { bidiagonal_values(d, e, workspace); });
  }
  const std::string version(build_info().version);
  std::printf("version,routine,order,width,full_to_band,chase,dbdsqr\n");
  std::printf("%s,two-stage-svd,%lld,%lld,%.3f,%.3f,%.3f\n", version.c_str(),
              static_cast<long long>(n), static_cast<long long>(width), band, chase, values);
  if (!gesdd) return 0;
  double seconds = none;
  std::vector<double> reference;
  for (int k = 0; k < runs; ++k) reference = by_gesdd(matrix, n, seconds);
  std::printf("%s,dgesdd,%lld,,%.3f,,\n", version.c_str(), static_cast<long long>(n), seconds);
  const double bound = 100 * std::sqrt(static_cast<double>(n)) * 0x1p-52 * reference.front();
  for (std::size_t i = 0; i < d.size(); ++i) {
    if (!(std::abs(d[i] - reference[i]) <= bound)) return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
