/// @file
/// ELPA's two-stage eigenvalues (Marek et al., J. Phys.: Condens. Matter 26 (2014) 213201), if the
/// build has ELPA.

#include <algorithm>
#include <cmath>
#include <string>

#include "wishart/core/error.hpp"

#include "distributed.hpp"

#ifdef WISHART_HAVE_ELPA
#include <elpa/elpa.h>

#include "wishart/core/narrow.hpp"
#include "wishart/mpi/failure.hpp"
#endif

namespace wishart::spectrum {

#ifdef WISHART_HAVE_ELPA
namespace {

/// The newest API of ELPA 2021.11, which Debian 12's 2022.11 supports.
constexpr int kApiVersion = 20211125;

void check_elpa(int error, const char* call) {
  if (error == ELPA_OK) return;
  // No text for the code: ELPA's header declares those for C only.
  throw Error(Blame::numerics,
              std::string("ELPA's ") + call + " returned error " + std::to_string(error));
}

/// An ELPA object that frees itself.
class Elpa {
public:
  Elpa() {
    check_elpa(elpa_init(kApiVersion), "elpa_init");
    int error = ELPA_OK;
    handle_ = elpa_allocate(&error);
    check_elpa(error, "elpa_allocate");
  }
  ~Elpa() {
    int error = ELPA_OK;
    elpa_deallocate(handle_, &error);
  }
  Elpa(const Elpa&) = delete;
  Elpa& operator=(const Elpa&) = delete;

  void set(const char* key, std::int64_t value) {
    int error = ELPA_OK;
    elpa_set_integer(handle_, key, narrow<int>(value, key), &error);
    check_elpa(error, key);
  }
  [[nodiscard]] elpa_t get() const noexcept { return handle_; }

private:
  elpa_t handle_ = nullptr;
};

}  // namespace

bool have_elpa() noexcept { return true; }

void eigenvalues_by_elpa(Team& team, DistributedMatrix& matrix, std::span<double> eigenvalues) {
  const ProcessGrid& grid = team.grid();
  // ELPA 2022.11 compares with absolute thresholds: eigenvalues of a matrix whose elements are
  // small come out wrong. A power of two brings the largest element near 1.
  double largest = 0;
  for (const double value : matrix.share) largest = std::max(largest, std::abs(value));
  largest = team.comm().maximum(largest);
  const int exponent = largest > 0 && std::isfinite(largest) ? std::ilogb(largest) : 0;
  for (double& value : matrix.share) value = std::scalbn(value, -exponent);
  Elpa elpa;
  elpa.set("na", matrix.order);
  elpa.set("nev", matrix.order);
  elpa.set("local_nrows",
           BlockCyclic{matrix.order, matrix.block, grid.rows()}.local_extent(grid.row()));
  elpa.set("local_ncols",
           BlockCyclic{matrix.order, matrix.block, grid.cols()}.local_extent(grid.col()));
  elpa.set("nblk", matrix.block);
  const mpi::AbortsOnFailure aborts(team.comm());  // ELPA looks at few error codes
  elpa.set("mpi_comm_parent", MPI_Comm_c2f(team.comm().get()));
  elpa.set("blacs_context", grid.context());
  elpa.set("process_row", grid.row());
  elpa.set("process_col", grid.col());
  check_elpa(elpa_setup(elpa.get()), "elpa_setup");
  elpa.set("solver", ELPA_SOLVER_2STAGE);
  int error = ELPA_OK;
  elpa_eigenvalues_double(elpa.get(), matrix.share.data(), eigenvalues.data(), &error);
  check_elpa(error, "elpa_eigenvalues");
  for (double& value : eigenvalues) value = std::scalbn(value, exponent);
}

#else

bool have_elpa() noexcept { return false; }

void eigenvalues_by_elpa(Team&, DistributedMatrix&, std::span<double>) {
  throw Error(Blame::bug, "this build of wishart has no ELPA");
}

#endif

}  // namespace wishart::spectrum
