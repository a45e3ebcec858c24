/// @file
/// The end of the job, and what can be begun before it.

#include <ctime>

#include <catch2/catch.hpp>

#include "scan/machine/job_end.hpp"
#include "support/fake_slurm.hpp"
#include "support/variable.hpp"

using namespace wishart::job;
using wishart::test::FakeSlurm;
using wishart::test::Variable;

TEST_CASE("work is begun if it ends in time with a margin", "[job_end]") {
  // A third more than expected and ten seconds: 100 s need 140 s. The clock goes on meanwhile.
  const JobEnd end(std::time(nullptr) + 200);
  CHECK(end.leaves_time_for(100));
  CHECK_FALSE(end.leaves_time_for(150));
  CHECK(end.leaves_time_for(100, 40));
  CHECK_FALSE(end.leaves_time_for(100, 70));
  CHECK_FALSE(JobEnd(std::time(nullptr) + 9).leaves_time_for(0));
  CHECK(JobEnd().leaves_time_for(1e12));
  CHECK_FALSE(JobEnd().known());
}

TEST_CASE("what no job of this length can do is known if the length is", "[job_end]") {
  const std::int64_t soon = std::time(nullptr) + 5;
  CHECK(JobEnd(soon).whole_job_suffices_for(1e12));
  CHECK(JobEnd(soon, 140).whole_job_suffices_for(100));
  CHECK_FALSE(JobEnd(soon, 139).whole_job_suffices_for(100));
  CHECK(JobEnd::needed_seconds(100) == 140);
}

TEST_CASE("the user knows better than Slurm when the job ends", "[job_end]") {
  const FakeSlurm slurm;
  const Variable id("SLURM_JOB_ID", "27");
  const Variable start("SLURM_JOB_START_TIME", "1769857200");
  const Variable end("SLURM_JOB_END_TIME", "1769860800");
  CHECK(end_of_job({}).text() == "2026-01-31T12:00:00Z");
  CHECK_FALSE(end_of_job({}).whole_job_suffices_for(3600));
  ScanOptions options;
  options.until_is_told = true;
  CHECK_FALSE(end_of_job(options).known());
  options.until_seconds = 1769861000;
  CHECK(end_of_job(options).text() == "2026-01-31T12:03:20Z");
  CHECK(end_of_job(options).whole_job_suffices_for(1e12));
}
