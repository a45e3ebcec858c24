#include "wishart/mpi/session.hpp"

#include <cstdlib>

#include <mpi.h>

#include "wishart/core/error.hpp"
#include "wishart/mpi/comm.hpp"

namespace wishart::mpi {

Session::Session() {
  ::setenv("OMPI_MCA_mpi_yield_when_idle", "1",
           0);  // NOLINT(concurrency-mt-unsafe): before any thread
  int provided = 0;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
  // MPI's default is to abort; with this its codes come back and become errors.
  check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  if (provided < MPI_THREAD_MULTIPLE) {
    MPI_Finalize();
    throw Error(
        Blame::resource,
        "this MPI library does not support MPI_THREAD_MULTIPLE, which the coordinator on rank "
        "0 needs. Use Open MPI 4 or newer");
  }
}

Session::~Session() { MPI_Finalize(); }

}  // namespace wishart::mpi
