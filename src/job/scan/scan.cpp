#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <thread>

#include <unistd.h>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/seconds.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/mpi/team_comms.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/spectrum/calibrate.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "scan/checkpoint_job.hpp"
#include "scan/coordinator.hpp"
#include "scan/over_ranks.hpp"
#include "scan/planning.hpp"
#include "scan/progress.hpp"
#include "scan/shared_filter.hpp"
#include "scan/stop_signal.hpp"
#include "scan/worker.hpp"

namespace wishart::job {
namespace {

/// What all checkpoints of a job share.
struct JobContext {
  const ScanOptions& options;
  const mpi::Comm& world;
  mpi::Comm control;  ///< for the messages of the coordinator
  const StopSignal& signals;
  Layout layout;
  std::vector<spectrum::Team>& teams;
  std::chrono::steady_clock::time_point start;
  std::ostream& out;
  std::ostream& err;
  bool warned = false;  ///< about more ranks than cores

  [[nodiscard]] bool leads() const noexcept { return world.rank() == 0; }
};

/// Why the job should stop now, or empty.
std::string stop_reason(const JobContext& context) {
  const std::string signal = context.signals.poll();
  if (!signal.empty()) return "stopped by " + signal;
  const double elapsed = seconds_since(context.start);
  const double limit = context.options.time_limit_seconds;
  if (limit > 0 && elapsed >= limit) return "stopped by --time-limit";
  return {};
}

/// Assigns the work of `job` and collects results until done or told to stop. On rank 0.
CoordinatorOutcome run_coordinator(JobContext& context, CheckpointJob& job,
                                   const std::atomic<bool>& abandoned) {
  const Work before{job.num_done(), job.done_flops()};
  const Work total{job.num_matrices(), before.flops + job.plan().total_flops};
  Progress progress(context.err, context.options.progress, ::isatty(STDERR_FILENO) != 0, job.id(),
                    total, before);
  CoordinatorEvents events;
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
    std::string reason = stop_reason(context);
    if (!reason.empty()) job.flush(true);  // the process may be killed soon
    return reason;
  };
  CoordinatorOutcome outcome = coordinate(context.control, job.plan(), events);
  progress.end();
  return outcome;
}

/// The part of a scan in which every rank works. Collective over `world`.
CoordinatorOutcome run_ranks(JobContext& context, const WorkOrder& order, CheckpointJob* job) {
  if (!context.leads()) {
    work(order, context.control, context.teams);
    return {};
  }
  CoordinatorOutcome outcome;
  std::atomic<bool> abandoned = false;
  std::thread coordinator([&] {
    try {
      outcome = run_coordinator(context, *job, abandoned);
    } catch (...) {
      outcome.failure = std::current_exception();
    }
  });
  try {
    work(order, context.control, context.teams);
  } catch (...) {
    // The job cannot continue. The thread must end before its data are destroyed.
    abandoned = true;
    coordinator.join();
    throw;
  }
  coordinator.join();
  return outcome;
}

/// Warns once if the ranks of a host need more cores than it has, which makes the job slower.
void warn_of_oversubscription(JobContext& context) {
  if (context.warned || !context.leads()) return;
  context.warned = true;
  const int threads = threads_of(context.options);
  const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  if (cores == 0 || context.layout.ranks_per_host * threads <= cores) return;
  context.err << "wishart: " << context.layout.ranks_per_host << " ranks with " << threads
              << (threads > 1 ? " threads" : " thread") << " each share the " << cores
              << (cores > 1 ? " cores" : " core") << " of a host. One rank per core is fastest\n";
}

/// The speed of a rank, measured on all ranks at the same time if `measure`, else a default.
/// Collective over `world`.
double rank_gflops(const JobContext& context, bool measure) {
  if (!measure) return plan::Rates{}.gram_gflops;
  spectrum::Workspace workspace;
  std::array<double, 1> sum{spectrum::measured_gram_gflops(workspace)};
  context.world.sum(std::span<double>(sum));
  return sum[0] / context.world.size();
}

/// Scans one checkpoint. Collective over `world`.
Ending scan_checkpoint(JobContext& context, const std::filesystem::path& path) {
  std::optional<CheckpointJob> job;
  std::vector<std::byte> bytes;
  mpi::together(context.world, [&] {
    if (!context.leads()) return;
    job.emplace(path, context.options, context.layout);
    for (const std::string& warning : job->warnings())
      context.err << "wishart: " << warning << '\n';
    bytes = packed(job->work_order());
  });
  context.world.broadcast(bytes, 0);
  const auto order = unpacked<WorkOrder>(bytes);
  bytes = {};
  if (!order.nothing_to_do) {
    warn_of_oversubscription(context);
    const double gflops = rank_gflops(context, order.calibrate);
    if (job) job->start_work(gflops);
    const CoordinatorOutcome outcome = run_ranks(context, order, job ? &*job : nullptr);
    const std::exception_ptr failure =
        with_shared_filter(context.control, [&](const archive::ChunkFilter& filter) {
          if (outcome.failure) std::rethrow_exception(outcome.failure);
          if (!outcome.stop_reason.empty()) {
            job->flush(true);
            throw Error(Blame::interrupted,
                        outcome.stop_reason + ": " + std::to_string(job->num_done()) + " of " +
                            std::to_string(job->num_matrices()) + " matrices of " + job->id() +
                            " are done and saved. Run the same command again to resume");
          }
          job->finish(filter);
        });
    mpi::agree(context.world, failure);
  }
  Ending own;
  if (context.leads()) {
    context.out << job->closing_text() << std::flush;
    own = job->ending();
  }
  return shared_ending(context.world, own);
}

/// The checkpoints that the paths name. Rank 0 finds them and broadcasts them. Collective over
/// `world`.
std::vector<std::filesystem::path> find_all(const ScanOptions& options, const mpi::Comm& world,
                                            std::ostream& err) {
  std::vector<std::byte> bytes;
  mpi::together(world, [&] {
    if (world.rank() != 0) return;
    std::vector<std::string> found;
    std::vector<std::string> messages;
    for (const auto& path : options.paths) {
      for (const auto& checkpoint : checkpoint::find_checkpoints(path, messages)) {
        found.push_back(checkpoint.string());
      }
    }
    for (const std::string& message : messages) err << "wishart: " << message << '\n';
    if (!options.id.empty() && found.size() > 1) {
      throw Error(Blame::usage, "--id names one checkpoint, but " +
                                    printable(options.paths.front().string()) + " holds " +
                                    std::to_string(found.size()));
    }
    archive::prepare_folder(options.archive);  // last: a mistyped path leaves no empty folder
    Packer pack;
    pack(found);
    bytes = pack.take();
  });
  world.broadcast(bytes, 0);
  std::vector<std::string> names;
  Unpacker unpack(bytes);
  unpack(names);
  return {names.begin(), names.end()};
}

/// Adds the checkpoints of this job to the index. It can be rebuilt at any time, so a failure is
/// only a warning.
void refresh_index(const JobContext& context) {
  if (!context.leads()) return;
  try {
    (void)archive::update_index(context.options.archive, false);
  } catch (const Error& error) {
    context.err << "wishart: " << error.what()
                << ". The checkpoints are archived; run `wishart index` to update the index\n";
  }
}

/// `ending`, or an error if everything succeeded but standard output could not be written.
/// Collective over `world`.
Ending told_ending(const JobContext& context, const Ending& ending) {
  const bool lost = context.leads() && ending.done() && !context.out.good();
  return shared_ending(context.world,
                       lost ? Ending(Blame::resource,
                                     "standard output cannot be written. The checkpoints are "
                                     "archived in " +
                                         printable(context.options.archive.string()))
                            : ending);
}

}  // namespace

