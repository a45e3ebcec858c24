/// @file
/// One job at a time: locks, stale locks, lost locks.

#include <fstream>
#include <iterator>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wishart/archive/lock.hpp"

#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;

namespace {

std::int64_t files_in(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder),
                       std::filesystem::directory_iterator());
}

BatchJob job_of(const std::string& id, std::int64_t restarts = 0) {
  return {"alpha", id, "", "", restarts};
}

/// Makes the lock look untouched for `seconds`, and of another host.
void make_foreign(const std::filesystem::path& lock, std::int64_t seconds) {
  std::ifstream in(lock);
  std::string text(std::istreambuf_iterator<char>(in), {});
  in.close();
  const std::size_t host = text.find('\n') + 1;
  text.replace(host, text.find('\n', host) - host, "elsewhere");
  std::ofstream(lock) << text;
  const std::time_t then = std::time(nullptr) - seconds;
  const ::timespec times[2] = {{then, 0}, {then, 0}};
  REQUIRE(::utimensat(AT_FDCWD, lock.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("a lock is held by one, and is gone afterwards", "[lock]") {
  const test::TempFolder folder;
  {
    const CheckpointLock first(folder.path(), "a");
    CHECK(first.held());
    CHECK_FALSE(first.taken_over());
    const CheckpointLock second(folder.path(), "a");
    CHECK_FALSE(second.held());
    CHECK(second.other().find("process " + std::to_string(::getpid()) + " on ") == 0);
    CHECK(CheckpointLock(folder.path(), "b").held());
  }
  CHECK(files_in(folder.path()) == 0);
}

TEST_CASE("the lock of a process that was killed is taken over at once", "[lock]") {
  const test::TempFolder folder;
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const CheckpointLock lock(folder.path(), "a");
    ::_exit(lock.held() ? 0 : 1);  // without its destructor, as SIGKILL
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WEXITSTATUS(status) == 0);
  REQUIRE(std::filesystem::exists(folder / "a.lock"));
  const CheckpointLock lock(folder.path(), "a");
  CHECK(lock.held());
  CHECK(lock.taken_over());
  CHECK(lock.other().find("process " + std::to_string(child)) == 0);
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("the lock of another host is stale when it was not touched for long", "[lock]") {
  const test::TempFolder folder;
  auto first = std::make_unique<CheckpointLock>(folder.path(), "a");
  make_foreign(folder / "a.lock", 60);
  CHECK_FALSE(CheckpointLock(folder.path(), "a").held());
  make_foreign(folder / "a.lock", 100);
  const CheckpointLock second(folder.path(), "a");
  CHECK(second.held());
  CHECK(second.other().find(" on elsewhere, since ") != std::string::npos);
  CHECK(test::error_of([&] { first->beat(true); }).find("this job has lost its lock to process") !=
        std::string::npos);
  first.reset();  // leaves the lock of the second alone
  CHECK(std::filesystem::exists(folder / "a.lock"));
}

TEST_CASE("a beat touches the lock", "[lock]") {
  const test::TempFolder folder;
  CheckpointLock lock(folder.path(), "a");
  const ::timespec times[2] = {{1000, 0}, {1000, 0}};
  REQUIRE(::utimensat(AT_FDCWD, (folder / "a.lock").c_str(), times, 0) == 0);
  lock.beat();  // too early
  struct stat status {};
  REQUIRE(::stat((folder / "a.lock").c_str(), &status) == 0);
  CHECK(status.st_mtim.tv_sec == 1000);
  lock.beat(true);
  REQUIRE(::stat((folder / "a.lock").c_str(), &status) == 0);
  CHECK(status.st_mtim.tv_sec > 1000);
  std::filesystem::remove(folder / "a.lock");
  CHECK(test::error_of([&] { lock.beat(true); }).find("this job has lost its lock. ") !=
        std::string::npos);
}

TEST_CASE("a lock that is not whole goes by its age", "[lock]") {
  const test::TempFolder folder;
  folder.write("a.lock", "wishart lo");
  CHECK_FALSE(CheckpointLock(folder.path(), "a").held());
  CHECK(CheckpointLock(folder.path(), "a", {.stale_seconds = 0}).held());
}

TEST_CASE("of many that find a stale lock exactly one takes it over", "[lock][native]") {
  for (int round = 0; round < 20; ++round) {
    const test::TempFolder folder;
    { std::ofstream(folder / "a.lock") << "old"; }
    const ::timespec times[2] = {{1000, 0}, {1000, 0}};
    REQUIRE(::utimensat(AT_FDCWD, (folder / "a.lock").c_str(), times, 0) == 0);
    std::vector<std::unique_ptr<CheckpointLock>> locks(8);
    {
      std::vector<std::jthread> threads;
      for (auto& lock : locks) {
        threads.emplace_back([&] { lock = std::make_unique<CheckpointLock>(folder.path(), "a"); });
      }
    }
    int held = 0;
    for (const auto& lock : locks) held += lock->held() ? 1 : 0;
    CHECK(held == 1);
  }
}

TEST_CASE("a folder that cannot be written is named", "[lock]") {
  CHECK(test::error_of([] { const CheckpointLock lock("/nowhere", "a"); }) ==
        "4: /nowhere/a.lock: the lock cannot be created: No such file or directory");
}

TEST_CASE("a lock names the job of its owner", "[lock]") {
  const test::TempFolder folder;
  const CheckpointLock first(folder.path(), "a", {.job = {"alpha", "27", "25", "2", 1}});
  const CheckpointLock second(folder.path(), "a");
  const std::string& text = second.other();
  CAPTURE(text);
  CHECK(text.find("process " + std::to_string(::getpid()) + " on ") == 0);
  CHECK(text.find(", Slurm job 27 (task 2 of array 25), restart 1, since 2") != std::string::npos);
  CHECK_FALSE(second.of_same_array());
  const CheckpointLock task(folder.path(), "a", {.job = {"alpha", "28", "25", "3", 0}});
  CHECK(task.of_same_array());
  const CheckpointLock elsewhere(folder.path(), "a", {.job = {"beta", "28", "25", "3", 0}});
  CHECK_FALSE(elsewhere.of_same_array());
}

TEST_CASE("a requeued job takes over the lock of its earlier run, once nobody touches it",
          "[lock]") {
  const test::TempFolder folder;
  const CheckpointLock first(folder.path(), "a", {.job = job_of("27")});
  const auto again = [&](const BatchJob& job) {
    return std::make_unique<CheckpointLock>(folder.path(), "a", LockOptions{.job = job});
  };
  make_foreign(folder / "a.lock", 5);
  {
    const auto touched = again(job_of("27", 1));
    CHECK_FALSE(touched->held());
    CHECK(touched->free_in_seconds() > 4);
    CHECK(touched->free_in_seconds() <= 7);
  }
  make_foreign(folder / "a.lock", 13);
  CHECK_FALSE(again(job_of("27"))->held());  // another process of the same run
  CHECK(again(job_of("27"))->free_in_seconds() < 0);
  CHECK_FALSE(again(job_of("28", 1))->held());            // another job
  CHECK_FALSE(again({"beta", "27", "", "", 1})->held());  // of another cluster
  CHECK_FALSE(again({})->held());
  const auto requeued = again(job_of("27", 1));
  CHECK(requeued->held());
  CHECK(requeued->taken_over());
  CHECK(requeued->other().find(", Slurm job 27, since ") != std::string::npos);
}

TEST_CASE("the lock of a job that has ended is free once nobody touches it", "[lock]") {
  const test::TempFolder folder;
  const CheckpointLock first(folder.path(), "a", {.job = job_of("27")});
  std::vector<std::string> asked;
  std::string answer;
  const auto try_it = [&] {
    return std::make_unique<CheckpointLock>(
        folder.path(), "a", LockOptions{.job = job_of("30"), .ended = [&](const BatchJob& job) {
                                          asked.push_back(job.cluster + " " + job.id);
                                          return answer;
                                        }});
  };
  make_foreign(folder / "a.lock", 20);
  CHECK_FALSE(try_it()->held());
  CHECK(asked == std::vector<std::string>{"alpha 27"});
  answer = "CANCELLED";
  make_foreign(folder / "a.lock", 3);
  {
    const auto touched = try_it();
    CHECK_FALSE(touched->held());
    CHECK(touched->free_in_seconds() > 0);
    CHECK(touched->other().ends_with(", CANCELLED as Slurm says"));
  }
  make_foreign(folder / "a.lock", 20);
  const auto free = try_it();
  CHECK(free->held());
  CHECK(free->taken_over());
  CHECK(free->other().ends_with(", CANCELLED as Slurm says"));
}

TEST_CASE("nobody is asked about a lock of no job, or of a job of an unknown cluster", "[lock]") {
  const test::TempFolder folder;
  const LockOptions asking{.ended = [](const BatchJob&) -> std::string {
    FAIL("asked");
    return {};
  }};
  const std::string earlier =
      "wishart lock 1\nnode4\nboot x\n123\n456\n789\n2026-01-31T12:00:00Z\ntoken\n";
  folder.write("a.lock", earlier);
  make_foreign(folder / "a.lock", 60);
  const CheckpointLock one(folder.path(), "a", asking);
  CHECK_FALSE(one.held());
  CHECK(one.other() == "process 123 on elsewhere, Slurm job 789, since 2026-01-31T12:00:00Z");
  const CheckpointLock mine(folder.path(), "b");
  make_foreign(folder / "b.lock", 60);
  CHECK_FALSE(CheckpointLock(folder.path(), "b", asking).held());
}
