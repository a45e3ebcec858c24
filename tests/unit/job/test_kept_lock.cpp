/// @file
/// What replaces or sets aside a file of the archive does so under its lock, to the end.

#include <sstream>

#include <catch2/catch.hpp>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/lock.hpp"
#include "wishart/archive/verify.hpp"
#include "wishart/core/error.hpp"
#include "wishart/fit/metrics.hpp"
#include "wishart/job/commands.hpp"

#include "samples.hpp"
#include "scan/locks/kept_lock.hpp"
#include "scan/work/checkpoint_job.hpp"
#include "scan/work/refit.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::job;
using namespace wishart::test;

namespace {

const std::string kOther =
    "wishart lock 2\nnode4\nboot x\n123\n456\n27\n2026-01-31T12:00:00Z\ntoken\nalpha\n25\n2\n0\n";
const std::string kLost = "m.lock: this job has lost its lock to process 123 on node4, ";

/// A model `m` of two matrices.
struct Scene {
  TempFolder temp;
  ScanOptions options;

  Scene() {
    write_bytes(temp / "m/model.safetensors",
                safetensors_bytes({{"a", {20, 16}, std::vector<float>(320, 1)},
                                   {"b", {20, 16}, std::vector<float>(320, 1)}}));
    options.archive = temp / "archive";
    archive::prepare_folder(options.archive);
  }

  [[nodiscard]] std::filesystem::path file() const { return options.archive / "m.h5"; }
  [[nodiscard]] std::filesystem::path lock() const { return options.archive / "m.lock"; }
  /// Another job takes the lock over.
  void lose_lock() const { temp.write("archive/m.lock", kOther); }

  /// Computes what is left of the matrices.
  [[nodiscard]] std::unique_ptr<CheckpointJob> computed() const {
    auto job = std::make_unique<CheckpointJob>(temp / "m", options, Layout{});
    const WorkOrder order = job->work_order();
    for (std::size_t i = 0; i < order.matrices.size(); ++i) {
      Result result;
      result.item = static_cast<std::int64_t>(i);
      result.spectrum = good_spectrum(order.matrices[i]);
      result.row = fit::layer_row(order.matrices[i], result.spectrum, fit::FitOptions{});
      job->take({std::move(result)});
    }
    return job;
  }
  /// Archives the matrix `a`, or all.
  void archive(bool all = true) {
    if (!all) options.selection.layers = {"a"};
    computed()->finish();
    options.selection.layers.clear();
  }
  void damage() const {
    std::string bytes = content_of(file());
    bytes[bytes.size() / 2] ^= 1;
    temp.write("archive/m.h5", bytes);
    REQUIRE(archive::verify_file(file()).standing == archive::Standing::damaged);
  }
};

/// The message of a failure that blames the system.
template <class Work>
std::string failure_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return (error.blame() == Blame::resource ? "" : "not of the system: ") +
           std::string(error.what());
  }
  return "no error";
}

/// Standard error on which a message lets something happen.
class Reacting : public std::stringbuf {
public:
  explicit Reacting(std::function<void()> react) : react_(std::move(react)) {}

protected:
  int sync() override {
    react_();
    return 0;
  }

private:
  std::function<void()> react_;
};

}  // namespace

TEST_CASE("a lock that was lost is lost at every later beat", "[kept_lock]") {
  const Scene scene;
  archive::CheckpointLock lock(scene.options.archive, "m");
  KeptLock kept(lock);
  kept.beat(true);
  scene.lose_lock();
  for (int i = 0; i < 2; ++i) {
    CHECK(failure_of([&] { kept.beat(true); }).find(kLost) != std::string::npos);
  }
  CHECK(failure_of([&] { kept.beat(); }).find(kLost) != std::string::npos);
}

TEST_CASE("a scan that loses its lock while it writes its archive replaces nothing",
          "[kept_lock]") {
  Scene scene;
  scene.archive(false);
  const std::string before = content_of(scene.file());
  const auto job = scene.computed();
  bool lost = false;
  archive::ChunkFilter filter;
  filter.run = [&](std::span<const archive::RawChunk> chunks) {
    if (!std::exchange(lost, true)) scene.lose_lock();
    return archive::filter_here().run(chunks);
  };
  CHECK(failure_of([&] { job->finish(filter); }).find(kLost) != std::string::npos);
  CHECK(lost);
  CHECK(content_of(scene.file()) == before);
  CHECK(content_of(scene.lock()) == kOther);
  CHECK(std::filesystem::exists(scene.options.archive / "m.journal"));
  CHECK(archive::leftovers(scene.options.archive).empty());
}

TEST_CASE("refit and reseal replace nothing without their lock", "[kept_lock]") {
  Scene scene;
  scene.archive();
  const std::string before = content_of(scene.file());
  archive::CheckpointLock lock(scene.options.archive, "m");
  KeptLock kept(lock);
  scene.lose_lock();
  CHECK(failure_of([&] { refit_file(scene.file(), {}, 1, kept); }).find(kLost) !=
        std::string::npos);
  CHECK(failure_of([&] { archive::reseal(scene.file(), [&] { kept.beat(true); }); }).find(kLost) !=
        std::string::npos);
  CHECK(content_of(scene.file()) == before);
  CHECK(archive::leftovers(scene.options.archive).empty());
}

TEST_CASE("a damaged file on which another job works is not set aside", "[kept_lock]") {
  Scene scene;
  scene.archive();
  scene.damage();
  VerifyOptions options;
  options.archive = scene.options.archive;
  options.repair = true;
  std::ostringstream err;
  {
    const archive::CheckpointLock lock(scene.options.archive, "m");
    const CommandResult result = verify_archive(options, err);
    CHECK(result.ending.exit_code() == 3);
    CHECK(result.ending.reason().find(
              "It was not set aside: another job is working on it: process ") != std::string::npos);
    CHECK(result.text.find("  not set aside: another job is working on it: process ") !=
          std::string::npos);
    CHECK(std::filesystem::exists(scene.file()));
  }
  CHECK(verify_archive(options, err).ending.exit_code() == 3);
  CHECK_FALSE(std::filesystem::exists(scene.file()));
  CHECK(std::filesystem::exists(scene.file().string() + ".damaged"));
  CHECK_FALSE(std::filesystem::exists(scene.lock()));
}

TEST_CASE("what a scan archives anew between the verification and the repair stays where it is",
          "[kept_lock]") {
  Scene scene;
  scene.archive();
  const std::string whole = content_of(scene.file());
  scene.damage();
  VerifyOptions options;
  options.archive = scene.options.archive;
  options.repair = true;
  options.wait_for_lock_seconds = 60;
  auto lock = std::make_unique<archive::CheckpointLock>(scene.options.archive, "m");
  Reacting waits([&] {  // the scan ends while the repair waits for it
    scene.temp.write("archive/m.h5", whole);
    lock.reset();
  });
  std::ostream err(&waits);
  const CommandResult result = verify_archive(options, err);
  CHECK(lock == nullptr);
  CHECK(result.ending.done());
  CHECK(content_of(scene.file()) == whole);
  CHECK_FALSE(std::filesystem::exists(scene.file().string() + ".damaged"));
}
