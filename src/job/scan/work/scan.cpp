#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <exception>
#include <optional>
#include <ostream>
#include <utility>

#include "wishart/archive/archive.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/environment.hpp"
#include "wishart/core/release.hpp"
#include "wishart/core/seconds.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/mpi/team_comms.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/spectrum/calibrate.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "scan/archived/fresh_index.hpp"
#include "scan/locks/keeper.hpp"
#include "scan/locks/lock_taker.hpp"
#include "scan/machine/binding.hpp"
#include "scan/machine/libraries.hpp"
#include "scan/machine/slurm.hpp"
#include "scan/machine/stop_signal.hpp"
#include "scan/output/job_log.hpp"
#include "scan/output/progress.hpp"
#include "scan/ranks/over_ranks.hpp"
#include "scan/ranks/shared_filter.hpp"
#include "scan/work/checkpoint_job.hpp"
#include "scan/work/job_context.hpp"
#include "scan/work/planning.hpp"
#include "scan/work/staged_files.hpp"
#include "scan/work/team_work.hpp"

namespace wishart::job {
namespace {

/// Before the first work of the job: says who runs with what, and warns of what makes it slow.
/// Collective over `world`.
void begin_log(JobContext& context) {
  if (std::exchange(context.started, true)) return;
  const std::int64_t threads =
      std::max<std::int64_t>(threads_of(context.options), context.layout.threads);
  const std::string warning = binding_warning(context.world, threads);
  if (!context.leads()) return;
  if (is_log(context.options.progress, JobContext::on_terminal())) {
    LogHead head = head_of_this_job(context.layout);
    const bool told = context.options.memory_per_rank_bytes > 0;
    head.memory_bytes =
        told ? context.options.memory_per_rank_bytes : plan::usable_bytes(context.layout.memory, 0);
    head.memory_source = told ? "--memory-per-rank" : host_memory().source;
    head.end = context.end;
    write_log(context.err, head_text(head));
    const std::string kernels = old_kernels_text();
    if (!kernels.empty()) write_log(context.err, kernels + '\n');
  }
  if (!warning.empty()) context.err << "wishart: " << warning << '\n';
  if (const std::string file = reference_blas(); !file.empty()) {
    context.err << "wishart: the BLAS is the reference implementation (" << printable(file)
                << "), which is several times slower than one made for this processor. Install "
                   "OpenBLAS, and choose it (on Debian: update-alternatives)\n";
  }
}

/// Says what is to be done for a checkpoint. On rank 0.
void log_task(const JobContext& context, const std::filesystem::path& path,
              const CheckpointJob& job) {
  if (!is_log(context.options.progress, JobContext::on_terminal())) return;
  write_log(context.err, task_text({job.id(), path, context.options.archive, job.num_matrices(),
                                    static_cast<std::int64_t>(job.todo().size()),
                                    job.predicted_seconds(), &context.end}));
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

/// Copies the files to the hosts' own disks if that is wanted, and lets the ranks read them there.
/// Meanwhile the lock is kept. Collective over `world`.
/// @param job  on rank 0, else null
void stage(const JobContext& context, WorkOrder& order, CheckpointJob* job,
           std::optional<StagedFiles>& staged) {
  if (context.options.stage_dir.empty()) return;
  const auto begin = std::chrono::steady_clock::now();
  std::exception_ptr failure;
  {
    constexpr std::chrono::milliseconds kLook{100};
    std::optional<Keeper> keeper;
    if (job != nullptr) keeper.emplace([job] { job->flush(false); }, kLook);
    staged.emplace(context.world, context.options.stage_dir, order.root, order.files,
                   [&] { return context.stop_reason(); });
    if (keeper) failure = keeper->end();
  }
  mpi::agree(context.world, failure);
  order.root = staged->root().string();
  order.files = staged->files();
  if (job != nullptr && is_log(context.options.progress, JobContext::on_terminal())) {
    write_log(context.err, job->id() + ": " + human_bytes(staged->bytes()) + " copied to " +
                               printable(context.options.stage_dir.string()) + " in " +
                               clock_text(seconds_since(begin)) + "\n");
  }
}

/// How a checkpoint was scanned.
struct Scanned {
  Ending ending;
  bool to_look_again = false;  ///< another job is working on it
};

/// What to do about checkpoints that other jobs are working on.
enum class Look : std::uint8_t {
  first,  ///< leave them for a second look
  last,   ///< wait for them if that is wanted
};

/// A checkpoint that is still to be scanned.
struct Waiting {
  std::filesystem::path path;
  std::filesystem::path before;  ///< the one before it in the history; empty: none
  Look look = Look::first;
};

/// The coordinator looks for a reason to stop once it has work. This is for checkpoints that need
/// none, and for the opening of the next one, which may take minutes.
/// @throws Error with Blame::interrupted
void check_goes_on(const JobContext& context, const std::filesystem::path& next) {
  const std::string reason = context.stop_reason();
  if (reason.empty()) return;
  throw Error(Blame::interrupted, reason + ": " + printable(next.string()) +
                                      " was not opened. Run the same command again to resume");
}

/// Scans one checkpoint. Collective over `world`.
Scanned scan_checkpoint(JobContext& context, const Waiting& one, LockTaker& locks) {
  std::optional<CheckpointJob> job;
  std::vector<std::byte> bytes;
  mpi::together_asleep(context.world, [&] {  // rank 0 may wait for a lock, perhaps for hours
    if (!context.leads()) return;
    if (!one.before.empty()) check_goes_on(context, one.path);
    job.emplace(
        one.path, context.options, context.layout,
        [&](const std::filesystem::path& folder, const std::string& id) {
          return locks.take(folder, id, one.look == Look::last);
        },
        one.before);
    bytes = packed(job->work_order());
  });
  context.world.broadcast(bytes, 0);
  auto order = unpacked<WorkOrder>(bytes);
  release(bytes);
  if (order.left_to_another && one.look == Look::first) return {{}, true};
  if (job) {
    for (const std::string& warning : job->warnings()) {
      context.err << "wishart: " << warning << '\n';
    }
  }
  if (!order.nothing_to_do) {
    begin_log(context);
    const double gflops = rank_gflops(context, order.calibrate);
    if (job) {
      job->start_work(gflops);
      log_task(context, one.path, *job);
    }
    std::optional<StagedFiles> staged;
    stage(context, order, job ? &*job : nullptr, staged);
    const CoordinatorOutcome outcome = run_ranks(context, order, job ? &*job : nullptr);
    release(order);  // its matrices are computed, and the tables of the archive need memory
    const std::exception_ptr failed =
        with_shared_filter(context.control, [&](const archive::ChunkFilter& filter) {
          check_outcome(context, outcome, *job);
          job->finish(filter);
        });
    mpi::agree(context.world, failed);
  }
  Ending own;
  if (context.leads()) {
    context.out << job->closing_text() << std::flush;
    own = job->ending();
  }
  return {shared_ending(context.world, own), false};
}

/// Why there may be nothing to scan: a task of an array whose number is past the end of its list.
/// @throws Error with Blame::usage if it is no such task. The first task of an array is none: if
///   even its name is empty, the list is
std::string nothing_named_text() {
  const archive::BatchJob job = this_batch_job();
  const std::optional<std::string> first = environment_variable("SLURM_ARRAY_TASK_MIN");
  if (job.task.empty() || !first || job.task == *first) {
    throw Error(Blame::usage, "wishart scan: expected a checkpoint, found an empty name");
  }
  return "task " + printable(job.task) + " of array " + printable(job.array) +
         ": no checkpoint is named, so nothing is left for this task";
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
      if (path.empty()) continue;
      for (const auto& checkpoint : checkpoint::find_checkpoints(path, messages)) {
        found.push_back(checkpoint.string());
      }
    }
    if (found.empty()) messages.push_back(nothing_named_text());
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

/// The ending for one checkpoint of several, whose message says which of them it is about.
Ending ending_at(const std::string& place, const mpi::AgreedError& error) {
  const std::string said = one_line(error.what());
  if (said.find(place) != std::string::npos) return Ending(error);
  return {error.blame(), place + ": " + said};
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

std::deque<Waiting> all_waiting(const std::vector<std::filesystem::path>& checkpoints) {
  std::deque<Waiting> all;
  for (const std::filesystem::path& path : checkpoints) {
    all.push_back({path, all.empty() ? std::filesystem::path() : all.back().path,
                   checkpoints.size() == 1 ? Look::last : Look::first});
  }
  return all;
}

}  // namespace

Ending run_scan(const ScanOptions& options, const mpi::Comm& world, std::ostream& out,
                std::ostream& err) {
  const auto start = std::chrono::steady_clock::now();
  const StopSignal signals;
  spectrum::set_blas_threads(threads_of(options));
  const std::vector<std::filesystem::path> checkpoints = find_all(options, world, err);
  if (checkpoints.empty()) return {};

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
  if (context.leads()) context.end = end_of_job(options);

  const auto stop = [&] { return context.stop_reason(); };
  LockTaker locks({options.wait_for_lock_seconds, line_teller(err), stop});
  FirstEnding ending("checkpoint");
  // Checkpoints of other jobs come after all others, when they may be done or free.
  std::deque<Waiting> rest = all_waiting(checkpoints);
  while (!rest.empty()) {
    Waiting one = std::move(rest.front());
    rest.pop_front();
    const std::string place = printable(one.path.string());
    try {
      Scanned scanned = scan_checkpoint(context, one, locks);
      if (scanned.to_look_again) {
        one.look = Look::last;
        rest.push_back(std::move(one));
      } else {
        ending.add(scanned.ending);
      }
    } catch (const mpi::AgreedError& error) {
      // One bad checkpoint of a history does not stop the others.
      const bool goes_on = error.blame() == Blame::input || error.blame() == Blame::usage;
      if (!goes_on && ending.count() > 0) return ending.cut_short_by(Ending(error));
      if (!goes_on || checkpoints.size() == 1) throw;
      const Ending own = ending_at(place, error);
      ending.add(own);
      if (world.rank() == 0) out << one_line(own.reason()) << '\n' << std::flush;
    }
  }
  if (context.leads()) {
    FreshIndex index = refreshed_index(context.options.archive);
    if (!index.failure.empty()) index.unreadable.push_back(std::move(index.failure));
    for (const std::string& text : index.unreadable) context.err << "wishart: " << text << '\n';
  }
  return told_ending(context, ending.ending());
}

}  // namespace wishart::job
