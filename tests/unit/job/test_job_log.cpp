/// @file
/// The head of a job's log.

#include <cmath>
#include <ctime>
#include <limits>
#include <regex>
#include <sstream>

#include <catch2/catch.hpp>

#include "scan/output/job_log.hpp"
#include "support/variable.hpp"

using namespace wishart;
using namespace wishart::job;
using test::Variable;

TEST_CASE("the head says who runs, where, with what and until when", "[job_log]") {
  LogHead head;
  head.program = "0.1.0 (0123456)";
  head.job = "Slurm job 27, task 2 of array 25, restart 1";
  head.hosts = "n[1-2]";
  head.layout.ranks = 4;
  head.layout.hosts = 2;
  head.layout.threads = 1;
  head.blas = "OpenBLAS 0.3.21";
  head.memory_bytes = std::int64_t{3} << 30U;
  head.memory_source = "Slurm's --mem";
  CHECK(head_text(head) ==
        "wishart 0.1.0 (0123456), Slurm job 27, task 2 of array 25, restart 1\n"
        "4 ranks on 2 hosts, 1 thread each (n[1-2]); OpenBLAS 0.3.21\n"
        "memory: 3.0 GiB for the matrices of each rank, by Slurm's --mem\n");
  head.end = JobEnd(std::time(nullptr) + 3605);
  CHECK(std::regex_search(
      head_text(head),
      std::regex("\nthe job ends at 20..-..-..T..:..:..Z, in (1:00:0.|59:..)\n$")));
}

TEST_CASE("what is not known is left out", "[job_log]") {
  LogHead head;
  head.program = "0.1.0 (0123456)";
  CHECK(head_text(head) == "wishart 0.1.0 (0123456)\n1 rank on 1 host\n");
}

TEST_CASE("the head of this job names its job and its hosts", "[job_log]") {
  const Variable step("SLURM_STEP_NODELIST", nullptr);
  const Variable nodes("SLURM_JOB_NODELIST", "n[1-2]");
  const Variable count("SLURM_JOB_NUM_NODES", "2");
  const Variable id("SLURM_JOB_ID", "27");
  const Variable array("SLURM_ARRAY_JOB_ID", nullptr);
  const Variable restarts("SLURM_RESTART_COUNT", "2");
  Layout layout;
  layout.hosts = 2;
  CHECK(head_of_this_job(layout).job == "Slurm job 27, restart 2");
  CHECK(head_of_this_job(layout).hosts == "n[1-2]");
  layout.hosts = 3;  // the ranks are elsewhere
  CHECK(head_of_this_job(layout).hosts.empty());
  CHECK(head_of_this_job(layout).program.find(" (") != std::string::npos);
}

TEST_CASE("a checkpoint is told with its work and its time", "[job_log]") {
  const JobEnd late(std::time(nullptr) + 100000);
  LogTask task{"step-9", "/run/step-9", "/archive", 226, 226, 192, &late};
  CHECK(task_text(task) ==
        "step-9: /run/step-9 into /archive, 226 matrices, about 3:12 by the plan\n");
  task.left = 22;
  const JobEnd soon(std::time(nullptr) + 60);
  task.end = &soon;
  CHECK(task_text(task) ==
        "step-9: /run/step-9 into /archive, 226 matrices, 22 of them left, about 3:12 by the plan, "
        "which is more than is left of this job\n");
  LogTask one{"a", "m", "archive", 1, 1, std::numeric_limits<double>::quiet_NaN(), nullptr};
  CHECK(task_text(one) == "a: m into archive, 1 matrix\n");
}

TEST_CASE("every line of a log has its time", "[job_log]") {
  std::ostringstream out;
  write_log(out, "one\ntwo\n");
  const std::string time = "20..-..-..T..:..:..Z ";
  CHECK(std::regex_match(out.str(), std::regex(time + "one\n" + time + "two\n")));
}
