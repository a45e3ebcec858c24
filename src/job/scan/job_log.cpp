#include "scan/job_log.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <ostream>

#include <unistd.h>

#include "wishart/core/build_info.hpp"
#include "wishart/core/text.hpp"

#include "scan/libraries.hpp"
#include "scan/progress.hpp"
#include "scan/slurm.hpp"

namespace wishart::job {
namespace {

/// The hosts of the job as Slurm writes them (`n[1-4]`), else this one.
std::string hosts_text(std::int64_t hosts) {
  for (const char* name : {"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"}) {
    const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody writes it
    const char* count = std::getenv(       // NOLINT(concurrency-mt-unsafe)
        std::string(name) == "SLURM_STEP_NODELIST" ? "SLURM_STEP_NUM_NODES"
                                                   : "SLURM_JOB_NUM_NODES");
    // Those of mpirun's own step lack its first host.
    if (text != nullptr && count != nullptr && std::to_string(hosts) == count) return text;
  }
  std::array<char, 256> name{};
  const bool known = ::gethostname(name.data(), name.size() - 1) == 0;
  return known && hosts == 1 ? name.data() : "";
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
                     printable(task.archive.string()) + ", " + std::to_string(task.matrices) +
                     (task.matrices == 1 ? " matrix" : " matrices");
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
