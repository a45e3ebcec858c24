#pragma once

/// @file
/// The lock of a checkpoint: of a file that is there, and what the user is told about it.

#include <filesystem>
#include <string>

#include "wishart/archive/lock.hpp"

namespace wishart::job {

/// Of a lock that is not held.
inline std::string left_to_another_text(const std::string& id,
                                        const archive::CheckpointLock& lock) {
  return id + ": another job is at it: " + lock.other() +
         ". It is left to that job; run the same command again when it has ended";
}

/// Of a lock that was taken over.
inline std::string taken_over_text(const std::string& id, const archive::CheckpointLock& lock) {
  return id + ": the lock of a job that is gone was taken over: " + lock.other();
}

/// The lock of an archive file that is there, by the id of its name, as a scan that would write it
/// takes it. A copy under another name holds the same checkpoint, but is a file by itself.
/// @throws Error with Blame::usage if the name cannot be an id
[[nodiscard]] archive::CheckpointLock lock_of_file(const std::filesystem::path& file);

}  // namespace wishart::job
