/// @file
/// Time of the stages of one rank's eigenvalue solver, by instruction set, compared with LAPACK.
///
///     OPENBLAS_NUM_THREADS=1 taskset -c 1 bench_eigenvalues [--order 4096] [--width 64] [--runs 3]
///         [--kernels all|best] [--one-stage yes]
///
/// Prints one CSV line for each instruction set that the processor supports (`portable`: first
/// stage with the BLAS) or for the best only, then one for DSYEVD_2STAGE, and one for DSYEVD if
/// asked for: seconds of processor time, minimum over the runs. Exits with 1 if the eigenvalues
/// differ from DSYEVD_2STAGE's.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"

#include "band.hpp"

extern "C" {
void dsterf_(const int* n, double* d, double* e, int* info);
void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w,
             double* work, const int* lwork, int* iwork, const int* liwork, int* info, std::size_t,
             std::size_t);
void dsyevd_2stage_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda,
                    double* w, double* work, const int* lwork, int* iwork, const int* liwork,
                    int* info, std::size_t, std::size_t);
}

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

/// A matrix similar to the Gram matrix of noise, lower triangle, with a diagonal near 1.
std::vector<double> gram_like(std::int64_t n) {
  std::vector<double> a(static_cast<std::size_t>(n * n));
  std::uint64_t state = 1;
  for (std::int64_t col = 0; col < n; ++col) {
    for (std::int64_t row = col; row < n; ++row) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      const double noise = static_cast<double>(state >> 11U) * 0x1p-53 - 0.5;
      a[static_cast<std::size_t>(row + col * n)] = row == col ? 1.0 : 0.01 * noise;
    }
  }
  return a;
}

/// @param routine  DSYEVD or DSYEVD_2STAGE
std::vector<double> by_lapack(decltype(dsyevd_)* routine, const std::vector<double>& matrix,
                              std::int64_t order, int runs, double& seconds) {
  const int n = narrow<int>(order, "order");
  std::vector<double> values(static_cast<std::size_t>(n));
  for (int run = 0; run < runs; ++run) {
    std::vector<double> a = matrix;
    int info = 0;
    int ask = -1;
    double size = 0;
    int isize = 0;
    routine("N", "L", &n, a.data(), &n, values.data(), &size, &ask, &isize, &ask, &info, 1, 1);
    const int lwork = static_cast<int>(size) + 1;
    std::vector<double> work(static_cast<std::size_t>(lwork));
    std::vector<int> iwork(static_cast<std::size_t>(isize));
    keep_least(seconds, [&] {
      routine("N", "L", &n, a.data(), &n, values.data(), work.data(), &lwork, iwork.data(), &isize,
              &info, 1, 1);
    });
    require(info == 0, "an eigenvalue routine of LAPACK failed");
  }
  return values;
}

int run(int argc, char** argv) {
  std::int64_t n = 4096;
  std::int64_t width = 64;
  int runs = 3;
  bool only_best = false;
  bool one_stage = false;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--order") n = std::stoll(argv[i + 1]);
    if (name == "--width") width = std::stoll(argv[i + 1]);
    if (name == "--runs") runs = std::stoi(argv[i + 1]);
    if (name == "--kernels") only_best = std::string(argv[i + 1]) == "best";
    if (name == "--one-stage") one_stage = std::string(argv[i + 1]) == "yes";
  }
  const double none = std::numeric_limits<double>::infinity();
  const std::vector<double> matrix = gram_like(n);
  double lapack = none;
  const std::vector<double> reference = by_lapack(dsyevd_2stage_, matrix, n, runs, lapack);
  const std::string version(build_info().version);
  std::printf("version,kernels,order,width,full_to_band,chase,dsterf\n");
  int wrong = 0;
  const char* const names[] = {"portable", "avx2", "avx512"};
  const int best = static_cast<int>(best_instruction_set());
  for (int set = only_best ? best : 0; set <= best; ++set) {
    const auto isa = static_cast<InstructionSet>(set);
    double band = none;
    double chase = none;
    double values = none;
    std::vector<double> d(static_cast<std::size_t>(n));
    std::vector<double> e(static_cast<std::size_t>(n));
    for (int k = 0; k < runs; ++k) {
      Workspace workspace;
      std::vector<double> a = matrix;
      keep_least(band, [&] { reduce_to_band(a, n, n, width, isa, workspace); });
      keep_least(chase, [&] { reduce_to_tridiagonal(a, n, n, width, isa, workspace, d, e); });
      const int order = narrow<int>(n, "order");
      int info = 0;
      keep_least(values, [&] { dsterf_(&order, d.data(), e.data(), &info); });
    }
    for (std::size_t i = 0; i < d.size(); ++i) {
      const double bound = 100 * std::sqrt(static_cast<double>(n)) * 0x1p-52 * reference.back();
      if (std::abs(d[i] - reference[i]) > bound) ++wrong;
    }
    std::printf("%s,%s,%lld,%lld,%.3f,%.3f,%.3f\n", version.c_str(), names[set],
                static_cast<long long>(n), static_cast<long long>(width), band, chase, values);
  }
  std::printf("%s,dsyevd_2stage,%lld,,%.3f,,\n", version.c_str(), static_cast<long long>(n),
              lapack);
  if (one_stage) {
    double seconds = none;
    (void)by_lapack(dsyevd_, matrix, n, runs, seconds);
    std::printf("%s,dsyevd,%lld,,%.3f,,\n", version.c_str(), static_cast<long long>(n), seconds);
  }
  return wrong > 0 ? 1 : 0;
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
