#pragma once

/// @file
/// Makes sure that only one job at a time writes a checkpoint.

#include <chrono>
#include <filesystem>
#include <string>

namespace wishart::archive {

/// Who holds a lock. The lock file has a line for each member.
struct LockOwner {
  std::string host;
  std::string space;  ///< boot id and process namespace, within which `pid` is valid
  std::int64_t pid = 0;
  std::string start;  ///< start of the process, in ticks since boot: detects a reused `pid`
  std::string job;    ///< SLURM_JOB_ID, or empty
  std::string since;  ///< UTC
  std::string token;  ///< unique to this lock
};

/// The lock of one checkpoint: the file `folder/<id>.lock`, created with O_EXCL, which is atomic on
/// all file systems used on clusters. It needs neither flock nor fcntl locks.
///
/// The owner touches the file every kBeatSeconds. A lock is stale, and may be taken over, if its
/// owner was a process of this machine that has ended, or if it was not touched for kStaleSeconds
/// by the clock of the file system. An owner that has lost its lock stops writing.
class CheckpointLock {
public:
  static constexpr double kBeatSeconds = 10;
  static constexpr double kStaleSeconds = 90;

  /// Tries to take the lock, without waiting.
  /// @pre is_checkpoint_id(checkpoint_id)
  /// @throws Error with Blame::resource if the file cannot be created, unless it already exists
  CheckpointLock(const std::filesystem::path& folder, const std::string& checkpoint_id,
                 double stale_seconds = kStaleSeconds);
  /// Releases the lock if it is held.
  ~CheckpointLock();
  CheckpointLock(const CheckpointLock&) = delete;
  CheckpointLock& operator=(const CheckpointLock&) = delete;

  [[nodiscard]] bool held() const noexcept { return held_; }
  /// True if the lock was taken over from another owner.
  [[nodiscard]] bool taken_over() const noexcept { return taken_over_; }
  /// Describes who holds the lock, or who held it before it was taken over.
  [[nodiscard]] const std::string& other() const noexcept { return other_; }

  /// Touches the file if kBeatSeconds have passed since the last time, or if `now`.
  /// @throws Error with Blame::resource if another job has the lock, or the file does not exist
  void beat(bool now = false);

private:
  [[nodiscard]] bool make();
  void take_over(double stale_seconds);
  [[nodiscard]] bool is_stale(double stale_seconds);

  std::filesystem::path path_;
  LockOwner self_;
  bool held_ = false;
  bool taken_over_ = false;
  std::string other_;
  std::string other_token_;
  std::chrono::steady_clock::time_point last_beat_;
};

}  // namespace wishart::archive
