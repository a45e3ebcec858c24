#pragma once

/// @file
/// A thread that keeps something up while another one is busy for a long time.

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace wishart::job {

/// Calls a function at intervals, on a thread of its own, until the first error or the end.
class Keeper {
public:
  /// @param beat  is called at once, whenever the end comes, then after each interval
  Keeper(std::function<void()> beat, std::chrono::milliseconds interval);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Waits for the last call. What `beat` uses then belongs to the calling thread again.
  /// @return what `beat` has thrown, or why the thread could not be started, or null
  [[nodiscard]] std::exception_ptr end();

private:
  void keep();

  std::function<void()> beat_;
  std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::exception_ptr failure_;  ///< of the other thread until it has ended
  std::thread thread_;          ///< the last member: it uses all the others
};

}  // namespace wishart::job
