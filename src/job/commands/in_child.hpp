#pragma once

/// @file
/// Work in a process of its own, with limits: for files that may make a library crash, loop or
/// allocate.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace wishart::job {

/// What the child process may use.
struct ChildLimits {
  std::int64_t memory_bytes = 0;       ///< of addresses, beside those that the process has already
  std::int64_t processor_seconds = 0;  ///< of all its threads
};

/// How the work ended.
struct ChildResult {
  std::vector<std::byte> bytes;  ///< what the work returned, if `failure` is empty
  std::string failure;           ///< otherwise what happened: `was ended by signal 11, ...`
};

/// Runs `work` in a child process: within the limits, without a core dump, without writing files or
/// starting processes. The child ends with its parent.
/// @pre the process has not started MPI, and no other thread of it holds a lock
/// @throws Error with Blame::resource if there can be no child
[[nodiscard]] ChildResult run_in_child(const ChildLimits& limits,
                                       const std::function<std::vector<std::byte>()>& work);

}  // namespace wishart::job
