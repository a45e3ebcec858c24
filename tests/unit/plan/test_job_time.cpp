/// @file
/// The limit of a job and the signal before it never contradict each other.

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/plan/job_time.hpp"

using namespace wishart;
using namespace wishart::plan;

TEST_CASE("the signal comes after the predicted end, whatever the time", "[job_time]") {
  for (const double seconds : {0.0, 1.0, 42.0, 290.0, 600.0, 3599.0, 86400.0, 1e7}) {
    for (const double share : {0.0, 0.01, 0.5, 1.0}) {
      CAPTURE(seconds, share);
      const JobTime time = job_time({seconds, share * seconds}, 0);
      const auto limit = static_cast<double>(60 * time.limit_minutes);
      const auto signal = static_cast<double>(time.signal_seconds);
      // Slurm may send it a minute early.
      CHECK(limit - signal - 60 >= 1.5 * seconds);
      CHECK(signal >= 1.5 * share * seconds);  // for what is finished after it
      CHECK(signal >= 60);
      CHECK(4 * signal <= limit);  // what slurm/scan.sbatch allows
      CHECK(time.runs == 1);
    }
  }
}

TEST_CASE("the shortest jobs have minutes, not hours", "[job_time]") {
  const JobTime time = job_time({42, 1}, 0);
  CHECK(time.limit_minutes == 8);
  CHECK(time.signal_seconds == 120);
}

TEST_CASE("a scan that is longer than a partition's jobs takes several", "[job_time]") {
  const JobTime time = job_time({36000, 600}, 240);
  CHECK(time.limit_minutes == 240);
  CHECK(time.signal_seconds == 960);
  CHECK(time.runs == 5);  // of 13260 s each, for 54000
  CHECK(job_time({100, 10}, 240).runs == 1);
  CHECK(job_time({100, 10}, 240).limit_minutes < 240);
}

TEST_CASE("a partition whose jobs end before a matrix does is refused", "[job_time]") {
  CHECK_THROWS_WITH(job_time({36000, 3600}, 60),
                    "a job of 60 minutes is too short: with its longest matrix it takes at least "
                    "185 minutes. Use more ranks, or a partition with longer jobs (--longest-job)");
}
