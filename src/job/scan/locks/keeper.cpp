#include "scan/locks/keeper.hpp"

#include <utility>

#include "wishart/core/started_thread.hpp"

namespace wishart::job {

Keeper::Keeper(std::function<void()> beat, std::chrono::milliseconds interval)
    : beat_(std::move(beat)), interval_(interval) {
  // Not thrown: the ranks are on their way to a collective call, and agree on failures after it.
  try {
    thread_ = started_thread("keeps the lock", [this] { keep(); });
  } catch (...) {
    failure_ = std::current_exception();
  }
}

Keeper::~Keeper() { static_cast<void>(end()); }

std::exception_ptr Keeper::end() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  return failure_;
}

void Keeper::keep() {
  try {
    std::unique_lock lock(mutex_);
    do {  // at least once, so that an end that comes before the thread has begun hides no failure
      lock.unlock();
      beat_();
      lock.lock();
      changed_.wait_for(lock, interval_, [this] { return ending_; });
    } while (!ending_);
  } catch (...) {
    failure_ = std::current_exception();
  }
}

}  // namespace wishart::job
