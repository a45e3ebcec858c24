#include "scan/locks/kept_lock.hpp"

#include <chrono>

#include "wishart/core/error.hpp"

namespace wishart::job {
namespace {

/// How often to look whether a beat is due.
constexpr std::chrono::milliseconds kLook{100};

}  // namespace

// If the system refuses the thread, the work goes on: `beat` is called before it counts.
KeptLock::KeptLock(archive::CheckpointLock& lock)
    : lock_(lock), keeper_([this] { beat_beside(); }, kLook) {
  require(lock.held(), "work is done without its lock");
}

void KeptLock::beat(bool now) {
  const std::lock_guard guard(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  try {
    lock_.beat(now);
  } catch (...) {
    failure_ = std::current_exception();
    throw;
  }
}

void KeptLock::beat_beside() {
  try {
    beat();
  } catch (...) {  // the next call of `beat` throws it
  }
}

}  // namespace wishart::job
