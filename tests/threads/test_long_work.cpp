/// @file
/// What runs beside long work, under the thread sanitizer: the fits of `refit`, the keeper of the
/// lock while files are copied, the compression that the ranks share; and what happens if the
/// system refuses threads.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/fit/metrics.hpp"
#include "wishart/mpi/courier.hpp"
#include "wishart/mpi/together.hpp"

#include "over_ranks.hpp"
#include "scan/locks/keeper.hpp"
#include "scan/machine/in_threads.hpp"
#include "scan/ranks/coordinator.hpp"
#include "scan/ranks/shared_filter.hpp"
#include "scan/work/staged_files.hpp"
#include "support/refused_threads.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace std::chrono_literals;
using test::kRanks;
using test::over_ranks;

namespace {

constexpr const char* kNoThread =
    " cannot be started: Resource temporarily unavailable. Raise the limit on processes (ulimit "
    "-u, pids.max of the control group), or use fewer ranks on a host";

std::string text_of(const std::exception_ptr& failure) {
  if (!failure) return {};
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// Layers with a heavy tail, as an archive holds them.
struct Layers {
  std::vector<LayerRow> rows;
  std::vector<StoredSpectrum> spectra;
};

Layers layers_of(std::int64_t count) {
  Layers layers;
  std::mt19937_64 random(7);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t size = 60 + i;
    StoredSpectrum spectrum;
    for (std::int64_t k = 0; k < size; ++k) {
      const double u = std::generate_canonical<double, 53>(random);
      spectrum.sigma.push_back(std::pow(1 - u, -0.4));
    }
    std::sort(spectrum.sigma.begin(), spectrum.sigma.end());
    spectrum.view_sigma_min = {spectrum.sigma.front()};
    spectrum.view_sigma_max = {spectrum.sigma.back()};
    spectrum.view_rank_loss = {0};
    LayerRow row;
    row.key = "layer." + std::to_string(i);
    row.N = size * 2;
    row.M = size;
    layers.rows.push_back(row);
    layers.spectra.push_back(std::move(spectrum));
  }
  return layers;
}

/// Fits all layers. The bytes of the rows, whose NaN are no different from each other then.
std::vector<std::byte> fitted(Layers layers, const fit::FitOptions& options, int threads) {
  job::in_threads(
      layers.rows.size(), threads,
      [&](std::size_t i) {
        layers.rows[i] = fit::refitted_row(layers.rows[i], layers.spectra[i], options);
      },
      [] {}, 1ms);
  Packer pack;
  pack(layers.rows);
  return pack.take();
}

/// Chunks of numbers that deflate makes shorter.
std::vector<archive::RawChunk> chunks_of(std::size_t count) {
  std::vector<archive::RawChunk> chunks(count);
  for (std::size_t i = 0; i < count; ++i) {
    chunks[i].element_bytes = 8;
    for (std::size_t k = 0; k < 8 * (50 + 300 * i); ++k) {
      chunks[i].bytes.push_back(static_cast<std::byte>(k * i % 251));
    }
  }
  return chunks;
}

/// Files to be copied, with what the catalogue of a checkpoint says of them.
std::vector<SourceFile> files_in(const test::TempFolder& folder, std::int64_t count) {
  std::vector<SourceFile> files;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string name = "shard-" + std::to_string(i);
    const auto path =
        folder.write(name, std::string(static_cast<std::size_t>(i) * 70'000, static_cast<char>(i)));
    const InputFile file(path);
    SourceFile source;
    source.name = name;
    source.size_bytes = file.size_bytes();
    source.mtime_ns = file.mtime_ns();
    files.push_back(source);
  }
  return files;
}

}  // namespace

TEST_CASE("the fits of a refit share nothing, and give the same on any number of threads",
          "[threads]") {
  const Layers layers = layers_of(12);
  fit::FitOptions options;
  options.bootstrap = 3;
  options.gof = 2;
  CHECK(fitted(layers, options, 4) == fitted(layers, options, 1));
  options.law = fit::FitLaw::truncated;
  CHECK(fitted(layers, options, 4) == fitted(layers, options, 1));
  options.weightwatcher = true;
  options.fix_fingers = fit::FixFingers::clip_xmax;
  options.mp_fit = true;
  CHECK(fitted(layers, options, 4) == fitted(layers, options, 1));
}

TEST_CASE("work on threads ends at the first error, which is thrown", "[threads]") {
  constexpr std::size_t kMany = 100'000;  // takes half a minute if nobody ends it
  std::atomic<std::size_t> begun = 0;
  const auto work = [&](std::size_t i) {
    ++begun;
    if (i == 5) throw Error(Blame::numerics, "a layer cannot be fitted");
    std::this_thread::sleep_for(1ms);
  };
  CHECK_THROWS_WITH(job::in_threads(
                        1000, 4, work, [] {}, 1ms),
                    "a layer cannot be fitted");
  CHECK(begun < kMany);

  begun = 0;
  const auto sleepy = [&](std::size_t) {
    ++begun;
    std::this_thread::sleep_for(1ms);
  };
  const auto lost = [] { throw Error(Blame::resource, "this job has lost its lock"); };
  CHECK_THROWS_WITH(job::in_threads(kMany, 4, sleepy, lost, 1ms), "this job has lost its lock");
  CHECK(begun < kMany);
}

TEST_CASE("a keeper and the copying of files share nothing, and the keeper gives back what it used",
          "[threads]") {
  const test::TempFolder from;
  const test::TempFolder place;
  const std::vector<SourceFile> files = files_in(from, 7);
  int beats = 0;
  over_ranks([&](const mpi::Comm& world, int rank) {
    std::optional<job::Keeper> keeper;
    const auto beat = [&] {  // most of the time, so that the end comes in the middle of one
      ++beats;
      std::this_thread::sleep_for(2ms);
      ++beats;
    };
    if (rank == 0) keeper.emplace(beat, 0ms);
    const job::StagedFiles staged(world, place.path(), from.path(), files);
    std::exception_ptr failure;
    if (keeper) failure = keeper->end();
    if (rank == 0) ++beats;
    mpi::agree(world, failure);
    for (std::size_t i = 0; i < files.size(); ++i) {
      const std::string copy = test::content_of(staged.root() / staged.files()[i].name);
      if (copy != test::content_of(from.path() / files[i].name)) {
        throw Error(Blame::bug, "a copy differs");
      }
    }
    world.barrier();  // each rank removes its own
  });
  CHECK(beats >= 3);
  CHECK(std::filesystem::is_empty(place.path()));
}

TEST_CASE(
    "a lock that is lost while files are copied is known to all ranks, as is a file that changes",
    "[threads]") {
  const test::TempFolder from;
  const test::TempFolder place;
  std::vector<SourceFile> files = files_in(from, 7);
  std::atomic<int> agreed = 0;
  const bool lost = GENERATE(true, false);
  if (!lost) files[4].size_bytes += 1;
  const std::string expected =
      lost ? "this job has lost its lock"
           : (from.path() / "shard-4").string() +
                 ": changed while it was being copied to --stage-dir. Run again when no other "
                 "program is writing to it";
  over_ranks([&](const mpi::Comm& world, int rank) {
    try {
      std::optional<job::Keeper> keeper;
      if (rank == 0) {
        keeper.emplace(
            [&] {
              if (lost) throw Error(Blame::resource, "this job has lost its lock");
            },
            1ms);
      }
      const job::StagedFiles staged(world, place.path(), from.path(), files);
      std::exception_ptr failure;
      if (keeper) failure = keeper->end();
      mpi::agree(world, failure);
    } catch (const mpi::AgreedError& error) {
      if (error.what() == expected) ++agreed;
    }
    world.barrier();
  });
  CHECK(agreed == kRanks);
  CHECK(std::filesystem::is_empty(place.path()));
}

TEST_CASE("ranks that share the compression give the chunks in order, and go on after a failure",
          "[threads]") {
  const std::vector<archive::RawChunk> chunks = chunks_of(25);
  std::vector<std::vector<std::byte>> alone;
  for (const archive::RawChunk& chunk : chunks) alone.push_back(archive::filtered(chunk));
  const bool disk_full = GENERATE(false, true);
  std::vector<std::vector<std::byte>> shared;
  std::vector<std::string> failures(kRanks);
  over_ranks([&](const mpi::Comm& world, int rank) {
    const std::exception_ptr failure =
        job::with_shared_filter(world, [&](const archive::ChunkFilter& filter) {
          for (std::size_t i = 0; i < chunks.size(); i += filter.at_once) {
            const std::size_t count = std::min(filter.at_once, chunks.size() - i);
            for (auto& one : filter.run(std::span(chunks).subspan(i, count))) {
              shared.push_back(std::move(one));
            }
            if (disk_full) throw Error(Blame::resource, "a full disk");
          }
        });
    failures[static_cast<std::size_t>(rank)] = text_of(failure);
    world.barrier();
  });
  if (disk_full) alone.resize(shared.size());
  CHECK(shared == alone);
  CHECK_FALSE(shared.empty());
  CHECK(failures == std::vector<std::string>{disk_full ? "a full disk" : "", "", ""});
}

TEST_CASE("without threads, a refit takes longer", "[threads]") {
  const Layers layers = layers_of(3);
  fit::FitOptions options;
  options.bootstrap = 3;
  const auto expected = fitted(layers, options, 2);
  const test::RefusedThreads refused;
  CHECK(fitted(layers, options, 2) == expected);
}

TEST_CASE("without threads, what needs one says so", "[threads]") {
  std::array<MPI_Comm, 1> worlds{};
  test::make_stub_worlds(1, worlds.data());
  test::stub_world = worlds[0];
  const mpi::Comm world = mpi::Comm::world();
  const test::RefusedThreads refused;
  CHECK_THROWS_WITH(mpi::Courier(world, 0, 1),
                    std::string("the thread that sends results") + kNoThread);
  bool worked = false;
  CHECK_THROWS_WITH(
      job::coordinate_beside([](const std::atomic<bool>&) { return job::CoordinatorOutcome(); },
                             [&] { worked = true; }, [](const std::exception_ptr&) {}),
      std::string("the thread that hands out the work") + kNoThread);
  CHECK_FALSE(worked);
  // Told at the end, when the ranks agree.
  job::Keeper keeper([] {}, 1ms);
  CHECK(text_of(keeper.end()) == std::string("the thread that keeps the lock") + kNoThread);
}
