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
};

/// Collective over `world`.
[[nodiscard]] Layout survey(const mpi::Comm& world);

/// `4 ranks on 2 hosts`.
[[nodiscard]] std::string layout_text(const Layout& layout);

/// Now, as `2026-01-31T12:00:00Z`.
[[nodiscard]] std::string utc_now();

}  // namespace wishart::job
