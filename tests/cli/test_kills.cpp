/// @file
/// Scans on 4 ranks that are killed at random moments, and resume: the archive is that of an
/// undisturbed run.
///
/// WISHART_KILLS is the number of kills (6), WISHART_KILL_SEED the seed (1):
///     WISHART_KILLS=100 build/ci/tests/cli/cli_kills

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/verify.hpp"

#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"
#include "unit/archive/sample_record.hpp"

using namespace wishart;
using namespace wishart::test;
using Clock = std::chrono::steady_clock;

namespace {

std::int64_t number_from(const char* variable, std::int64_t otherwise) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? otherwise : std::strtoll(text, nullptr, 10);
}

void write_model(const std::filesystem::path& folder) {
  std::vector<TensorToWrite> tensors;
  for (std::int64_t i = 0; i < 64; ++i) {
    const std::int64_t cols = 400 + 8 * (i % 13);
    tensors.push_back({"layers." + std::to_string(i) + ".weight",
                       {600, cols},
                       noise_values(600 * cols, static_cast<std::uint64_t>(i))});
  }
  write_bytes(folder / "model.safetensors", safetensors_bytes(tensors));
}

/// A scan on 4 ranks in the background, with its output in `log`.
class RunningScan {
public:
  RunningScan(const std::filesystem::path& model, const std::filesystem::path& archive,
              const std::filesystem::path& log)
      : mpirun_(::fork()) {
    REQUIRE(mpirun_ >= 0);
    if (mpirun_ > 0) return;
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    const std::string runner = in_source("tools/mpirun");
    const std::string program = program_path();
    ::execl(runner.c_str(), runner.c_str(), "-np", "4", program.c_str(), "scan", model.c_str(),
            "--archive", archive.c_str(), "--progress", "none", nullptr);
    ::_exit(127);
  }
  ~RunningScan() {
    if (!ended_) (void)wait();
  }
  RunningScan(const RunningScan&) = delete;
  RunningScan& operator=(const RunningScan&) = delete;

  [[nodiscard]] ::pid_t mpirun() const { return mpirun_; }

  /// The ranks: children of mpirun, which tools/mpirun has become.
  [[nodiscard]] std::vector<::pid_t> ranks() const {
    std::ifstream in("/proc/" + std::to_string(mpirun_) + "/task/" + std::to_string(mpirun_) +
                     "/children");
    std::vector<::pid_t> found;
    for (::pid_t child = 0; in >> child;) found.push_back(child);
    return found;
  }

