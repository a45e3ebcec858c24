#pragma once

/// @file
/// The memory of this machine, and the placement of the ranks.

#include <cstdint>
#include <string>

#include "wishart/mpi/comm.hpp"
#include "wishart/plan/memory.hpp"

namespace wishart::job {

/// The free memory of a host, and what says so.
struct HostMemory {
  std::int64_t bytes = 0;  ///< 0: not known
  std::string source{};
  bool free = false;  ///< it is what other programs leave, not what the job may have
};

/// The free memory of this host: the minimum of MemAvailable in /proc/meminfo, the limits of the
/// control groups and Slurm's limit for the node.
[[nodiscard]] HostMemory host_memory();
/// Its bytes.
[[nodiscard]] std::int64_t host_memory_bytes();

/// Ranks, hosts and memory of a job.
struct Layout {
  int ranks = 1;
  std::int64_t hosts = 1;
  std::int64_t ranks_per_host = 1;  ///< on the fullest host
  plan::JobMemory memory{};         ///< the same on every rank
  std::int64_t threads = 0;         ///< the most BLAS threads of a rank; 0: unknown
  std::int64_t paying_bytes = 0;    ///< on all ranks (spectrum::paying_bytes)
};

/// Collective over `world`. Set the number of BLAS threads first.
[[nodiscard]] Layout survey(const mpi::Comm& world);

/// `4 ranks on 2 hosts, 1 thread each`.
[[nodiscard]] std::string layout_text(const Layout& layout);

}  // namespace wishart::job
