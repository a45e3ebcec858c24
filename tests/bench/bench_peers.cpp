/// @file
/// The references for wishart's speed: dgemm as the limit of the machine, and singular values by
/// the routines that others would call. Prints one CSV line each. All values are compared with
/// planted ones.
///
///     OPENBLAS_NUM_THREADS=1 tools/mpirun -np 2 build/release/tests/bench/bench_peers
///         --rows 4096 --cols 4096 [--block 64] [--what NAME]
///
/// gemm_one     dgemm of cols x cols on rank 0, the others asleep
/// gemm_all     the same on every rank at once; GFLOP/s of all together
/// pdgesvd      singular values of the matrix, ScaLAPACK
/// pdsyevr      eigenvalues of its Gram matrix, cols x cols (formed outside the measured time)
/// pdsyntrd     the same by reduction to tridiagonal form and DSTERF
/// elpa1, elpa2 the same by ELPA with one and two stages, if it was there when this was built
///
/// Exits with 1 if a value is wrong by more than the bound given at `allowed_error`.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/mpi/comm.hpp"
#include "wishart/mpi/session.hpp"
#include "wishart/spectrum/block_cyclic.hpp"
#include "wishart/spectrum/process_grid.hpp"
#include "wishart/synth/planted_matrix.hpp"
#include "wishart/synth/planted_spectrum.hpp"

#include "fortran.hpp"
#include "peer_options.hpp"

