#include "wishart/mpi/failure.hpp"

#include <array>
#include <cstdlib>
#include <string>

#include <unistd.h>

namespace wishart::mpi {
namespace {

/// Prints one line as the job module would, and ends all ranks.
void abort_job(MPI_Comm* /*comm*/, int* code, ...) {  // NOLINT(cert-dcl50-cpp): MPI's type
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(*code, text.data(), &length);
  const std::string line = "wishart: rank " + std::to_string(world_rank()) +
                           ": a call of MPI in ScaLAPACK or ELPA: " +
                           std::string(text.data(), static_cast<std::size_t>(length)) + "\n";
  (void)!::write(STDERR_FILENO, line.data(), line.size());
  abort_all(static_cast<int>(Blame::resource));
}

}  // namespace

int world_rank() noexcept {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

void abort_all(int code) noexcept {
  MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

AbortsOnFailure::AbortsOnFailure(const Comm& comm) : comm_(&comm) {
  MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
  check(MPI_Comm_create_errhandler(abort_job, &handler), "MPI_Comm_create_errhandler");
  const int code = MPI_Comm_set_errhandler(comm.get(), handler);
  MPI_Errhandler_free(&handler);  // the communicators keep it
  check(code, "MPI_Comm_set_errhandler");
}

AbortsOnFailure::~AbortsOnFailure() { MPI_Comm_set_errhandler(comm_->get(), MPI_ERRORS_RETURN); }

}  // namespace wishart::mpi
