#include "wishart/mpi/courier.hpp"

#include <utility>

#include "wishart/core/started_thread.hpp"

namespace wishart::mpi {

Courier::Courier(const Comm& comm, int to, int tag)
    : comm_(&comm),
      to_(to),
      tag_(tag),
      thread_(started_thread("sends results", [this] { bring(); })) {}

Courier::~Courier() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Courier::send(std::vector<std::byte> bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    waiting_.push_back(std::move(bytes));
  }
  changed_.notify_all();
}

void Courier::check() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void Courier::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return failure_ || (waiting_.empty() && !on_the_way_); });
  if (failure_) std::rethrow_exception(failure_);
}

void Courier::bring() {
  try {
    Outbox outbox(*comm_);
    Backoff backoff;
    std::unique_lock lock(mutex_);
    while (true) {
      if (!on_the_way_) changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
      if (closing_) return;
      auto taken = std::exchange(waiting_, {});
      on_the_way_ = true;
      lock.unlock();
      if (!taken.empty()) backoff.reset();
      for (auto& bytes : taken) outbox.send(std::move(bytes), to_, 1, tag_);
      const bool all_left = outbox.all_left();
      if (!all_left) backoff.pause();
      lock.lock();
      on_the_way_ = !all_left;
      if (all_left) changed_.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

}  // namespace wishart::mpi
