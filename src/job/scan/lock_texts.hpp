#pragma once

/// @file
/// What the user is told about the lock of a checkpoint.

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

}  // namespace wishart::job
