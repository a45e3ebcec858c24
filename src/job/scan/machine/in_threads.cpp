#include "scan/machine/in_threads.hpp"

#include <atomic>
#include <future>
#include <system_error>
#include <vector>

namespace wishart::job {
namespace {

/// Hands out the numbers below a count, until it is told to stop.
class Numbers {
public:
  explicit Numbers(std::size_t count) : count_(count) {}

  /// Calls `work` with numbers until none is left. After an error none is left for anybody.
  template <class Work>
  void each(const Work& work) {
    try {
      for (std::size_t i = next_++; i < count_; i = next_++) work(i);
    } catch (...) {
      stop();
      throw;
    }
  }
  void stop() noexcept { next_ = count_; }

private:
  std::size_t count_;
  std::atomic<std::size_t> next_ = 0;
};

}  // namespace

void in_threads(std::size_t count, int threads, const std::function<void(std::size_t)>& work,
                const std::function<void()>& meanwhile, std::chrono::milliseconds interval) {
  Numbers numbers(count);
  std::vector<std::future<void>> workers;  // the destructor waits for running threads
  workers.reserve(static_cast<std::size_t>(threads));
  try {
    try {
      for (int t = 0; t < threads; ++t) {
        workers.push_back(std::async(std::launch::async, [&] { numbers.each(work); }));
      }
    } catch (const std::system_error&) {
      // A limit on processes, of the user or of the batch job. The work goes on with what there is.
    }
    if (workers.empty()) {
      numbers.each([&](std::size_t i) {
        meanwhile();
        work(i);
      });
    }
    for (std::future<void>& worker : workers) {
      while (worker.wait_for(interval) != std::future_status::ready) meanwhile();
      worker.get();
    }
  } catch (...) {
    numbers.stop();
    throw;
  }
}

}  // namespace wishart::job
