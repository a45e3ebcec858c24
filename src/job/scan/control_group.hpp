#pragma once

/// @file
/// What the control groups of this process leave of the memory: under Slurm, in containers.

#include <cstdint>
#include <filesystem>

namespace wishart::job {

/// Bytes that the control groups of this process leave it, at least 1; 0 if they set no limit.
///
/// The least over its group and all groups around it, up to the root, of version 2 and of the
/// memory controller of version 1: Slurm limits the job, a container its root. Page cache counts as
/// left, since the kernel gives it back. `root` is `/`, but in tests.
[[nodiscard]] std::int64_t control_group_bytes(const std::filesystem::path& root = "/");

}  // namespace wishart::job
