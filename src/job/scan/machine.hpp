#pragma once

/// @file
/// What this machine offers: memory, and how the ranks lie on it.

#include <cstdint>
#include <string>

#include "wishart/mpi/comm.hpp"

namespace wishart::job {

/// Bytes that this host can still give: the least of MemAvailable in /proc/meminfo, what the
/// control groups leave, and Slurm's limit for the node. 0 if none of them can be read.
[[nodiscard]] std::int64_t host_memory_bytes();

/// Ranks, hosts and memory of a job.
struct Layout {
  int ranks = 1;
  std::int64_t hosts = 1;
  std::int64_t ranks_per_host = 1;         ///< on the fullest host
  std::int64_t memory_per_rank_bytes = 0;  ///< the same on every rank; 0: not known
  std::int64_t threads = 0;                ///< of the BLAS in each rank, at most; 0: not known
};

/// Collective over `world`. After the number of BLAS threads has been set.
[[nodiscard]] Layout survey(const mpi::Comm& world);

/// `4 ranks on 2 hosts, 1 thread each`.
[[nodiscard]] std::string layout_text(const Layout& layout);

}  // namespace wishart::job
