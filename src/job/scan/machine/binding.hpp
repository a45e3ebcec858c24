#pragma once

/// @file
/// Whether each rank has cores enough for its threads, and cores of its own.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wishart/mpi/comm.hpp"

namespace wishart::job {

/// A rank, and the cores of its host on which it may run; none: unknown.
struct BoundRank {
  int rank = 0;
  std::vector<std::int64_t> cores{};
};

/// A host and its ranks.
struct BoundHost {
  std::string name;
  std::int64_t cores = 0;  ///< that are switched on; 0: unknown
  std::vector<BoundRank> ranks{};
};

/// What is wrong with the binding of ranks that run `threads` threads each, as a line for the user;
/// empty if nothing is. Ranks that share cores are well off if there is a core for each thread.
[[nodiscard]] std::string binding_text(const BoundHost& host, std::int64_t threads);

/// The same for all ranks, of the first host where something is wrong. The same on every rank.
/// Collective over `world`.
[[nodiscard]] std::string binding_warning(const mpi::Comm& world, std::int64_t threads);

}  // namespace wishart::job
