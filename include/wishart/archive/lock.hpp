#pragma once

/// @file
/// Makes sure that only one job at a time writes a checkpoint.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace wishart::archive {

/// A job of a batch system, as its lock names it. Members that are not known are empty.
struct BatchJob {
  std::string cluster;        ///< ids are unique within it
  std::string id;             ///< SLURM_JOB_ID: each task of an array has its own
  std::string array;          ///< SLURM_ARRAY_JOB_ID
  std::string task;           ///< SLURM_ARRAY_TASK_ID
  std::int64_t restarts = 0;  ///< how often the job was requeued; -1: unknown

  /// True if both are the same job, whichever its runs.
  [[nodiscard]] bool same_job(const BatchJob& other) const noexcept {
    return !id.empty() && id == other.id && cluster == other.cluster;
  }
  /// True if both are tasks of the same array.
  [[nodiscard]] bool same_array(const BatchJob& other) const noexcept {
    return !array.empty() && array == other.array && cluster == other.cluster;
  }
};

/// Who holds a lock. The lock file has a line for each member.
struct LockOwner {
  std::string host;
  std::string space;  ///< boot id and process namespace, within which `pid` is valid
  std::int64_t pid = 0;
  std::string start;  ///< start of the process, in ticks since boot: detects a reused `pid`
  BatchJob job;
  std::string since;  ///< UTC
  std::string token;  ///< unique to this lock
};

/// `process 123 on node4, Slurm job 27, since 2026-01-31T12:00:00Z`.
[[nodiscard]] std::string owner_text(const LockOwner& owner);

/// What a lock needs to know of the world, in addition to its files.
struct LockOptions {
  BatchJob job{};  ///< of this process
  /// The word of the batch system for the state of a job that has ended (`CANCELLED`); empty if it
  /// has not, or if nothing is known. May take seconds. Null: there is nobody to ask.
  std::function<std::string(const BatchJob&)> ended{};
  double stale_seconds = 90;
};

/// The lock of one checkpoint: the file `folder/<id>.lock`, created with O_EXCL, which is atomic on
/// all file systems used on clusters. It needs neither flock nor fcntl locks.
///
/// The owner touches the file every kBeatSeconds. A lock is stale, and may be taken over, if
///
/// - its owner was a process of this machine that has ended, or
/// - it was not touched for `stale_seconds` by the clock of the file system, or
/// - it was not touched for kQuietSeconds, and its owner was an earlier run of this job, or a job
///   that has ended as the batch system says. Neither is believed as long as the file is touched.
///
/// An owner that has lost its lock stops writing.
class CheckpointLock {
public:
  static constexpr double kBeatSeconds = 10;
  static constexpr double kQuietSeconds = 12;
  static constexpr double kStaleSeconds = 90;

  /// Tries to take the lock, without waiting.
  /// @pre is_checkpoint_id(checkpoint_id)
  /// @throws Error with Blame::resource if the file cannot be created, unless it already exists
  CheckpointLock(const std::filesystem::path& folder, const std::string& checkpoint_id,
                 LockOptions options = {});
  /// Releases the lock if it is held.
  ~CheckpointLock();
  CheckpointLock(const CheckpointLock&) = delete;
  CheckpointLock& operator=(const CheckpointLock&) = delete;

  [[nodiscard]] bool held() const noexcept { return held_; }
  /// True if the lock was taken over from another owner.
  [[nodiscard]] bool taken_over() const noexcept { return taken_over_; }
  /// Describes who holds the lock, or who held it before it was taken over.
  [[nodiscard]] const std::string& other() const noexcept { return other_; }
  /// True if the other owner is a task of the same array as this process.
  [[nodiscard]] bool of_same_array() const noexcept { return of_same_array_; }
  /// If the lock is not held, but its owner seems to have ended: the seconds after which another
  /// attempt gets it, unless the owner touches it. Otherwise negative.
  [[nodiscard]] double free_in_seconds() const noexcept { return free_in_seconds_; }

  /// Touches the file if kBeatSeconds have passed since the last time, or if `now`.
  /// @throws Error with Blame::resource if another job has the lock, or the file does not exist
  void beat(bool now = false);

private:
  [[nodiscard]] bool make();
  void take_over();
  [[nodiscard]] bool is_stale();
  [[nodiscard]] double untouched_seconds() const;
  [[nodiscard]] bool seems_ended(const LockOwner& owner);

  std::filesystem::path path_;
  LockOptions options_;
  LockOwner self_;
  bool held_ = false;
  bool taken_over_ = false;
  bool of_same_array_ = false;
  double free_in_seconds_ = -1;
  std::string other_;
  std::string other_token_;
  std::string ended_;  ///< the state of the other owner's job, as last asked for
  std::chrono::steady_clock::time_point last_beat_;
};

}  // namespace wishart::archive
