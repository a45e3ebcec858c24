#pragma once

/// @file
/// The rule by which memory is divided among ranks. A scan limits itself by it, and a plan asks for
/// memory by it, so that what a plan asks for is enough. Pure.

#include <cstdint>
#include <span>

#include "wishart/record/matrix.hpp"

namespace wishart::plan {

/// What a rank takes before its first matrix: the program, its libraries, MPI's buffers.
inline constexpr std::int64_t kProgramBytes = std::int64_t{128} << 20U;

/// The share of the rest that matrices may use. What is left is for the page cache and whatever
/// else runs on the host.
inline constexpr double kUsableShare = 0.8;

/// The free memory of a job's hosts.
struct JobMemory {
  /// Of a host, divided by its ranks; the smallest over all hosts. 0: unknown.
  std::int64_t share_bytes = 0;
  /// The same on the host of rank 0, and its number of ranks.
  std::int64_t first_share_bytes = 0;
  std::int64_t first_ranks = 1;
};

/// What rank 0 holds until the archive is written, in addition to what every rank needs: the
/// results of all matrices, and their tables.
[[nodiscard]] std::int64_t rank_zero_bytes(std::span<const Matrix> matrices) noexcept;

/// The bytes that a rank may use for a matrix; at least 1, or 0 if the memory is unknown.
/// @param zero_bytes  rank_zero_bytes of the checkpoint
[[nodiscard]] std::int64_t usable_bytes(const JobMemory& memory, std::int64_t zero_bytes) noexcept;

/// The bytes that a batch system must give each rank so that matrices may use `need_bytes`, in
/// whole MiB. This is enough also where the free memory that a scan finds lacks what its ranks
/// already use (control groups, MemAvailable), or does not (Slurm's limits).
/// @param ranks_per_host  of the host of rank 0
[[nodiscard]] std::int64_t asked_bytes(std::int64_t need_bytes, std::int64_t zero_bytes,
                                       std::int64_t ranks_per_host) noexcept;

}  // namespace wishart::plan