Ending run_scan(const ScanOptions& options, const mpi::Comm& world, std::ostream& out,
                std::ostream& err) {
  const auto start = std::chrono::steady_clock::now();
  const StopSignal signals;
  spectrum::set_blas_threads(threads_of(options));
  const std::vector<std::filesystem::path> checkpoints = find_all(options, world, err);

  const std::vector<plan::Team> tree = plan::team_tree(world.size());
  std::vector<mpi::RankRange> ranges;
  std::vector<int> depths;
  for (const plan::Team& team : tree) {
    ranges.push_back({team.first, team.size});
    depths.push_back(team.depth);
  }
  const mpi::TeamComms comms(world, ranges, depths);
  std::vector<spectrum::Team> teams;
  for (std::size_t i = 0; i < tree.size(); ++i) {
    teams.emplace_back(comms.team(static_cast<std::int64_t>(i)));
  }
  JobContext context{options, world, world.duplicate(), signals, survey(world), teams, start,
                     out,     err};

  FirstEnding ending("checkpoint");
  for (const auto& path : checkpoints) {
    try {
      ending.add(scan_checkpoint(context, path));
    } catch (const mpi::AgreedError& error) {
      // One bad checkpoint of a history does not stop the others.
      const bool goes_on = error.blame() == Blame::input || error.blame() == Blame::usage;
      if (!goes_on && ending.count() > 0) return ending.cut_short_by(Ending(error));
      if (!goes_on || checkpoints.size() == 1) throw;
      ending.add(Ending(error));
      if (world.rank() == 0) out << one_line(error.what()) << '\n' << std::flush;
    }
  }
  refresh_index(context);
  return told_ending(context, ending.ending());
}

}  // namespace wishart::job
