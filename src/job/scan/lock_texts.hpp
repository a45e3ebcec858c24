#pragma once

/// @file
/// Messages about the lock of a checkpoint, and the lock of an existing file.

#include <filesystem>
#include <string>

#include "wishart/archive/lock.hpp"

namespace wishart::job {

/// The message if another job holds the lock.
inline std::string left_to_another_text(const std::string& id,
                                        const archive::CheckpointLock& lock) {
  return id + ": another job is working on it: " + lock.other() +
         "; skipped. Run again when that job has ended";
}

/// The line on standard output for such a checkpoint; the message above is on standard error.
inline std::string skipped_text(const std::string& id) {
  return id + ": skipped, another job is working on it\n";
}

/// The message if the lock was taken over.
inline std::string taken_over_text(const std::string& id, const archive::CheckpointLock& lock) {
  return id + ": took over the lock of a job that no longer runs: " + lock.other();
}

/// Takes the lock of an existing archive file, as a scan that writes this file would: by the id in
/// its name. A renamed copy holds the same checkpoint but has a lock of its own.
/// @throws Error with Blame::usage if the name is not a valid id
[[nodiscard]] archive::CheckpointLock lock_of_file(const std::filesystem::path& file);

}  // namespace wishart::job
