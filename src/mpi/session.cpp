#include "wishart/mpi/session.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <mpi.h>

#include "wishart/core/error.hpp"
#include "wishart/mpi/comm.hpp"

namespace wishart::mpi {

std::string library_name() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  check(MPI_Get_library_version(text.data(), &length), "MPI_Get_library_version");
  std::string name = text.data();
  // `Open MPI v4.1.4, package: Debian ..., ident: ...`; other libraries add lines about the build.
  name.resize(std::min(name.find_first_of(",\n"), name.size()));
  const std::size_t v = name.find(" v");
  if (v != std::string::npos && v + 2 < name.size() && name[v + 2] >= '0' && name[v + 2] <= '9') {
    name.erase(v + 1, 1);
  }
  return name;
}

Session::Session() {
  ::setenv("OMPI_MCA_mpi_yield_when_idle", "1",
           0);  // NOLINT(concurrency-mt-unsafe): before any thread
  int provided = 0;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
  // MPI's default is to abort. With this handler it returns codes, which become errors.
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
