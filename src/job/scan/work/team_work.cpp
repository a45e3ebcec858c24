#include "scan/work/team_work.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <utility>

#include <unistd.h>

#include "wishart/core/error.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/seconds.hpp"
#include "wishart/core/text.hpp"

#include "scan/output/progress.hpp"
#include "scan/ranks/over_ranks.hpp"
#include "scan/ranks/under_way.hpp"
#include "scan/work/worker.hpp"

namespace wishart::job {
namespace {

/// What is being computed, for a line of the log: the matrix that began first.
std::string present_text(const CheckpointJob& job, const UnderWay& under_way) {
  const auto oldest = under_way.oldest(std::chrono::steady_clock::now());
  if (!oldest) return {};
  const Matrix& matrix = job.todo()[static_cast<std::size_t>(oldest->item)];
  const int ranks = job.plan().tree[static_cast<std::size_t>(oldest->team)].size;
  std::string text = "computing " + printable(matrix.key) + " (" + std::to_string(matrix.rows) +
                     " x " + std::to_string(matrix.cols) + ") on " + plural(ranks, "rank") +
                     " for " + clock_text(oldest->seconds);
  if (oldest->others > 0) text += ", and " + std::to_string(oldest->others) + " more";
  return text;
}

/// The time to ask Slurm for, in its minutes.
std::int64_t minutes_for(double seconds) {
  return static_cast<std::int64_t>(std::ceil(seconds / 60)) + 1;
}

/// What is saved of a job that stops.
std::string saved_text(const CheckpointJob& job) {
  return std::to_string(job.num_done()) + " of " + std::to_string(job.num_matrices()) +
         " matrices of " + job.id() + " are done and saved";
}

/// Assigns the work of `job` and collects results until done or told to stop. On rank 0.
CoordinatorOutcome run_coordinator(JobContext& context, CheckpointJob& job,
                                   const std::atomic<bool>& abandoned) {
  const Work before{job.num_done(), job.done_flops()};
  const Work total{job.num_matrices(), before.flops + job.plan().total_flops};
  Progress progress(context.err, context.options.progress, JobContext::on_terminal(), job.id(),
                    total, before);
  UnderWay under_way;
  progress.set_present([&] { return present_text(job, under_way); });
  CoordinatorEvents events;
  events.begin = [&](Assignment& work) {
    const auto now = std::chrono::steady_clock::now();
    const double begins_in = under_way.busy_seconds(work.team, now);
    double seconds = 0;
    std::erase_if(work.items, [&](std::int64_t item) {
      const double own = job.item_seconds()[static_cast<std::size_t>(item)];
      if (!context.end.leaves_time_for(own, begins_in + seconds)) return true;
      seconds += own;
      return false;
    });
    if (!work.items.empty()) under_way.handed_out(work, seconds, now);
  };
  events.returned = [&](const Assignment& work) {
    under_way.returned(work, std::chrono::steady_clock::now());
  };
  events.take = [&](std::vector<Result>&& results) {
    for (const Result& result : results) {
      progress.finished(job.plan().items[static_cast<std::size_t>(result.item)].cost_flops);
    }
    job.take(std::move(results));
  };
  events.abandoned = [&] { return abandoned.load(); };
  events.tick = [&] {
    job.flush(false);
    progress.show_if_due();
  };
  events.stop_reason = [&] {
    std::string reason = context.stop_reason();
    if (!reason.empty()) job.flush(true);  // the process may be killed soon
    return reason;
  };
  CoordinatorOutcome outcome = coordinate(context.control, job.plan(), events);
  try {
    progress.end();
  } catch (...) {  // the ranks have left, so the job goes on to its end
    if (!outcome.failure) outcome.failure = std::current_exception();
  }
  return outcome;
}

}  // namespace

bool JobContext::on_terminal() { return ::isatty(STDERR_FILENO) != 0; }

std::string JobContext::stop_reason() const {
  const std::string signal = signals.poll();
  if (!signal.empty()) return "stopped by " + signal;
  const std::optional<double> limit = options.time_limit_seconds;
  if (limit && seconds_since(start) >= *limit) return "stopped by --time-limit";
  return {};
}

CoordinatorOutcome run_ranks(JobContext& context, const WorkOrder& order, CheckpointJob* job) {
  if (!context.leads()) {
    work(order, context.control, context.teams);
    return {};
  }
  return coordinate_beside(
      [&](const std::atomic<bool>& abandoned) { return run_coordinator(context, *job, abandoned); },
      [&] { work(order, context.control, context.teams); },
      [&](const std::exception_ptr& failure) { abort_job(failure, context.err); });
}

void check_outcome(const JobContext& context, const CoordinatorOutcome& outcome,
                   CheckpointJob& job) {
  if (outcome.failure) std::rethrow_exception(outcome.failure);
  if (outcome.stop_reason.empty() && outcome.num_held_back == 0) return;
  job.flush(true);
  std::string reason = outcome.stop_reason;
  if (reason.empty()) {
    const auto [shortest, seconds] = job.shortest_left();
    const std::string what = printable(shortest.key) + " takes about " + clock_text(seconds);
    if (!context.end.whole_job_suffices_for(seconds)) {
      throw Error(Blame::resource,
                  what + ", which is too long for a job of this length: " + saved_text(job) +
                      ". Submit it again with --time=" +
                      std::to_string(minutes_for(JobEnd::needed_seconds(seconds))) +
                      " or more, or with more ranks; with --until none it is begun all the same");
    }
    reason = "stopped before the end of the job at " + context.end.text() +
             ", because even the shortest matrix that is left, " + what;
  }
  throw Error(Blame::interrupted,
              reason + ": " + saved_text(job) + ". Run the same command again to resume");
}

}  // namespace wishart::job
