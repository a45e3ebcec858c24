#pragma once

/// @file
/// Independent pieces of work on several threads of a process.

#include <chrono>
#include <cstddef>
#include <functional>

namespace wishart::job {

/// Calls `work(i)` once for each i below `count`, in any order, on `threads` threads. Meanwhile the
/// calling thread calls `meanwhile` at intervals. If the system refuses threads, there are fewer of
/// them; if it refuses all, the calling thread does the work.
/// @throws what a call has thrown, after all threads have ended; no call begins after an error
void in_threads(std::size_t count, int threads, const std::function<void(std::size_t)>& work,
                const std::function<void()>& meanwhile,
                std::chrono::milliseconds interval = std::chrono::seconds{1});

}  // namespace wishart::job
