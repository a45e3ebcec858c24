/// @file
/// The threads of a scan under the thread sanitizer, which ends the program at a data race: the
/// coordinator and the workers, the couriers, the readers. Ranks are threads too, over the MPI of
/// stub/mpi.h.

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/mpi/comm.hpp"
#include "wishart/mpi/courier.hpp"
#include "wishart/mpi/team_comms.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/plan/team_tree.hpp"

#include "over_ranks.hpp"
#include "panels.hpp"
#include "scan/ranks/command_loop.hpp"
#include "scan/ranks/coordinator.hpp"
#include "support/refused_threads.hpp"

using namespace wishart;
using test::kRanks;
using test::over_ranks;

namespace {

plan::Plan plan_of(int items) {
  plan::Plan plan;
  plan.tree = plan::team_tree(kRanks);
  for (int i = 0; i < items; ++i) {
    plan::PlanItem item;
    item.matrix = i;
    item.seconds = 1.0 / 64;
    item.way.team_size = i == 0 ? kRanks : (i < 4 ? 2 : 1);
    plan.items.push_back(item);
  }
  return plan;
}

/// What a run of the coordinator left behind.
struct Ran {
  job::CoordinatorOutcome outcome;
  std::vector<int> taken;
};

struct Trouble {
  std::int64_t stop_after = -1;  ///< results
  bool full_disk = false;
  std::int64_t worker_fails_from = -1;  ///< on rank 0: items
};

/// Runs a plan as a scan does: results of many sizes, some of them longer than MPI's eager ones.
Ran run_plan(int items, const Trouble& trouble) {
  Ran ran;
  ran.taken.assign(static_cast<std::size_t>(items), 0);
  const plan::Plan plan = plan_of(items);
  over_ranks([&](const mpi::Comm& world, int rank) {
    std::vector<mpi::RankRange> ranges;
    std::vector<int> depths;
    for (const plan::Team& team : plan.tree) {
      ranges.push_back({team.first, team.size});
      depths.push_back(team.depth);
    }
    const mpi::TeamComms teams(world, ranges, depths);
    const mpi::Comm control = world.duplicate();
    const auto work = [&] {
      job::follow_commands(
          control,
          {[&](std::int64_t item, std::int64_t team) {
             if (rank == 0 && trouble.worker_fails_from >= 0 && item >= trouble.worker_fails_from) {
               throw Error(Blame::bug, "a failing rank");
             }
             teams.team(team).barrier();
             job::Result result;
             result.item = item;
             result.spectrum.sigma.assign(static_cast<std::size_t>(item % 7) * 300, 1.0);
             return result;
           },
           [&](std::int64_t team) { return teams.team(team).rank() == 0; }});
    };
    if (rank != 0) return work();
    std::int64_t num_taken = 0;
    ran.outcome = job::coordinate_beside(
        [&](const std::atomic<bool>& abandoned) {
          job::CoordinatorEvents events;
          events.begin = [](job::Assignment&) {};
          events.returned = [](const job::Assignment&) {};
          events.take = [&](std::vector<job::Result>&& results) {
            for (const job::Result& result : results)
              ++ran.taken[static_cast<std::size_t>(result.item)];
            num_taken += std::ssize(results);
            if (trouble.full_disk) throw Error(Blame::resource, "a full disk");
          };
          events.abandoned = [&] { return abandoned.load(); };
          events.tick = [] {};
          events.stop_reason = [&]() -> std::string {
            return trouble.stop_after >= 0 && num_taken >= trouble.stop_after ? "stopped" : "";
          };
          return job::coordinate(control, plan, events);
        },
        work, [](const std::exception_ptr& failure) { std::rethrow_exception(failure); });
  });
  return ran;
}

/// Counts up.
class Counting final : public spectrum::ElementSource {
public:
  Counting(std::int64_t cols, std::int64_t fails_at_row)
      : cols_(cols), fails_at_row_(fails_at_row) {}
  void read(std::int64_t /*view*/, std::int64_t row_begin, std::int64_t row_end,
            std::int64_t /*col_begin*/, std::int64_t /*col_end*/, std::span<double> out) override {
    if (fails_at_row_ >= row_begin && fails_at_row_ < row_end)
      throw Error(Blame::input, "a row cannot be read");
    std::iota(out.begin(), out.end(), static_cast<double>(row_begin * cols_));
    ++reads;
  }
  std::int64_t reads = 0;

private:
  std::int64_t cols_;
  std::int64_t fails_at_row_;
};

}  // namespace

TEST_CASE("coordinator, workers and couriers share nothing without a lock", "[threads]") {
  const Ran ran = run_plan(300, {});
  CHECK(ran.outcome.failure == nullptr);
  CHECK(ran.outcome.stop_reason.empty());
  CHECK(std::count(ran.taken.begin(), ran.taken.end(), 1) == 300);
}

