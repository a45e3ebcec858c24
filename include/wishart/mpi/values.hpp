#pragma once

/// @file
/// Numbers that ranks send, share and add up, in parts that fit into MPI's counts.

#include <cstdint>
#include <span>

#include "wishart/mpi/comm.hpp"

namespace wishart::mpi {

/// Numbers sent at a time: 32 MiB. Bounds the buffers too.
inline constexpr std::int64_t kValuesAtOnce = std::int64_t{1} << 22;

/// Gives every rank the values of `root`. Collective over `comm`.
void broadcast(const Comm& comm, std::span<double> values, int root);

/// Element-wise sum over the ranks, in place on `root`; the others keep what they have. Collective
/// over `comm`.
void sum_on(const Comm& comm, std::span<double> values, int root);

/// Element-wise sum over the ranks, of which rank r gets the `counts[r]` values that follow those
/// of the ranks before it. Collective over `comm`.
/// @pre `own` has room for those of this rank, and `values` is as long as all of them together
void sum_and_scatter(const Comm& comm, std::span<const double> values, std::span<const int> counts,
                     std::span<double> own);

/// Matched by `receive` of as many values with the same tag. Both may wait for each other.
void send(const Comm& comm, std::span<const double> values, int to, int tag);
void receive(const Comm& comm, std::span<double> values, int from, int tag);

}  // namespace wishart::mpi
