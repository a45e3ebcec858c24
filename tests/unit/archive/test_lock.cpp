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
  CHECK(CheckpointLock(folder.path(), "a", 0).held());
}

TEST_CASE("of many that find a stale lock exactly one takes it over", "[lock]") {
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
