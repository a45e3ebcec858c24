#pragma once

/// @file
/// A machine that refuses threads, as at a limit on processes.

#include <cstddef>
#include <pthread.h>

namespace wishart::test {

/// While it lives, no thread can be started: each asks for a stack that no memory has room for.
class RefusedThreads {
public:
  RefusedThreads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t huge = before_;
    pthread_attr_setstacksize(&huge, std::size_t{1} << 46U);
    pthread_setattr_default_np(&huge);
  }
  ~RefusedThreads() { pthread_setattr_default_np(&before_); }
  RefusedThreads(const RefusedThreads&) = delete;
  RefusedThreads& operator=(const RefusedThreads&) = delete;

private:
  pthread_attr_t before_{};
};

}  // namespace wishart::test
