/// @file
/// What Slurm says about jobs, in the environment and when it is asked: a squeue of our own.

#include <catch2/catch.hpp>

#include "scan/machine/slurm.hpp"
#include "support/fake_slurm.hpp"
#include "support/variable.hpp"

using namespace wishart;
using namespace wishart::job;
using test::FakeSlurm;
using test::Variable;

namespace {

archive::BatchJob job_of(const std::string& id, const std::string& cluster = "alpha") {
  return {cluster, id, "", "", 0};
}

}  // namespace

TEST_CASE("the job of this process is that of the environment", "[slurm]") {
  {
    const Variable none("SLURM_JOB_ID", nullptr);
    const Variable cluster("SLURM_CLUSTER_NAME", "alpha");
    CHECK(this_batch_job().id.empty());
    CHECK(this_batch_job().cluster.empty());
  }
  const Variable id("SLURM_JOB_ID", "27");
  const Variable cluster("SLURM_CLUSTER_NAME", "alpha");
  const Variable array("SLURM_ARRAY_JOB_ID", "25");
  const Variable task("SLURM_ARRAY_TASK_ID", "2");
  {
    const Variable restarts("SLURM_RESTART_COUNT", nullptr);
    CHECK(this_batch_job().restarts == 0);
  }
  const Variable restarts("SLURM_RESTART_COUNT", "3");
  const archive::BatchJob job = this_batch_job();
  CHECK(job.cluster == "alpha");
  CHECK(job.id == "27");
  CHECK(job.array == "25");
  CHECK(job.task == "2");
  CHECK(job.restarts == 3);
}

TEST_CASE("a job has ended if squeue says so in so many words", "[slurm]") {
  const FakeSlurm slurm;
  const Variable cluster("SLURM_CLUSTER_NAME", "alpha");
  for (const char* state : {"CANCELLED", "COMPLETED", "FAILED", "TIMEOUT", "NODE_FAIL",
                            "OUT_OF_MEMORY", "PREEMPTED", "PENDING", "REQUEUED"}) {
    CAPTURE(state);
    slurm.squeue("echo '27 " + std::string(state) + "'");
    CHECK(SlurmJobs().ended(job_of("27")) == state);
  }
  for (const char* answer :
       {"echo '27 RUNNING'", "echo '27 COMPLETING'", "echo '27 SUSPENDED'", "echo '27 cancelled'",
        "echo '28 CANCELLED'", "echo 'CANCELLED'", "echo", "true", "echo '27 CANCELLED by 0'",
        "echo '27 CANCELLED'; echo '27 RUNNING'", "echo '27 CANCELLED'; exit 1",
        "echo '27 CANCELLED' >&2",
        "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1"}) {
    CAPTURE(answer);
    slurm.squeue(answer);
    CHECK(SlurmJobs().ended(job_of("27")).empty());
  }
}

TEST_CASE("a job that Slurm has forgotten is gone", "[slurm]") {
  const FakeSlurm slurm;
  const Variable cluster("SLURM_CLUSTER_NAME", "alpha");
  slurm.squeue("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
  CHECK(SlurmJobs().ended(job_of("27")) == "gone");
}

TEST_CASE("of an array only the task itself counts", "[slurm]") {
  const FakeSlurm slurm;
  const Variable cluster("SLURM_CLUSTER_NAME", "alpha");
  slurm.squeue("echo '25 RUNNING'; echo '26 RUNNING'; echo '27 TIMEOUT'");
  CHECK(SlurmJobs().ended(job_of("27")) == "TIMEOUT");
  CHECK(SlurmJobs().ended(job_of("25")).empty());
}

TEST_CASE("squeue is asked without a shell, and not about what is no id", "[slurm]") {
  const FakeSlurm slurm;
  const Variable cluster("SLURM_CLUSTER_NAME", "alpha");
  const Variable format("SQUEUE_SORT", "T");
  slurm.squeue("echo \"$SLURM_TIME_FORMAT ${SQUEUE_SORT-none} $*\" >>" + slurm.file("asked") +
               "; echo '27 FAILED'");
  SlurmJobs jobs;
  for (const char* id : {"", "27;rm", "--help", "27 28", "-1", "123456789012345678901"}) {
    CHECK(jobs.ended(job_of(id)).empty());
  }
  CHECK(slurm.read("asked").empty());
  CHECK(jobs.ended(job_of("27")) == "FAILED");
  CHECK(jobs.ended(job_of("27")) == "FAILED");  // remembered
  CHECK(slurm.read("asked") == "%s none --noheader --states=all --jobs=27 --format=%A %T\n");
}

TEST_CASE("another cluster, or none, is not asked about", "[slurm]") {
  const FakeSlurm slurm;
  slurm.squeue("echo '27 FAILED'");
  {
    const Variable cluster("SLURM_CLUSTER_NAME", "beta");
    CHECK(SlurmJobs().ended(job_of("27")).empty());
    CHECK(SlurmJobs().ended(job_of("27", "")).empty());
  }
  const Variable cluster("SLURM_CLUSTER_NAME", nullptr);
  CHECK(SlurmJobs().ended(job_of("27")).empty());
  slurm.scontrol("echo 'Configuration data'; echo 'ClusterName             = alpha'");
  CHECK(SlurmJobs().ended(job_of("27")) == "FAILED");
  slurm.scontrol("echo 'ClusterName             = beta'");
  CHECK(SlurmJobs().ended(job_of("27")).empty());
}

TEST_CASE("the times of the job are those of the environment, else of squeue", "[slurm]") {
  const FakeSlurm slurm;
  const Variable id("SLURM_JOB_ID", "27");
  const Variable start("SLURM_JOB_START_TIME", nullptr);
  const Variable zone("TZ", "UTC0");
  {
    const Variable end("SLURM_JOB_END_TIME", "1769860800");
    CHECK(this_job_times().end_seconds == 1769860800);
    CHECK_FALSE(this_job_times().start_seconds.has_value());
  }
  const Variable end("SLURM_JOB_END_TIME", nullptr);
  slurm.squeue("echo '27 1769857200 1769860800'");
  CHECK(this_job_times().start_seconds == 1769857200);
  CHECK(this_job_times().end_seconds == 1769860800);
  slurm.squeue("echo '27 2026-01-31T11:00:00 2026-01-31T12:00:00'");
  CHECK(this_job_times().start_seconds == 1769857200);
  CHECK(this_job_times().end_seconds == 1769860800);
  for (const char* answer : {"echo '27 N/A NONE'", "echo '27 0 0'", "echo nonsense", "exit 1",
                             "echo '27 1769857200'", "echo '28 1769857200 1769860800'"}) {
    CAPTURE(answer);
    slurm.squeue(answer);
    CHECK_FALSE(this_job_times().end_seconds.has_value());
  }
}

TEST_CASE("without Slurm nothing is known", "[slurm]") {
  const FakeSlurm slurm;  // no squeue in it
  const Variable id("SLURM_JOB_ID", "27");
  const Variable cluster("SLURM_CLUSTER_NAME", "alpha");
  const Variable end("SLURM_JOB_END_TIME", nullptr);
  CHECK(SlurmJobs().ended(job_of("27")).empty());
  CHECK_FALSE(this_job_times().end_seconds.has_value());
}