  /// The exit code, or 128 and the signal. An mpirun that does not end in `patience` is killed, as
  /// a batch system would: Open MPI's sometimes waits for ever for a rank that was killed in
  /// MPI_Init.
  int wait(std::chrono::seconds patience = std::chrono::seconds(300)) {
    const Clock::time_point limit = Clock::now() + patience;
    int status = 0;
    while (::waitpid(mpirun_, &status, WNOHANG) != mpirun_) {
      if (Clock::now() > limit && !killed_) {
        for (const ::pid_t rank : ranks()) ::kill(rank, SIGKILL);
        ::kill(mpirun_, SIGKILL);
        killed_ = true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  /// True if mpirun did not end by itself.
  [[nodiscard]] bool hung() const { return killed_; }

private:
  ::pid_t mpirun_;
  bool ended_ = false;
  bool killed_ = false;
};

/// The record as far as it does not depend on when and how often it was computed.
CheckpointRecord timeless(CheckpointRecord record) {
  for (LayerRow& row : record.layers) row.seconds = row.predicted_seconds = row.fit_seconds = 0;
  Provenance& p = record.provenance;
  p.created.clear();
  p.seconds = 0;
  p.restarts = 0;
  return record;
}

/// False for a process that is gone, also if nobody has waited for it.
bool is_running(::pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  if (!std::getline(in, text)) return false;
  const std::size_t bracket = text.rfind(')');
  return bracket != std::string::npos && text.compare(bracket, 3, ") Z") != 0;
}

/// Ranks may outlive their mpirun for a moment; the job that goes on comes after them.
void wait_for_ranks(const std::vector<::pid_t>& ranks) {
  for (const ::pid_t rank : ranks) {
    for (int i = 0; i < 600 && is_running(rank); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}

constexpr std::array<const char*, 4> kKinds{"SIGKILL to a rank", "SIGKILL to all", "SIGTERM",
                                            "SIGUSR1"};

/// @return the ranks that there were
std::vector<::pid_t> strike(const RunningScan& scan, std::size_t kind, std::uint64_t choice) {
  std::vector<::pid_t> ranks = scan.ranks();
  if (kind == 0 && !ranks.empty()) ::kill(ranks[choice % ranks.size()], SIGKILL);
  if (kind == 1) {
    ::kill(scan.mpirun(), SIGKILL);
    for (const ::pid_t rank : ranks) ::kill(rank, SIGKILL);
  }
  if (kind == 2) ::kill(scan.mpirun(), SIGTERM);
  if (kind == 3) ::kill(scan.mpirun(), SIGUSR1);
  return ranks;
}

}  // namespace

TEST_CASE("killed at random moments, a scan goes on to the undisturbed archive", "[kills]") {
  const TempFolder temp;
  write_model(temp / "model");
  const Clock::time_point begin = Clock::now();
  REQUIRE(RunningScan(temp / "model", temp / "whole", temp / "log").wait() == 0);
  const double whole_seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const CheckpointRecord whole = timeless(archive::read_archive(temp / "whole/model.h5"));
  REQUIRE(whole.layers.size() == 64);

  std::mt19937_64 random(static_cast<std::uint64_t>(number_from("WISHART_KILL_SEED", 1)));
  const std::int64_t kills = number_from("WISHART_KILLS", 6);
  std::array<int, kKinds.size()> struck{};
  int hung = 0;         // mpirun did not end by itself
  int interrupted = 0;  // the scan was not over when it was struck
  int went_on = 0;      // a journal was there to resume from
  std::int64_t equal = 0;
  for (std::int64_t i = 0; i < kills; ++i) {
    const std::filesystem::path archive = temp / ("a" + std::to_string(i));
    // Each kind in turn: a few kills try all of them.
    const auto kind = static_cast<std::size_t>(i) % kKinds.size();
    const double moment = whole_seconds * static_cast<double>(random() % 1000) / 1000;
    CAPTURE(i, kKinds[kind], moment);
    {
      RunningScan scan(temp / "model", archive, temp / "log");
      std::this_thread::sleep_for(std::chrono::duration<double>(moment));
      const std::vector<::pid_t> ranks = strike(scan, kind, random());
      (void)scan.wait(std::chrono::seconds(20));
      hung += scan.hung() ? 1 : 0;
      wait_for_ranks(ranks);
    }
    ++struck[kind];
    const bool over = std::filesystem::exists(archive / "model.h5");
    interrupted += over ? 0 : 1;
    went_on += std::filesystem::exists(archive / "model.journal") ? 1 : 0;
    const int code = RunningScan(temp / "model", archive, temp / "log").wait();
    if (code != 0) {
      std::ifstream log(temp / "log");
      INFO(std::string(std::istreambuf_iterator<char>(log), {}));
      REQUIRE(code == 0);
    }
    CHECK(archive::verify_file(archive / "model.h5").standing == archive::Standing::whole);
    const CheckpointRecord found = archive::read_archive(archive / "model.h5");
    const std::string difference = test::difference(timeless(found), whole);
    CHECK(difference == "");
    equal += difference.empty() ? 1 : 0;
    CHECK_FALSE(std::filesystem::exists(archive / "model.journal"));
    CHECK_FALSE(std::filesystem::exists(archive / "model.lock"));
    CHECK(archive::leftovers(archive).size() <= 1);  // of a scan killed while it wrote the file
    std::filesystem::remove_all(archive);
  }
  std::cout << equal << " of " << kills << " archives equal the undisturbed one (" << whole_seconds
            << " s a run); " << interrupted << " scans were not over when struck, " << went_on
            << " left a journal, " << hung << " mpirun had to be killed";
  for (std::size_t k = 0; k < kKinds.size(); ++k)
    std::cout << "; " << struck[k] << " " << kKinds[k];
  std::cout << "\n";
  CHECK(equal == kills);
}
