#pragma once

/// @file
/// A lock that is renewed beside work that may take longer than a lock lasts.

#include <exception>
#include <mutex>

#include "wishart/archive/lock.hpp"

#include "scan/locks/keeper.hpp"

namespace wishart::job {

/// Renews a lock on a thread of its own as long as this object lives: to read and to write an
/// archive takes minutes if the file system is slow. Meanwhile the lock is used only through it.
class KeptLock {
public:
  /// @pre lock.held(), and `lock` outlives this
  explicit KeptLock(archive::CheckpointLock& lock);

  /// As CheckpointLock::beat. Also throws what an earlier beat, here or beside, has thrown.
  void beat(bool now = false);

private:
  void beat_beside();

  archive::CheckpointLock& lock_;
  std::mutex mutex_;            ///< of the lock and of `failure_`
  std::exception_ptr failure_;  ///< of the first beat that failed
  Keeper keeper_;               ///< the last member: its thread uses all the others
};

}  // namespace wishart::job
