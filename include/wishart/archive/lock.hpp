#pragma once

/// @file
/// One job at a time writes a checkpoint.

#include <chrono>
#include <filesystem>
#include <string>

namespace wishart::archive {

/// Who holds a lock: what the lock file says, a line each.
struct LockOwner {
  std::string host;
  std::string space;  ///< boot and process namespace: in which process numbers mean something
  std::int64_t pid = 0;
  std::string start;  ///< of the process, in ticks since boot: tells a number that is used again
  std::string job;    ///< SLURM_JOB_ID, or empty
  std::string since;  ///< UTC
  std::string token;  ///< tells this lock from every other
};

/// The lock of one checkpoint: the file `folder/<id>.lock`, made with O_EXCL, which every file
/// system that clusters use does in one step. It needs neither flock nor fcntl locks.
///
/// The owner touches the file every kBeatSeconds. A lock is stale, and is taken over, if its owner
/// was a process of this machine that is gone, or if it was not touched for kStaleSeconds by the
/// clock of the file system. An owner that finds the lock in other hands stops writing.
class CheckpointLock {
public:
  static constexpr double kBeatSeconds = 10;
  static constexpr double kStaleSeconds = 90;

  /// Tries once to take the lock; it does not wait.
  /// @pre is_checkpoint_id(checkpoint_id)
  /// @throws Error with Blame::resource if the file cannot be made for another reason than that it
  ///   is there
  CheckpointLock(const std::filesystem::path& folder, const std::string& checkpoint_id,
                 double stale_seconds = kStaleSeconds);
  /// Removes the lock, if it is held.
  ~CheckpointLock();
  CheckpointLock(const CheckpointLock&) = delete;
  CheckpointLock& operator=(const CheckpointLock&) = delete;

  [[nodiscard]] bool held() const noexcept { return held_; }
  /// True if it was taken from an owner that is gone.
  [[nodiscard]] bool taken_over() const noexcept { return taken_over_; }
  /// Who holds it, or who held it before it was taken over; a sentence.
  [[nodiscard]] const std::string& other() const noexcept { return other_; }

  /// Touches the file if kBeatSeconds have passed, or if `now`.
  /// @throws Error with Blame::resource if another job has the lock, or the file is gone
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