TEST_CASE("so do they when the job stops or the disk is full", "[threads]") {
  const Ran stopped = run_plan(300, {.stop_after = 20});
  CHECK(stopped.outcome.stop_reason == "stopped");
  CHECK(std::count(stopped.taken.begin(), stopped.taken.end(), 1) >= 20);
  CHECK(std::count(stopped.taken.begin(), stopped.taken.end(), 0) > 0);
  const Ran full = run_plan(300, {.full_disk = true});
  CHECK(full.outcome.failure != nullptr);
  CHECK(std::count(full.taken.begin(), full.taken.end(), 0) > 0);
}

TEST_CASE("the coordinator ends when rank 0's worker fails", "[threads]") {
  CHECK_THROWS_WITH(run_plan(40, {.worker_fails_from = 4}), "a failing rank");
}

TEST_CASE("a coordinator that cannot even begin ends the job, whose ranks wait for it",
          "[threads]") {
  std::atomic<bool> aborted = false;
  const job::CoordinatorOutcome outcome = job::coordinate_beside(
      [](const std::atomic<bool>&) -> job::CoordinatorOutcome { throw std::bad_alloc(); },
      [&] {
        for (mpi::Backoff backoff; !aborted; backoff.pause()) continue;
      },
      [&](const std::exception_ptr& failure) { aborted = failure != nullptr; });
  CHECK(outcome.failure != nullptr);
  CHECK(outcome.cut_off);
}

TEST_CASE("a courier delivers in order, and its failure is noticed by a rank that waits",
          "[threads]") {
  constexpr int kMessages = 200;
  std::atomic<bool> noticed = false;
  std::atomic<int> received = 0;
  over_ranks([&](const mpi::Comm& world, int rank) {
    if (rank == 0) {
      for (int i = 0; i < kMessages; ++i) {
        const auto message = world.receive(1);
        const auto size = static_cast<std::size_t>(i) * 50;
        if (message.bytes == std::vector<std::byte>(size, static_cast<std::byte>(i))) ++received;
      }
    }
    if (rank == 1) {
      mpi::Courier courier(world, 0, 1);
      for (int i = 0; i < kMessages; ++i) {
        courier.send(
            std::vector<std::byte>(static_cast<std::size_t>(i) * 50, static_cast<std::byte>(i)));
      }
      courier.finish();
    }
    if (rank == 2) {
      test::fail_sends_after(test::stub_world, 0);
      mpi::Courier courier(world, 0, 2);
      courier.send({std::byte{1}});
      try {
        for (mpi::Backoff backoff; !noticed; backoff.pause()) courier.check();
      } catch (const Error&) {
        noticed = true;
      }
    }
    world.barrier();
  });
  CHECK(received == kMessages);
  CHECK(noticed);
}

TEST_CASE("a courier that ends early leaves the memory of its messages to MPI", "[threads]") {
  over_ranks([&](const mpi::Comm& world, int rank) {
    if (rank == 1) {
      mpi::Courier courier(world, 0, 1);
      for (int i = 0; i < 20; ++i) courier.send(std::vector<std::byte>(10'000));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    world.barrier();
    while (rank == 0 && world.poll(1)) {
    }
  });
}

TEST_CASE("a failure on one rank becomes the same error on all", "[threads]") {
  std::atomic<int> agreed = 0;
  over_ranks([&](const mpi::Comm& world, int rank) {
    try {
      mpi::together(world, [&] {
        if (rank == 1) throw Error(Blame::input, "only here");
      });
    } catch (const mpi::AgreedError& error) {
      if (error.rank() == 1 && std::string(error.what()) == "only here") ++agreed;
    }
    world.barrier_asleep();
  });
  CHECK(agreed == kRanks);
}

TEST_CASE("a reader and its user share nothing without a lock", "[threads]") {
  constexpr std::int64_t kRows = 400;
  constexpr std::int64_t kCols = 60;
  Matrix matrix;
  matrix.rows = kRows;
  matrix.cols = kCols;
  matrix.views = {{}};
  const std::int64_t fails_at = GENERATE(-1, 200);
  const std::int64_t taken = GENERATE(1000, 3);  // the user may end early
  const bool alone = GENERATE(false, true);      // the system may refuse the thread
  std::optional<test::RefusedThreads> refused;
  if (alone) refused.emplace();
  Counting source(kCols, fails_at);
  spectrum::Tally tally;
  spectrum::Workspace workspace;
  double sum = 0;
  bool failed = false;
  {
    spectrum::PanelStream<double> stream({&matrix, &source, 0}, {0, kRows},
                                         spectrum::PanelStream<double>::Depth{7}, tally, workspace);
    try {
      for (std::int64_t i = 0; i < taken; ++i) {
        const auto panel = stream.next();
        if (!panel) break;
        for (double& value : panel->values) {
          sum += value;
          value = -1;  // panels may be overwritten
        }
      }
    } catch (const Error&) {
      failed = true;
    }
  }
  CHECK(failed == (fails_at >= 0 && taken > 100));
  if (taken > 100 && fails_at < 0) {
    CHECK(sum == static_cast<double>(kRows * kCols) * static_cast<double>(kRows * kCols - 1) / 2);
    CHECK(tally.num_elements() == kRows * kCols);
  }
  CHECK(source.reads > 0);
}
