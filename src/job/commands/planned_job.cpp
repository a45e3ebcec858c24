#include "commands/planned_job.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "wishart/archive/archive.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/plan/memory.hpp"
#include "wishart/spectrum/calibrate.hpp"
#include "wishart/spectrum/spectrum.hpp"
#include "wishart/synth/model_shape.hpp"

#include "scan/archived/archived_analysis.hpp"
#include "scan/archived/provenance.hpp"
#include "scan/work/planning.hpp"

namespace wishart::job {
namespace {

constexpr std::int64_t kMib = std::int64_t{1} << 20U;
constexpr double kMinute = 60;

/// What is to be selected of a catalogue.
PlannedWork work_of(const checkpoint::Catalogue& catalogue, const ScanOptions& options) {
  PlannedWork work;
  model::SelectionOptions selection = selection_options_of(options.selection);
  selection.layers.clear();
  work.everything = model::select_matrices(catalogue, selection).matrices;
  work.matrices = work.everything;
  if (options.selection.layers.empty()) return work;
  work.matrices =
      model::select_matrices(catalogue, selection_options_of(options.selection)).matrices;
  return work;
}

/// Leaves out what the archive already holds.
void look_up_in_archive(PlannedWork& work, const checkpoint::Catalogue& catalogue,
                        const std::filesystem::path& path, const ScanOptions& options) {
  if (options.archive.empty()) return;
  const Provenance provenance =
      started_provenance(std::filesystem::absolute(path), catalogue, options);
  const model::Selection everything{work.everything, {}};
  const model::Selection selected{work.matrices, {}};
  const ArchivedAnalysis found = look_up(options.archive / (provenance.checkpoint_id + ".h5"),
                                         {provenance, everything, selected, options.replace});
  work.is_archived = found.complete;
  if (found.complete || found.spectra.empty()) return;
  std::vector<std::string> held;
  for (const archive::JournalEntry& entry : found.spectra) held.push_back(entry.key);
  std::sort(held.begin(), held.end());
  std::erase_if(work.matrices, [&](const Matrix& matrix) {
    return std::binary_search(held.begin(), held.end(), matrix.key);
  });
  work.is_archived = work.matrices.empty();
}

PlannedWork opened_work(const std::filesystem::path& path, const ScanOptions& options) {
  const SelectionArguments& selection = options.selection;
  const checkpoint::Catalogue catalogue = checkpoint::open_checkpoint(
      path, {selection.base, selection.with_base, selection.variant, selection.allow_unknown});
  PlannedWork work = work_of(catalogue, options);
  work.name = checkpoint::checkpoint_name(path);
  work.path = path.string();
  look_up_in_archive(work, catalogue, path, options);
  return work;
}

PlannedWorks shape_works(const PlanOptions& options) {
  const synth::ModelShape shape = synth::shape_named(options.shape);
  checkpoint::Catalogue catalogue;
  catalogue.tensors = synth::described_tensors(shape, Dtype::bf16);
  catalogue.config = synth::described_config(shape);
  PlannedWorks works;
  works.root = shape.name;
  works.works.push_back(work_of(catalogue, options.scan));
  works.works.back().name = shape.name;
  return works;
}

/// The ranks on a node.
int ranks_per_node_of(const PlanOptions& options, int ranks) {
  const int threads = threads_of(options.scan);
  int per_node = ranks;
  if (options.cluster.cores_per_node > 0) {
    per_node = std::max(1, options.cluster.cores_per_node / threads);
  }
  if (options.ranks_per_node > 0) per_node = options.ranks_per_node;
  return std::min(per_node, ranks);
}

/// True if both are planned alike: the checkpoints of a run mostly are.
bool are_alike(const std::vector<Matrix>& one, const std::vector<Matrix>& other) {
  return std::equal(
      one.begin(), one.end(), other.begin(), other.end(), [](const Matrix& a, const Matrix& b) {
        return a.key == b.key && a.rows == b.rows && a.cols == b.cols &&
               a.num_views() == b.num_views() && a.w_norm == b.w_norm &&
               a.tensor.dtype == b.tensor.dtype && a.tensor.encoding == b.tensor.encoding &&
               a.tensor.scale_bits == b.tensor.scale_bits &&
               a.tensor.parts.size() == b.tensor.parts.size() &&
               (a.tensor.parts.empty() ||
                a.tensor.parts.front().dtype == b.tensor.parts.front().dtype);
      });
}

/// Plans all works with a limit on the memory of a matrix; 0: none.
std::vector<PlannedScan> scans_within(const PlannedWorks& works, plan::PlanOptions options,
                                      std::int64_t limit_bytes) {
  options.memory_per_rank_bytes = limit_bytes;
  std::vector<PlannedScan> scans;
  const PlannedWork* before = nullptr;
  for (const PlannedWork& work : works.works) {
    if (work.is_archived) continue;
    if (before != nullptr && are_alike(before->everything, work.everything) &&
        are_alike(before->matrices, work.matrices)) {
      scans.push_back(scans.back());
    } else {
      scans.emplace_back().plan = plan_within(work.everything, work.matrices, options);
    }
    before = &work;
  }
  return scans;
}

std::int64_t need_of(const std::vector<PlannedScan>& scans) {
  std::int64_t need = 0;
  for (const PlannedScan& scan : scans) {
    for (const plan::PlanItem& item : scan.plan.items) need = std::max(need, item.memory_bytes);
  }
  return need;
}

/// How the works are planned on this number of ranks, but for the memory.
plan::PlanOptions planning_of(const PlanOptions& options, const PlannedSpeed& speed, int ranks) {
  plan::PlanOptions planning = plan_options_of(options.scan);
  planning.ranks = ranks;
  planning.paying_bytes = speed.paying_bytes;
  return planning;
}

void divide_memory(PlannedJob& job, const PlannedWorks& works, const PlanOptions& options,
                   const plan::PlanOptions& plan_options) {
  for (const PlannedWork& work : works.works) {
    job.zero_bytes = std::max(job.zero_bytes, plan::rank_zero_bytes(work.everything));
  }
  const std::int64_t node = options.cluster.memory_per_node_bytes;
  const std::int64_t most = node / job.ranks_per_node / kMib * kMib;
  const auto usable = [&](std::int64_t share) {
    return plan::usable_bytes({share, share, job.ranks_per_node}, job.zero_bytes);
  };
  const auto asked = [&] {
    job.need_bytes = need_of(job.scans);
    const std::int64_t bytes =
        plan::asked_bytes(job.need_bytes, job.zero_bytes, job.ranks_per_node);
    return most > 0 ? std::min(bytes, most) : bytes;
  };
  job.limit_bytes = options.scan.memory_per_rank_bytes;
  const bool is_told = job.limit_bytes > 0;
  if (!is_told && most > 0) job.limit_bytes = usable(most);
  job.scans = scans_within(works, plan_options, job.limit_bytes);
  job.asked_bytes = asked();
  if (is_told) return;
  job.limit_bytes = usable(job.asked_bytes);
  job.scans = scans_within(works, plan_options, job.limit_bytes);
  job.need_bytes = need_of(job.scans);
}

/// What most of the time is spent on, over all scans.
plan::Bound bound_of(const std::vector<PlannedScan>& scans) {
  std::array<double, 4> seconds{};
  for (const PlannedScan& scan : scans) {
    seconds.at(static_cast<std::size_t>(scan.forecast.bound)) += scan.forecast.seconds();
  }
  return static_cast<plan::Bound>(std::max_element(seconds.begin(), seconds.end()) -
                                  seconds.begin());
}

void forecast_times(PlannedJob& job, const PlannedWorks& works, const PlannedSpeed& speed,
                    const std::vector<double>& alone_seconds) {
  double idle = 0;
  double working = 0;
  auto scan = job.scans.begin();
  for (std::size_t i = 0; i < works.works.size(); ++i) {
    const PlannedWork& work = works.works[i];
    if (work.is_archived) continue;
    scan->seconds = plan::item_seconds(scan->plan, work.matrices, rates_of(speed.gflops));
    scan->forecast = plan::forecast_job(scan->plan, work.matrices, scan->seconds, alone_seconds[i],
                                        speed.shared);
    job.alone_seconds += alone_seconds[i];
    const plan::JobForecast& forecast = scan->forecast;
    job.seconds += forecast.seconds();
    idle += forecast.matrices.idle_share * forecast.matrices.makespan_seconds;
    working += forecast.matrices.makespan_seconds;
    if (forecast.longest >= 0 && forecast.longest_seconds > job.longest_seconds) {
      job.longest_seconds = forecast.longest_seconds;
      job.longest = work.matrices[static_cast<std::size_t>(forecast.longest)].key;
    }
    ++scan;
  }
  job.idle_share = working > 0 ? idle / working : 0;
  job.bound = bound_of(job.scans);
}

}  // namespace

PlannedWorks works_of(const PlanOptions& options) {
  if (!options.shape.empty()) return shape_works(options);
  archive::check_is_folder(options.scan.archive);
  PlannedWorks works;
  works.root = options.path.string();
  const auto paths = checkpoint::find_checkpoints(options.path, works.warnings);
  for (const auto& path : paths) {
    try {
      works.works.push_back(opened_work(path, options.scan));
    } catch (const Error& error) {
      // As in a scan: one bad checkpoint of a history does not stop the others.
      const bool goes_on = error.blame() == Blame::input || error.blame() == Blame::usage;
      if (!goes_on || paths.size() == 1) throw;
      works.warnings.emplace_back(error.what());
    }
  }
  if (works.works.empty()) {
    throw Error(Blame::input, printable(works.root) + ": none of its " +
                                  std::to_string(paths.size()) +
                                  " checkpoints can be planned: " + works.warnings.back());
  }
  return works;
}

PlannedSpeed speed_of(const PlanOptions& options) {
  PlannedSpeed speed;
  spectrum::set_blas_threads(threads_of(options.scan));
  speed.paying_bytes = spectrum::paying_bytes();
  speed.gflops = options.gflops;
  if (speed.gflops == 0) {
    spectrum::Workspace workspace;
    speed.gflops = spectrum::measured_gram_gflops(workspace);
  }
  speed.shared.read_gbytes = options.read_gbytes;
  return speed;
}

std::vector<double> alone_seconds_of(const PlannedWorks& works, const PlanOptions& options,
                                     const PlannedSpeed& speed) {
  plan::PlanOptions planning = planning_of(options, speed, 1);
  planning.team_size = 0;
  planning.memory_per_rank_bytes = 0;
  std::vector<double> seconds(works.works.size(), 0);
  for (std::size_t i = 0; i < works.works.size(); ++i) {
    const PlannedWork& work = works.works[i];
    if (work.is_archived) continue;
    const plan::Plan plan = plan::make_plan(work.matrices, planning);
    for (const double one : plan::item_seconds(plan, work.matrices, rates_of(speed.gflops))) {
      seconds[i] += one;
    }
  }
  return seconds;
}

PlannedJob planned_job(const PlannedWorks& works, const PlanOptions& options,
                       const PlannedSpeed& speed, const std::vector<double>& alone_seconds,
                       int ranks) {
  PlannedJob job;
  job.ranks = ranks;
  job.ranks_per_node = ranks_per_node_of(options, ranks);
  job.nodes = (ranks + job.ranks_per_node - 1) / job.ranks_per_node;
  divide_memory(job, works, options, planning_of(options, speed, ranks));
  forecast_times(job, works, speed, alone_seconds);
  return job;
}

plan::JobTime time_of(const PlannedJob& job, const Cluster& cluster) {
  const auto most_minutes = static_cast<std::int64_t>(cluster.longest_job_seconds / kMinute);
  return plan::job_time({job.seconds, job.longest_seconds}, most_minutes);
}

}  // namespace wishart::job
