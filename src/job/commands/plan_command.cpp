#include <algorithm>
#include <optional>
#include <string>

#include "wishart/core/error.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"
#include "wishart/report/text_table.hpp"

#include "commands/batch_script.hpp"
#include "commands/plan_rows.hpp"
#include "commands/planned_job.hpp"
#include "scan/output/progress.hpp"

namespace wishart::job {
namespace {

std::string json_text(const PlanOptions& options, const PlannedWorks& works,
                      const PlannedSpeed& speed, const PlannedJob& job,
                      const std::vector<RanksRow>& rows) {
  using report::json_value;
  const Sums sums = sums_of(works, job);
  const RanksRow row = ranks_row(job);
  return report::json_opening(report::kPlanSchema) + ", \"path\": " + json_value(works.root) +
         ", \"ranks\": " + std::to_string(job.ranks) +
         ", \"matrices\": " + std::to_string(sums.matrices) +
         ", \"flop\": " + json_value(sums.flops) + ", \"read_bytes\": " + json_value(sums.bytes) +
         ", \"gflops_per_rank\": " + json_value(speed.gflops) +
         ",\n \"seconds\": " + json_value(job.seconds) +
         ", \"efficiency\": " + json_value(row.efficiency) +
         ", \"limit\": " + json_value(row.limit) +
         ", \"makespan_seconds\": " + json_value(row.matrices_seconds) +
         ", \"reading_seconds\": " + json_value(row.reading_seconds) +
         ", \"rank_zero_seconds\": " + json_value(row.rank_zero_seconds) +
         ",\n \"longest_matrix\": " + json_value(row.longest) +
         ", \"longest_matrix_seconds\": " + json_value(row.longest_seconds) +
         ", \"idle_share\": " + json_value(job.idle_share) +
         ",\n \"memory_per_rank_bytes\": " + std::to_string(job.need_bytes) +
         ", \"rank_zero_bytes\": " + std::to_string(job.zero_bytes) +
         ", \"asked_per_rank_bytes\": " + std::to_string(job.asked_bytes) +
         ", \"time_limit_minutes\": " + std::to_string(job.time.limit_minutes) +
         ", \"signal_seconds\": " + std::to_string(job.time.signal_seconds) +
         ", \"runs\": " + std::to_string(job.time.runs) +
         ", \"integers_pay\": " + json_value(speed.paying_bytes > 0) +
         ",\n \"sbatch\": " + json_value(sbatch_line(options, job)) +
         ",\n \"by_ranks\": " + report::json_array(rows) +
         ",\n \"checkpoints\": " + report::json_array(work_rows(works, job)) +
         ",\n \"items\": " + report::json_array(item_rows(works, job)) + "}\n";
}

std::string counted_matrices(std::int64_t count) { return plural(count, "matrix", "matrices"); }

/// `226 matrices, 3.11 Tflop, 15 GiB to read`
std::string amount_text(const Sums& sums) {
  return counted_matrices(sums.matrices) + ", " + rounded(sums.flops * 1e-12, 4) + " Tflop, " +
         human_bytes(static_cast<std::int64_t>(sums.bytes)) + " to read";
}

std::string products_text(const PlanOptions& options, const PlannedSpeed& speed, const Sums& sums) {
  std::string text =
      sums.integer == 0 ? "Products are formed in float64"
      : sums.integer == sums.matrices
          ? "Products are formed from integers"
          : "Products of " + counted_matrices(sums.integer) + " are formed from integers";
  if (options.scan.products != Products::automatic) return text + ", as --products says.\n";
  if (sums.integer > 0) {
    return text +
           ": integers are faster on this processor. If the job's are of another kind, say "
           "--products float64.\n";
  }
  if (speed.paying_bytes > 0) return text + ": integers are not faster for these matrices.\n";
  return text +
         ": integers are not faster on this processor. If the job's have AMX, say "
         "--products integer.\n";
}

/// How the time comes about, without a full stop.
std::string time_text(const PlannedJob& job, const PlannedSpeed& speed) {
  const RanksRow row = ranks_row(job);
  std::string text =
      plural(job.ranks, "rank") + " at " + rounded(speed.gflops, 3) + " GFLOP/s: about " +
      clock_text(job.seconds) + ", limited by " + row.limit +
      (job.bound == plan::Bound::largest_matrix ? " (" + printable(job.longest) + ")" : "") +
      "\n  matrices " + clock_text(row.matrices_seconds) + ", " + rounded(100 * job.idle_share, 2) +
      " % idle";
  if (row.reading_seconds > 0) {
    text += "; reading " + clock_text(row.reading_seconds) + " at " +
            rounded(speed.shared.read_gbytes, 3) + " GB/s";
  }
  return text + "; rank 0 " + clock_text(row.rank_zero_seconds);
}

std::string memory_text(const PlannedJob& job) {
  return "up to " + human_bytes(job.need_bytes) + " per rank for matrices, " +
         human_bytes(job.zero_bytes) + " on rank 0 for results; the job asks for " +
         human_bytes(job.asked_bytes) + " per rank";
}

std::string runs_text(const PlannedJob& job) {
  if (job.time.runs <= 1) return {};
  return "The partition's jobs are shorter: " + std::to_string(job.time.runs) +
         " runs of the same job, each of which goes on where the one before it was stopped.\n";
}

std::string works_text(const PlannedWorks& works, const PlannedJob& job) {
  if (works.works.size() < 2) return {};
  return report::render_text(works_table(works, job)) + "\n";
}

std::string nothing_text(const PlannedWorks& works, const PlanOptions& options) {
  return printable(works.root) + ": the archive " + printable(options.scan.archive.string()) +
         " holds " +
         (works.works.size() == 1 ? "it"
                                  : "all " + std::to_string(works.works.size()) + " checkpoints") +
         "; there is nothing to scan";
}

std::string plan_page(const PlanOptions& options, const PlannedWorks& works,
                      const PlannedSpeed& speed, const PlannedJob& job) {
  const Sums sums = sums_of(works, job);
  return printable(works.root) + ": " + amount_text(sums) + "\n\n" + works_text(works, job) +
         report::render_text(kinds_table(works, job)) + "\n" + time_text(job, speed) + "\n" +
         memory_text(job) + "\n" + products_text(options, speed, sums) + runs_text(job) + "\n" +
         sbatch_line(options, job) + "\n";
}

std::string table_page(const PlannedWorks& works, const PlannedSpeed& speed, const Sums& sums,
                       const std::vector<RanksRow>& rows) {
  return printable(works.root) + ": " + amount_text(sums) + "; ranks at " +
         rounded(speed.gflops, 3) + " GFLOP/s" +
         (speed.shared.read_gbytes > 0
              ? ", file system at " + rounded(speed.shared.read_gbytes, 3) + " GB/s"
              : "") +
         "\n\n" + report::render_text(ranks_table(rows));
}

std::vector<std::string> about_lines(const PlanOptions& options, const PlannedWorks& works,
                                     const PlannedSpeed& speed, const PlannedJob& job) {
  const Sums sums = sums_of(works, job);
  std::vector<std::string> lines{"Scans " + works.root + " into " + options.scan.archive.string() +
                                     ". Written by wishart plan.",
                                 "", amount_text(sums)};
  for (const std::string& line : split(time_text(job, speed), '\n')) lines.push_back(line);
  lines.push_back(memory_text(job));
  if (job.time.runs > 1) {
    lines.push_back(std::to_string(job.time.runs) +
                    " runs: the job is requeued, or submit it again, until it ends with 0");
  }
  return lines;
}

}  // namespace

CommandResult plan_scan(const PlanOptions& options) {
  const PlannedWorks works = works_of(options);
  CommandResult result;
  result.notes = works.warnings;
  const bool nothing = std::all_of(works.works.begin(), works.works.end(),
                                   [](const PlannedWork& work) { return work.is_archived; });
  if (nothing && (options.sbatch || options.format == OutputFormat::text)) {
    if (options.sbatch) throw Error(Blame::usage, "--sbatch: " + nothing_text(works, options));
    result.text = nothing_text(works, options) + "\n";
    return result;
  }
  const PlannedSpeed speed = speed_of(options);
  const std::vector<double> alone_seconds = alone_seconds_of(works, options, speed);
  std::vector<RanksRow> rows;
  std::optional<PlannedJob> last;
  std::optional<Error> refused;
  for (const int ranks : options.ranks) {
    try {
      last = planned_job(works, options, speed, alone_seconds, ranks);
      rows.push_back(ranks_row(*last));
    } catch (const Error& error) {
      if (error.blame() != Blame::resource || options.ranks.size() == 1) throw;
      refused = error;
      rows.push_back(too_small(ranks));
    }
  }
  if (!last) throw *refused;
  last->time = time_of(*last, options.cluster);
  const PlannedJob& job = *last;
  const bool is_table = options.ranks.size() > 1;
  if (options.sbatch) {
    result.text = batch_script(options, job, about_lines(options, works, speed, job));
  } else if (options.format == OutputFormat::csv) {
    result.text = is_table ? report::csv_table(rows) : report::csv_table(item_rows(works, job));
  } else if (options.format == OutputFormat::json) {
    result.text = json_text(options, works, speed, job, rows);
  } else {
    result.text = is_table ? table_page(works, speed, sums_of(works, job), rows)
                           : plan_page(options, works, speed, job);
  }
  return result;
}

}  // namespace wishart::job
