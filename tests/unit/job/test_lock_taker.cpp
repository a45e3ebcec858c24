/// @file
/// Taking locks: at once, after a wait, or not at all.

#include <fstream>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>

#include "wishart/core/error.hpp"

#include "scan/locks/lock_taker.hpp"
#include "support/fake_slurm.hpp"
#include "support/temp_folder.hpp"
#include "support/variable.hpp"

using namespace wishart;
using namespace wishart::job;
using test::FakeSlurm;
using test::TempFolder;
using test::Variable;

namespace {

/// A lock of Slurm job 27 of another host, untouched for `seconds`.
void write_lock(const TempFolder& folder, std::int64_t seconds) {
  const auto path = folder.write("a.lock",
                                 "wishart lock 2\nnode4\nboot x\n123\n456\n27\n"
                                 "2026-01-31T12:00:00Z\ntoken\nalpha\n25\n2\n0\n");
  const std::time_t then = std::time(nullptr) - seconds;
  const ::timespec times[2] = {{then, 0}, {then, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

const std::string kOwner =
    "process 123 on node4, Slurm job 27 (task 2 of array 25), since 2026-01-31T12:00:00Z";

}  // namespace

TEST_CASE("a lock of another job is left alone, with who holds it and since when", "[lock]") {
  const TempFolder folder;
  const FakeSlurm slurm;
  write_lock(folder, 5);
  const auto lock = LockTaker().take(folder.path(), "a", true);
  CHECK_FALSE(lock->held());
  CHECK(left_to_another_text("a", *lock) ==
        "a: another job is working on it: " + kOwner +
            "; skipped. Run again when that job has ended, or wait for it with --wait-for-lock");
  CHECK(skipped_text("a") == "a: skipped, another job is working on it\n");
  CHECK(left_to_array_text("a", *lock) ==
        "a: left to another task of this array: " + kOwner + "\n");
}

TEST_CASE("a lock of a cancelled job is taken as soon as it is seen to be quiet", "[lock]") {
  const TempFolder folder;
  const FakeSlurm slurm;
  const Variable cluster("SLURM_CLUSTER_NAME", "alpha");
  slurm.squeue("echo '27 CANCELLED'");
  std::vector<std::string> told;
  // A machine that takes a second to look at the lock finds it quiet already.
  for (int attempt = 0; attempt < 5 && told.empty(); ++attempt) {
    write_lock(folder, 11);  // a second before that
    LockTaker taker({0, [&](const std::string& text) { told.push_back(text); }, {}});
    const auto lock = taker.take(folder.path(), "a", false);
    CHECK(lock->held());
    CHECK(taken_over_text("a", *lock) == "a: took over the lock of a job that no longer runs: " +
                                             kOwner + ", CANCELLED as Slurm says");
  }
  REQUIRE(told.size() == 1);
  CHECK(told[0].find("a: waiting up to 0:0") == 0);
  CHECK(told[0].find(" for " + kOwner + ", CANCELLED as Slurm says") != std::string::npos);
}

TEST_CASE("a lock is waited for, for the given time in all", "[lock]") {
  const TempFolder folder;
  const FakeSlurm slurm;
  write_lock(folder, 5);
  std::vector<std::string> told;
  LockTaker taker({0.3, [&](const std::string& text) { told.push_back(text); }, {}});
  CHECK_FALSE(taker.take(folder.path(), "a", false)->held());
  CHECK(told.empty());
  CHECK_FALSE(taker.take(folder.path(), "a", true)->held());
  CHECK(told == std::vector<std::string>{"a: waiting up to 0:00 for " + kOwner});
  CHECK_FALSE(taker.take(folder.path(), "a", true)->held());
  CHECK(told.size() == 1);  // the time is over
}

TEST_CASE("a lock that becomes free is taken by who waits", "[lock]") {
  const TempFolder folder;
  const FakeSlurm slurm;
  write_lock(folder, 5);
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    std::filesystem::remove(folder / "a.lock");
  });
  LockTaker taker({60, {}, {}});
  CHECK(taker.take(folder.path(), "a", true)->held());
}

TEST_CASE("another task of the same array is not waited for", "[lock]") {
  const TempFolder folder;
  const FakeSlurm slurm;
  write_lock(folder, 5);
  const Variable cluster("SLURM_CLUSTER_NAME", "alpha");
  const Variable job("SLURM_JOB_ID", "28");
  const Variable array("SLURM_ARRAY_JOB_ID", "25");
  LockTaker taker({60, {}, [] { return std::string("stopped, because it waited"); }});
  const auto lock = taker.take(folder.path(), "a", true);
  CHECK_FALSE(lock->held());
  CHECK(lock->of_same_array());
}

TEST_CASE("a wait ends when there is a reason to stop", "[lock]") {
  const TempFolder folder;
  const FakeSlurm slurm;
  write_lock(folder, 5);
  LockTaker taker({60, {}, [] { return std::string("stopped by SIGTERM"); }});
  try {
    (void)taker.take(folder.path(), "a", true);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::interrupted);
    CHECK(error.what() ==
          "stopped by SIGTERM while waiting for a, on which another job is "
          "working: " +
              kOwner + ". Run the same command again");
  }
}

TEST_CASE("the lock of a file is that of the id in its name", "[lock]") {
  const TempFolder folder;
  {
    const auto lock = LockTaker().take_of_file(folder / "step-1.h5");
    CHECK(lock->held());
    CHECK(std::filesystem::exists(folder / "step-1.lock"));
  }
  try {
    (void)LockTaker().take_of_file(folder / "a copy.h5");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::usage);
  }
}
