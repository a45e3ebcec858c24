#pragma once

/// @file
/// Takes the locks of checkpoints for a command, waiting for them if that is wanted, and the
/// messages about them.

#include <chrono>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "wishart/archive/lock.hpp"

#include "scan/machine/slurm.hpp"

namespace wishart::job {

/// How a command waits for locks that other jobs hold.
struct LockWaiting {
  double seconds = 0;  ///< for all locks together, from the first wait on
  std::function<void(const std::string&)>
      tell{};                                  ///< takes a line for the user; null: nobody is told
  std::function<std::string()> stop_reason{};  ///< why to wait no longer, or empty; null: never
};

/// For LockWaiting::tell: lines on a stream.
[[nodiscard]] std::function<void(const std::string&)> line_teller(std::ostream& err);

/// Takes the locks of checkpoints. A lock whose owner seems to have ended is waited for in any
/// case, for the seconds that it takes to be sure.
class LockTaker {
public:
  explicit LockTaker(LockWaiting waiting = {}) : waiting_(std::move(waiting)) {}

  /// The lock of a checkpoint; not held if another job has it, and keeps it.
  /// @param waits  as long as LockWaiting says; otherwise it is only tried
  /// @throws Error with Blame::interrupted if there is a reason to stop
  [[nodiscard]] std::unique_ptr<archive::CheckpointLock> take(const std::filesystem::path& folder,
                                                              const std::string& id, bool waits);
  /// Takes the lock of an existing archive file, as a scan that writes this file would: by the id
  /// in its name. A renamed copy holds the same checkpoint but has a lock of its own.
  /// @throws Error also with Blame::usage if the name is not a valid id
  [[nodiscard]] std::unique_ptr<archive::CheckpointLock> take_of_file(
      const std::filesystem::path& file);

private:
  [[nodiscard]] std::unique_ptr<archive::CheckpointLock> tried(const std::filesystem::path& folder,
                                                               const std::string& id);
  void pause(double seconds, const std::string& id, const archive::CheckpointLock& lock) const;

  using Clock = std::chrono::steady_clock;

  LockWaiting waiting_;
  std::optional<Clock::time_point> deadline_;  ///< of all waits
  SlurmJobs jobs_;
};

/// The message if another job holds the lock.
[[nodiscard]] std::string left_to_another_text(const std::string& id,
                                               const archive::CheckpointLock& lock);

/// The line on standard output for such a checkpoint; the message above is on standard error.
[[nodiscard]] std::string skipped_text(const std::string& id);

/// The line on standard output for a checkpoint of another task of the same array.
[[nodiscard]] std::string left_to_array_text(const std::string& id,
                                             const archive::CheckpointLock& lock);

/// The message if the lock was taken over.
[[nodiscard]] std::string taken_over_text(const std::string& id,
                                          const archive::CheckpointLock& lock);

}  // namespace wishart::job
