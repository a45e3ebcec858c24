#include "scan/locks/lock_taker.hpp"

#include <algorithm>
#include <ostream>
#include <thread>
#include <utility>

#include "wishart/archive/archive.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/seconds.hpp"
#include "wishart/core/text.hpp"

#include "scan/output/progress.hpp"

namespace wishart::job {
namespace {

/// Between two attempts. Each makes and removes a small file on what may be a busy file server.
constexpr double kFirstPause = 1;
constexpr double kLongestPause = 10;
/// How often to look for a reason to stop.
constexpr double kLook = 0.1;
/// A wait for an owner that seems to have ended is short. If it goes on for longer than this, the
/// owner touches its lock after all.
constexpr double kQuietPatience = archive::CheckpointLock::kQuietSeconds + 3;

std::chrono::duration<double> as_time(double seconds) {
  return std::chrono::duration<double>(seconds);
}

}  // namespace

std::function<void(const std::string&)> line_teller(std::ostream& err) {
  return [&err](const std::string& text) { err << "wishart: " << text << '\n' << std::flush; };
}

std::unique_ptr<archive::CheckpointLock> LockTaker::tried(const std::filesystem::path& folder,
                                                          const std::string& id) {
  archive::LockOptions options;
  options.job = this_batch_job();
  options.ended = [this](const archive::BatchJob& job) { return jobs_.ended(job); };
  return std::make_unique<archive::CheckpointLock>(folder, id, std::move(options));
}

void LockTaker::pause(double seconds, const std::string& id,
                      const archive::CheckpointLock& lock) const {
  const auto end = Clock::now() + as_time(seconds);
  while (Clock::now() < end) {
    if (waiting_.stop_reason) {
      if (const std::string reason = waiting_.stop_reason(); !reason.empty()) {
        std::string text = reason;
        text.append(" while waiting for ").append(id);
        text.append(", on which another job is working: ").append(lock.other());
        throw Error(Blame::interrupted, text + ". Run the same command again");
      }
    }
    std::this_thread::sleep_for(as_time(kLook));
  }
}

std::unique_ptr<archive::CheckpointLock> LockTaker::take(const std::filesystem::path& folder,
                                                         const std::string& id, bool waits) {
  const auto begin = Clock::now();
  double next_pause = kFirstPause;
  bool told = false;
  auto lock = tried(folder, id);
  while (!lock->held()) {
    const double ends_in = lock->free_in_seconds();
    const bool seems_ended = ends_in >= 0 && seconds_since(begin) < kQuietPatience;
    double left = 0;
    // Another task of the same array answers for its own.
    if (waits && waiting_.seconds > 0 && !lock->of_same_array()) {
      if (!deadline_) {
        deadline_ =
            Clock::now() + std::chrono::duration_cast<Clock::duration>(as_time(waiting_.seconds));
      }
      left = std::chrono::duration<double>(*deadline_ - Clock::now()).count();
    }
    if (!seems_ended && left <= 0) break;
    if (!std::exchange(told, true) && waiting_.tell) {
      waiting_.tell(id + ": waiting up to " + clock_text(std::max(left, ends_in)) + " for " +
                    lock->other());
    }
    const double most = seems_ended ? ends_in + kLook : left;
    pause(std::min(next_pause, most), id, *lock);
    next_pause = std::min(2 * next_pause, kLongestPause);
    lock.reset();
    lock = tried(folder, id);
  }
  return lock;
}

std::unique_ptr<archive::CheckpointLock> LockTaker::take_of_file(
    const std::filesystem::path& file) {
  const std::string id = file.stem().string();
  if (!archive::is_checkpoint_id(id)) {
    throw Error(Blame::usage, printable(file.string()) + ": '" + printable(id) +
                                  "' is not a valid id, which is needed to lock the file. "
                                  "Rename it: letters, digits and ._+=-, no dot at the beginning");
  }
  return take(file.has_parent_path() ? file.parent_path() : std::filesystem::path("."), id, true);
}

std::string left_to_another_text(const std::string& id, const archive::CheckpointLock& lock) {
  return id + ": another job is working on it: " + lock.other() +
         "; skipped. Run again when that job has ended, or wait for it with --wait-for-lock";
}

std::string skipped_text(const std::string& id) {
  return id + ": skipped, another job is working on it\n";
}

std::string left_to_array_text(const std::string& id, const archive::CheckpointLock& lock) {
  return id + ": left to another task of this array: " + lock.other() + "\n";
}

std::string taken_over_text(const std::string& id, const archive::CheckpointLock& lock) {
  return id + ": took over the lock of a job that no longer runs: " + lock.other();
}

}  // namespace wishart::job
