#include "wishart/mpi/values.hpp"

#include <algorithm>
#include <cstddef>

#include "wishart/core/error.hpp"

namespace wishart::mpi {
namespace {

/// Calls `move(pointer, count)` for one part after the other.
template <class T, class Move>
void in_parts(std::span<T> values, Move&& move) {
  while (!values.empty()) {
    const std::size_t part = std::min(values.size(), static_cast<std::size_t>(kValuesAtOnce));
    move(values.data(), static_cast<int>(part));
    values = values.subspan(part);
  }
}

}  // namespace

void broadcast(const Comm& comm, std::span<double> values, int root) {
  in_parts(values, [&](double* at, int count) {
    check(MPI_Bcast(at, count, MPI_DOUBLE, root, comm.get()), "MPI_Bcast");
  });
}

void sum_on(const Comm& comm, std::span<double> values, int root) {
  const bool here = comm.rank() == root;
  in_parts(values, [&](double* at, int count) {
    check(MPI_Reduce(here ? MPI_IN_PLACE : at, at, count, MPI_DOUBLE, MPI_SUM, root, comm.get()),
          "MPI_Reduce");
  });
}

void sum_and_scatter(const Comm& comm, std::span<const double> values, std::span<const int> counts,
                     std::span<double> own) {
  require(std::ssize(counts) == comm.size(), "sum_and_scatter needs a count for each rank");
  check(
      MPI_Reduce_scatter(values.data(), own.data(), counts.data(), MPI_DOUBLE, MPI_SUM, comm.get()),
      "MPI_Reduce_scatter");
}

void send(const Comm& comm, std::span<const double> values, int to, int tag) {
  in_parts(values, [&](const double* at, int count) {
    check(MPI_Send(at, count, MPI_DOUBLE, to, tag, comm.get()), "MPI_Send");
  });
}

void receive(const Comm& comm, std::span<double> values, int from, int tag) {
  in_parts(values, [&](double* at, int count) {
    check(MPI_Recv(at, count, MPI_DOUBLE, from, tag, comm.get(), MPI_STATUS_IGNORE), "MPI_Recv");
  });
}

}  // namespace wishart::mpi
