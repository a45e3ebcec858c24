#include "scan/output/job_log.hpp"

#include <cmath>
#include <ostream>

#include "wishart/core/build_info.hpp"
#include "wishart/core/environment.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"

#include "scan/machine/libraries.hpp"
#include "scan/machine/slurm.hpp"
#include "scan/output/progress.hpp"

namespace wishart::job {
namespace {

/// The hosts of the job as Slurm writes them (`n[1-4]`), else this one.
std::string hosts_text(std::int64_t hosts) {
  // Those of mpirun's own step lack its first host.
  for (const std::string of : {"SLURM_STEP_", "SLURM_JOB_"}) {
    const auto names = environment_variable((of + "NODELIST").c_str());
    const auto count = environment_variable((of + "NUM_NODES").c_str());
    if (names && count && std::to_string(hosts) == *count) return *names;
  }
  return hosts == 1 ? host_name().value_or("") : "";
}

}  // namespace

LogHead head_of_this_job(const Layout& layout) {
  LogHead head;
  head.program = std::string(build_info().version) + " (" + std::string(build_info().commit) + ")";
  const archive::BatchJob job = this_batch_job();
  if (!job.id.empty()) head.job = "Slurm job " + job.id;
  if (!job.array.empty()) head.job += ", task " + job.task + " of array " + job.array;
  if (job.restarts > 0) head.job += ", restart " + std::to_string(job.restarts);
  head.hosts = hosts_text(layout.hosts);
  head.layout = layout;
  head.blas = blas_text();
  return head;
}

std::string head_text(const LogHead& head) {
  std::string text = "wishart " + head.program;
  if (!head.job.empty()) text += ", " + printable(head.job);
  text += "\n" + layout_text(head.layout);
  if (!head.hosts.empty()) text += " (" + printable(head.hosts) + ")";
  if (!head.blas.empty()) text += "; " + printable(head.blas);
  text += "\n";
  if (head.memory_bytes > 0) {
    text += "memory: " + human_bytes(head.memory_bytes) + " for the matrices of each rank, by " +
            head.memory_source + "\n";
  }
  if (head.end.known()) {
    text +=
        "the job ends at " + head.end.text() + ", in " + clock_text(head.end.left_seconds()) + "\n";
  }
  return text;
}

std::string task_text(const LogTask& task) {
  std::string text = task.id + ": " + printable(task.checkpoint.string()) + " into " +
                     printable(task.archive.string()) + ", " +
                     plural(task.matrices, "matrix", "matrices");
  if (task.left < task.matrices) text += ", " + std::to_string(task.left) + " of them left";
  if (std::isfinite(task.predicted_seconds)) {
    text += ", about " + clock_text(task.predicted_seconds) + " by the plan";
    if (task.end != nullptr && !task.end->leaves_time_for(task.predicted_seconds)) {
      text += ", which is more than is left of this job";
    }
  }
  return text + "\n";
}

void write_log(std::ostream& out, const std::string& text) {
  for (const std::string& line : split(text, '\n')) {
    if (!line.empty()) out << log_line(line);
  }
  out << std::flush;
}

}  // namespace wishart::job