namespace {

using wishart::bench::Options;
using wishart::mpi::Comm;
using wishart::spectrum::BlockCyclic;
using wishart::spectrum::ProcessGrid;

constexpr double kGiga = 1e9;
constexpr std::chrono::hours kPatience{24};

/// A measured run: values ascending, or empty if it computes none.
struct Run {
  double seconds = 0;
  double flop = 0;
  std::vector<double> values;
};

/// Seconds that `body` takes on the slowest rank. Collective over `comm`.
double timed(const Comm& comm, const std::function<void()>& body) {
  comm.barrier();
  const double start = MPI_Wtime();
  body();
  const double seconds = MPI_Wtime() - start;
  // Sleep until all are done: a spinning rank would slow the others.
  wishart::require(wishart::mpi::all_arrive(comm, kPatience), "a rank did not come back in time");
  return comm.maximum(seconds);
}

/// A local part of a block-cyclic matrix, column-major.
struct Distributed {
  std::vector<double> values;
  Descriptor descriptor{};
  BlockCyclic rows;
  BlockCyclic cols;
};

Distributed distributed(const ProcessGrid& grid, int rows, int cols, int block,
                        const std::function<double(std::int64_t, std::int64_t)>& element) {
  Distributed part;
  part.rows = {rows, block, grid.rows()};
  part.cols = {cols, block, grid.cols()};
  const std::int64_t local_rows = part.rows.local_extent(grid.row());
  const std::int64_t local_cols = part.cols.local_extent(grid.col());
  part.values.resize(static_cast<std::size_t>(std::max<std::int64_t>(1, local_rows * local_cols)));
  for (std::int64_t j = 0; j < local_cols; ++j) {
    for (std::int64_t i = 0; i < local_rows; ++i) {
      part.values[static_cast<std::size_t>(i + j * local_rows)] =
          element(part.rows.global_index(grid.row(), i), part.cols.global_index(grid.col(), j));
    }
  }
  const int zero = 0;
  const int context = grid.context();
  const int leading = std::max(1, static_cast<int>(local_rows));
  int info = 0;
  descinit_(part.descriptor.data(), &rows, &cols, &block, &block, &zero, &zero, &context, &leading,
            &info);
  wishart::require(info == 0, "descinit");
  return part;
}

/// The benchmark's matrix, the same on every rank, and the expected values.
struct Problem {
  int rows;
  int cols;
  int block;
  std::vector<double> matrix;  ///< row-major
  std::vector<double> gram;    ///< cols x cols, both triangles
  std::vector<double> sigma;   ///< ascending
};

Problem make_problem(const Options& options) {
  wishart::require(options.rows >= options.cols && options.cols >= 2,
                   "bench_peers wants --rows >= --cols");
  Problem problem{options.rows, options.cols, options.block, {}, {}, {}};
  problem.sigma = wishart::synth::planted_spectrum(options.rows, options.cols, {}).sigma;
  wishart::synth::HartleyTables tables;
  wishart::synth::PlantedMatrix planted(options.rows, options.cols, problem.sigma, 1, "bench",
                                        tables);
  const auto n = static_cast<std::size_t>(options.cols);
  problem.matrix.resize(static_cast<std::size_t>(options.rows) * n);
  planted.fill_rows(0, options.rows, problem.matrix);
  problem.gram.resize(n * n);
  const double one = 1;
  const double zero = 0;
  // Row-major rows x cols is column-major cols x rows, A: the Gram matrix is A A^T.
  dgemm_("N", "T", &options.cols, &options.cols, &options.rows, &one, problem.matrix.data(),
         &options.cols, problem.matrix.data(), &options.cols, &zero, problem.gram.data(),
         &options.cols, 1, 1);
  return problem;
}

Distributed distributed_gram(const Problem& problem, const ProcessGrid& grid) {
  return distributed(grid, problem.cols, problem.cols, problem.block,
                     [&](std::int64_t i, std::int64_t j) {
                       return problem.gram[static_cast<std::size_t>(i + j * problem.cols)];
                     });
}

double eigen_flop(const Problem& problem) { return 4.0 / 3 * std::pow(problem.cols, 3); }

/// The error of backward stable algorithms is a modest multiple of eps and grows at most linearly
/// with size.
double allowed_error(const Problem& problem) {
  return std::numeric_limits<double>::epsilon() * std::max(64, problem.cols);
}

Run run_gemm(const Problem& problem, const Comm& comm, bool everywhere) {
  const int n = problem.cols;
  std::vector<double> product(problem.gram.size());
  const double one = 1;
  const double zero = 0;
  Run run;
  run.seconds = timed(comm, [&] {
    if (!everywhere && comm.rank() != 0) return;
    dgemm_("N", "N", &n, &n, &n, &one, problem.gram.data(), &n, problem.gram.data(), &n, &zero,
           product.data(), &n, 1, 1);
  });
  run.flop = 2 * std::pow(n, 3) * (everywhere ? comm.size() : 1);
  if (!everywhere && comm.rank() != 0) return run;
  // The trace of the square is the sum of the squared eigenvalues.
  double trace = 0;
  double expected = 0;
  for (std::size_t i = 0; i < problem.sigma.size(); ++i) {
    trace += product[i * (problem.sigma.size() + 1)];
    expected += std::pow(problem.sigma[i], 4);
  }
  wishart::require(std::abs(trace - expected) <= allowed_error(problem) * expected,
                   "dgemm: the trace of the product is wrong");
  return run;
}

Run run_pdgesvd(const Problem& problem, const Comm& comm) {
  const ProcessGrid grid(comm);
  Distributed a = distributed(
      grid, problem.rows, problem.cols, problem.block, [&](std::int64_t i, std::int64_t j) {
        return problem.matrix[static_cast<std::size_t>(i * problem.cols + j)];
      });
  Run run;
  run.values.resize(static_cast<std::size_t>(problem.cols));
  const int one = 1;
  double unused = 0;
  int info = 0;
  const auto call = [&](double* work, int size) {
    pdgesvd_("N", "N", &problem.rows, &problem.cols, a.values.data(), &one, &one,
             a.descriptor.data(), run.values.data(), &unused, &one, &one, a.descriptor.data(),
             &unused, &one, &one, a.descriptor.data(), work, &size, &info, 1, 1);
    wishart::require(info == 0, "PDGESVD");
  };
  double size = 0;
  call(&size, -1);
  std::vector<double> work(static_cast<std::size_t>(size) + 1);
  run.seconds = timed(comm, [&] { call(work.data(), static_cast<int>(work.size())); });
  std::reverse(run.values.begin(), run.values.end());
  run.flop = 4.0 * problem.rows * std::pow(problem.cols, 2) - eigen_flop(problem);
  return run;
}

Run run_pdsyevr(const Problem& problem, const Comm& comm) {
  const ProcessGrid grid(comm);
  Distributed a = distributed_gram(problem, grid);
  Run run;
  run.values.resize(static_cast<std::size_t>(problem.cols));
  const int one = 1;
  const double unused = 0;
  double vectors = 0;
  int found = 0;
  int found_vectors = 0;
  int info = 0;
  const auto call = [&](double* work, int size, int* integers, int count) {
    pdsyevr_("N", "A", "L", &problem.cols, a.values.data(), &one, &one, a.descriptor.data(),
             &unused, &unused, &one, &problem.cols, &found, &found_vectors, run.values.data(),
             &vectors, &one, &one, a.descriptor.data(), work, &size, integers, &count, &info, 1, 1,
             1);
    wishart::require(info == 0, "PDSYEVR");
  };
  std::vector<double> sizes(10);
  std::vector<int> integers(10);
  call(sizes.data(), -1, integers.data(), -1);
  std::vector<double> work(static_cast<std::size_t>(sizes[0]) + 1);
  integers.resize(static_cast<std::size_t>(std::max(integers[0], 10)));
  run.seconds = timed(comm, [&] {
    call(work.data(), static_cast<int>(work.size()), integers.data(),
         static_cast<int>(integers.size()));
  });
  run.flop = eigen_flop(problem);
  return run;
}

/// Gathers the diagonal `part`, distributed over the columns of `grid`, on every rank.
std::vector<double> gathered(const Comm& comm, const ProcessGrid& grid, const BlockCyclic& cols,
                             const std::vector<double>& part, std::int64_t count) {
  std::vector<double> whole(static_cast<std::size_t>(cols.extent));
  for (std::int64_t j = 0; grid.row() == 0 && j < cols.local_extent(grid.col()); ++j) {
    const std::int64_t index = cols.global_index(grid.col(), j);
    if (index < count) whole[static_cast<std::size_t>(index)] = part[static_cast<std::size_t>(j)];
  }
  comm.sum(std::span<double>(whole));
  return whole;
}

Run run_pdsyntrd(const Problem& problem, const Comm& comm) {
  const ProcessGrid grid(comm);
  Distributed a = distributed_gram(problem, grid);
  const auto local = static_cast<std::size_t>(a.cols.local_extent(grid.col()) + 1);
  std::vector<double> d(local);
  std::vector<double> e(local);
  std::vector<double> tau(local);
  const int one = 1;
  int info = 0;
  const auto call = [&](double* work, int size) {
    pdsyntrd_("L", &problem.cols, a.values.data(), &one, &one, a.descriptor.data(), d.data(),
              e.data(), tau.data(), work, &size, &info, 1);
    wishart::require(info == 0, "PDSYNTRD");
  };
  double size = 0;
  call(&size, -1);
  std::vector<double> work(static_cast<std::size_t>(size) + 1);
  Run run;
  run.seconds = timed(comm, [&] {
    call(work.data(), static_cast<int>(work.size()));
    run.values = gathered(comm, grid, a.cols, d, problem.cols);
    std::vector<double> off = gathered(comm, grid, a.cols, e, problem.cols - 1);
    dsterf_(&problem.cols, run.values.data(), off.data(), &info);
    wishart::require(info == 0, "DSTERF");
  });
  run.flop = eigen_flop(problem);
  return run;
}

#ifdef WISHART_HAVE_ELPA
Run run_elpa(const Problem& problem, const Comm& comm, int stages) {
  const ProcessGrid grid(comm);
  Distributed a = distributed_gram(problem, grid);
  int error = 0;
  wishart::require(elpa_init(kElpaApi) == 0, "elpa_init");
  const ElpaHandle handle = elpa_allocate(&error);
  const auto set = [&](const char* name, int value) {
    elpa_set_integer(handle, name, value, &error);
    wishart::require(error == 0, name);
  };
  set("na", problem.cols);
  set("nev", problem.cols);
  set("nblk", problem.block);
  set("local_nrows", static_cast<int>(a.rows.local_extent(grid.row())));
  set("local_ncols", static_cast<int>(a.cols.local_extent(grid.col())));
  set("mpi_comm_parent", static_cast<int>(MPI_Comm_c2f(comm.get())));
  set("process_row", grid.row());
  set("process_col", grid.col());
  wishart::require(elpa_setup(handle) == 0, "elpa_setup");
  set("solver", stages);
  Run run;
  run.values.resize(static_cast<std::size_t>(problem.cols));
  run.seconds = timed(comm, [&] {
    elpa_eigenvalues_double(handle, a.values.data(), run.values.data(), &error);
    wishart::require(error == 0, "elpa_eigenvalues");
  });
  elpa_deallocate(handle, &error);
  elpa_uninit(&error);
  run.flop = eigen_flop(problem);
  return run;
}
#endif

/// The largest error as a share of the largest value. Eigenvalues are squares.
double error_of(const Run& run, const Problem& problem, bool squares) {
  double worst = 0;
  const double top = problem.sigma.back();
  for (std::size_t i = 0; i < run.values.size(); ++i) {
    const double sigma = problem.sigma[i];
    worst = std::max(worst, std::abs(run.values[i] - (squares ? sigma * sigma : sigma)) /
                                (squares ? top * top : top));
  }
  return worst;
}

double peak_rss_mib() {
  ::rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

struct Peer {
  const char* name;
  bool squares;
  std::function<Run(const Problem&, const Comm&)> run;
};

std::vector<Peer> peers() {
  return {
      {"gemm_one", false, [](const auto& p, const auto& c) { return run_gemm(p, c, false); }},
      {"gemm_all", false, [](const auto& p, const auto& c) { return run_gemm(p, c, true); }},
      {"pdgesvd", false, run_pdgesvd},
      {"pdsyevr", true, run_pdsyevr},
      {"pdsyntrd", true, run_pdsyntrd},
#ifdef WISHART_HAVE_ELPA
      {"elpa1", true, [](const auto& p, const auto& c) { return run_elpa(p, c, 1); }},
      {"elpa2", true, [](const auto& p, const auto& c) { return run_elpa(p, c, 2); }},
#endif
  };
}

int run_all(const Options& options, const Comm& comm) {
  const Problem problem = make_problem(options);
  if (comm.rank() == 0) {
    std::cout << "version,what,rows,cols,ranks,threads,seconds,gflops,peak_rss_mib,error\n";
  }
  const char* threads = std::getenv("OPENBLAS_NUM_THREADS");
  int wrong = 0;
  bool any = false;
  for (const Peer& peer : peers()) {
    if (options.what != "all" && options.what != peer.name) continue;
    any = true;
    const Run run = peer.run(problem, comm);
    const double error = error_of(run, problem, peer.squares);
    const double peak = comm.maximum(peak_rss_mib());
    if (comm.rank() != 0) continue;
    std::printf("%s,%s,%d,%d,%d,%s,%.6f,%.3f,%.0f,%.1e\n",
                std::string(wishart::build_info().version).c_str(), peer.name, problem.rows,
                problem.cols, comm.size(), threads == nullptr ? "" : threads, run.seconds,
                run.flop / run.seconds / kGiga, peak, error);
    std::fflush(stdout);
    if (error > allowed_error(problem)) {
      std::cerr << peer.name << ": values are wrong by " << error << " of the largest, expected "
                << allowed_error(problem) << '\n';
      wrong = 1;
    }
  }
  if (!any)
    throw wishart::Error(wishart::Blame::usage, "--what " + options.what + ": no such peer");
  return static_cast<int>(comm.maximum(std::int64_t{wrong}));
}

}  // namespace

int main(int argc, char** argv) {
  const wishart::mpi::Session session;
  try {
    return run_all(wishart::bench::parsed(argc, argv), Comm::world());
  } catch (const std::exception& error) {
    std::cerr << "bench_peers: " << error.what() << '\n';
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  return 1;
}
