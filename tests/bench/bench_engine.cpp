/// @file
/// Speed of the engine: singular values of matrices stored in memory as bf16, decoded as they are
/// read. One CSV line per run.
///
///     OPENBLAS_NUM_THREADS=1 tools/mpirun -np 2 build/release/tests/bench/bench_engine
///         --rows 4096 --cols 4096 [--matrices 1] [--runs 3] [--method gram|qr|svd]
///         [--precision double|single] [--products float64|integer] [--team 1] [--solver
///         auto|local|scalapack|elpa]
///
/// With --team 1 all ranks solve their own matrices at the same time, and `seconds` is the time per
/// matrix: wall time / (ranks x matrices). With a larger team the ranks of a team share matrices.
/// `gflops` counts N M^2 + 4/3 M^3 operations per matrix over all ranks. Divided by the dgemm rate
/// of the ranks it gives the share of the limit defined in docs/numerics.md.
///
/// Exits with 1 if sum sigma^2 differs from the sum of squares by more than the engine's bound, or
/// two runs differ in a bit.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/mpi/session.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "bf16_source.hpp"

namespace {

using namespace wishart;

struct Arguments {
  std::map<std::string, std::string> values{
      {"rows", "4096"},        {"cols", "4096"},        {"matrices", "1"},
      {"runs", "3"},           {"team", "1"},           {"method", "gram"},
      {"precision", "double"}, {"products", "float64"}, {"solver", "auto"}};
  Arguments(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
      const std::string key = std::string(argv[i]).substr(2);
      if (!values.contains(key)) throw Error(Blame::usage, "bench_engine: unknown --" + key);
      values[key] = argv[i + 1];
    }
  }
  [[nodiscard]] std::int64_t number(const char* key) const { return std::stoll(values.at(key)); }
  [[nodiscard]] const std::string& text(const char* key) const { return values.at(key); }
};

spectrum::SolveOptions solve_options(const Arguments& arguments) {
  spectrum::SolveOptions options;
  const std::string& method = arguments.text("method");
  options.method = method == "qr" ? Method::qr : (method == "svd" ? Method::svd : Method::gram);
  if (arguments.text("precision") == "single") options.precision = Precision::float32;
  if (arguments.text("products") == "integer") options.products = Products::integer;
  for (const Solver solver : {Solver::local, Solver::scalapack, Solver::elpa}) {
    if (arguments.text("solver") == solver_name(solver)) options.solver = solver;
  }
  return options;
}

double peak_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

int run(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  const mpi::Session session;
  const mpi::Comm world = mpi::Comm::world();
  const auto team_size = static_cast<int>(arguments.number("team"));
  const mpi::Comm comm = world.split(world.rank() / team_size, world.rank());
  const spectrum::SolveOptions options = solve_options(arguments);
  Matrix matrix;
  matrix.key = "bench";
  matrix.rows = arguments.number("rows");
  matrix.cols = arguments.number("cols");
  matrix.tensor.dtype = Dtype::bf16;
  matrix.views = {View{0, matrix.cols, 1}};
  bench::Bf16Source source(matrix.rows, matrix.cols,
                           static_cast<std::uint64_t>(world.rank() / team_size));
  spectrum::Team team(comm);
  spectrum::Workspace workspace;
  const std::int64_t matrices = arguments.number("matrices");
  const int teams = world.size() / team_size;
  std::vector<double> times;
  Spectrum first;
  int wrong = 0;
  const double base_mib = world.maximum(peak_mib());
  for (std::int64_t k = 0; k <= arguments.number("runs"); ++k) {
    world.barrier();
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < matrices; ++i) {
      const Spectrum result = spectrum::compute_spectrum(matrix, source, team, options, workspace);
      if (result.status != SpectrumStatus::ok) {
        std::cerr << result.reason << '\n';
        ++wrong;
      }
      if (first.status != SpectrumStatus::ok) first = result;
      if (result.sigma != first.sigma) ++wrong;
    }
    world.barrier_asleep();
    const double wall =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (k > 0)
      times.push_back(wall / static_cast<double>(matrices * teams));  // the first run is a warm-up
  }
  std::sort(times.begin(), times.end());
  const double seconds = times[times.size() / 2];
  const auto n = static_cast<double>(matrix.long_side());
  const auto m = static_cast<double>(matrix.short_side());
  const double mib = world.maximum(peak_mib());
  if (world.rank() == 0) {
    std::printf(
        "%s,engine,%s,%s,%s,%lldx%lld,ranks %d,team %d,%.4f s,%.1f GFLOP/s,%.0f MiB,"
        "%.0f MiB before\n",
        std::string(build_info().version).c_str(), arguments.text("method").c_str(),
        arguments.text("precision").c_str(), first.solver.c_str(),
        static_cast<long long>(matrix.rows), static_cast<long long>(matrix.cols), world.size(),
        team_size, seconds, (n * m * m + 4.0 / 3.0 * m * m * m) / seconds / 1e9, mib, base_mib);
  }
  return world.maximum(static_cast<double>(wrong)) > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << describe(error) << '\n';
    return 2;
  }
}
