#pragma once

/// @file
/// Memory limits of control groups, as set by Slurm and containers.

#include <cstdint>
#include <filesystem>

namespace wishart::job {

/// The bytes that this process may still use under the limits of its control groups, at least 1; 0
/// if there is no limit.
///
/// The minimum over its group and all parent groups up to the root, for version 2 and for the
/// memory controller of version 1: Slurm limits the job, a container its root. Page cache counts as
/// free, because the kernel can reclaim it. `root` is `/`, except in tests.
[[nodiscard]] std::int64_t control_group_bytes(const std::filesystem::path& root = "/");

}  // namespace wishart::job
