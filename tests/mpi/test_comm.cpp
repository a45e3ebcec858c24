/// @file
/// Communicators: sums, broadcasts, messages, failing together.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <new>
#include <numeric>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/mpi/courier.hpp"
#include "wishart/mpi/failure.hpp"
#include "wishart/mpi/team_comms.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/mpi/values.hpp"
#include "wishart/plan/team_tree.hpp"

#include "support/mpi_main.hpp"

using namespace wishart;
using wishart::test::world;

TEST_CASE("sums and extremes are the same on every rank", "[comm]") {
  std::vector<double> values{1.0, static_cast<double>(world().rank())};
  world().sum(std::span<double>(values));
  CHECK(values[0] == world().size());
  CHECK(values[1] == world().size() * (world().size() - 1) / 2.0);
  CHECK(world().maximum(std::int64_t{world().rank()}) == world().size() - 1);
  CHECK(world().minimum(std::int64_t{world().rank()}) == 0);
}

TEST_CASE("every rank gets the root's bytes", "[comm]") {
  for (int root = 0; root < world().size(); ++root) {
    std::vector<std::byte> bytes;
    if (world().rank() == root) bytes.assign(1000 + static_cast<std::size_t>(root), std::byte{7});
    world().broadcast(bytes, root);
    CHECK(bytes.size() == 1000 + static_cast<std::size_t>(root));
    CHECK(bytes.back() == std::byte{7});
  }
}

TEST_CASE("one thread of rank 0 talks to all ranks while another works", "[comm]") {
  const mpi::Comm control = world().duplicate();
  constexpr int kAsk = 1;
  constexpr int kAnswer = 2;
  std::thread coordinator;
  std::int64_t sum = 0;
  if (control.rank() == 0) {
    coordinator = std::thread([&] {
      mpi::Outbox asking(control);
      asking.send(std::vector<std::byte>(200'000, std::byte{1}), 0, control.size(), kAsk);
      for (int i = 0; i < control.size(); ++i) {
        sum += static_cast<std::int64_t>(control.receive(kAnswer).bytes.size());
      }
      while (!asking.all_left()) continue;
    });
  }
  const auto question = control.receive(kAsk);
  CHECK(question.bytes.size() == 200'000);
  mpi::Outbox answering(control);
  answering.send(question.bytes, 0, 1, kAnswer);
  while (!answering.all_left()) continue;
  if (coordinator.joinable()) {
    coordinator.join();
    CHECK(sum == 200'000 * control.size());
  }
}

TEST_CASE("ranks that send to each other at the same time do not block", "[comm]") {
  constexpr int kTag = 3;
  const mpi::Comm comm = world().duplicate();
  mpi::Outbox outbox(comm);
  const std::size_t size = 200'000 + static_cast<std::size_t>(comm.rank());
  outbox.send(std::vector<std::byte>(size, std::byte{5}), 0, comm.size(), kTag);
  for (int i = 0; i < comm.size(); ++i) {
    const mpi::Comm::Message message = comm.receive(kTag);
    CHECK(message.bytes.size() == 200'000 + static_cast<std::size_t>(message.from));
    CHECK(message.bytes.back() == std::byte{5});
  }
  while (!outbox.all_left()) continue;
  comm.barrier();
}

TEST_CASE("a courier delivers messages in order while its rank makes no MPI calls", "[comm]") {
  constexpr int kTag = 4;
  constexpr std::size_t kMessages = 40;
  const mpi::Comm comm = world().duplicate();
  std::atomic<bool> handed_over = false;
  std::vector<std::size_t> next(static_cast<std::size_t>(comm.size()), 0);
  std::thread receiver;
  if (comm.rank() == 0) {
    receiver = std::thread([&] {
      // Nobody receives until this rank has queued all its messages, so queueing must not wait.
      while (!handed_over) std::this_thread::yield();
      for (std::size_t i = 0; i < kMessages * next.size(); ++i) {
        const mpi::Comm::Message message = comm.receive(kTag);
        std::size_t& count = next.at(static_cast<std::size_t>(message.from));
        if (message.bytes.size() == 100'000 + count) ++count;
      }
    });
  }
  {
    mpi::Courier courier(comm, 0, kTag);
    for (std::size_t i = 0; i < kMessages; ++i) {
      courier.send(std::vector<std::byte>(100'000 + i, std::byte{6}));
    }
    handed_over = true;
    comm.barrier();  // other messages of this rank are sent meanwhile
    courier.finish();
  }
  if (receiver.joinable()) {
    receiver.join();
    CHECK(next == std::vector<std::size_t>(next.size(), kMessages));
  }
  comm.barrier();
}

TEST_CASE("a courier abandons messages that nobody receives", "[comm]") {
  const mpi::Comm comm = world().duplicate();
  {
    mpi::Courier courier(comm, 0, 5);
    courier.send(std::vector<std::byte>(100'000));
    const mpi::Courier idle(comm, 0, 5);
  }
  comm.barrier();
}

TEST_CASE("numbers in more than one part are shared, sent and added up", "[values]") {
  const int size = world().size();
  const int rank = world().rank();
  const int last = size - 1;
  const std::int64_t count = mpi::kValuesAtOnce + 5;
  const auto value = [](int of, std::int64_t i) { return static_cast<double>(10 * i + of); };
  std::vector<double> values(static_cast<std::size_t>(count));
  const auto fill = [&](int of) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = value(of, static_cast<std::int64_t>(i));
    }
  };
  const auto differing = [&](const auto& expected) {
    std::int64_t found = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      found += values[i] == expected(static_cast<std::int64_t>(i)) ? 0 : 1;
    }
    return found;
  };
  fill(rank);
  mpi::broadcast(world(), values, last);
  CHECK(differing([&](std::int64_t i) { return value(last, i); }) == 0);
  fill(rank);
  mpi::sum_on(world(), values, last);
  CHECK(differing([&](std::int64_t i) {
          const auto of_all = static_cast<double>(10 * i * size + size * (size - 1) / 2);
          return rank == last ? of_all : value(rank, i);
        }) == 0);
  fill(rank);
  if (rank == last && last > 0) mpi::send(world(), values, 0, 3);
  if (rank == 0 && last > 0) mpi::receive(world(), values, last, 3);
  CHECK(differing([&](std::int64_t i) { return value(rank == 0 ? last : rank, i); }) == 0);
}

TEST_CASE("each rank gets its share of a sum", "[values]") {
  const int size = world().size();
  std::vector<int> counts;
  for (int rank = 0; rank < size; ++rank) counts.push_back(rank % 3);
  const int all = std::accumulate(counts.begin(), counts.end(), 0);
  const int before = std::accumulate(counts.begin(), counts.begin() + world().rank(), 0);
  std::vector<double> values;
  for (int i = 0; i < all; ++i) values.push_back(100 * i + world().rank());
  std::vector<double> own(3, -1);
  mpi::sum_and_scatter(world(), values, counts, own);
  for (int i = 0; i < 3; ++i) {
    const double sum = 100 * (before + i) * size + size * (size - 1) / 2;
    CHECK(own[static_cast<std::size_t>(i)] == (i < world().rank() % 3 ? sum : -1));
  }
}

TEST_CASE("an error on one rank is thrown on all, with the lowest rank's text", "[together]") {
  for (int bad = 0; bad < world().size(); ++bad) {
    std::string text;
    int blamed = -1;
    Blame blame = Blame::usage;
    try {
      mpi::together(world(), [&] {
        if (world().rank() >= bad) {
          throw Error(Blame::input, "rank " + std::to_string(world().rank()) + " fails");
        }
      });
    } catch (const mpi::AgreedError& error) {
      text = error.what();
      blamed = error.rank();
      blame = error.blame();
    }
    CHECK(text == "rank " + std::to_string(bad) + " fails");
    CHECK(blamed == bad);
    CHECK(blame == Blame::input);
  }
  CHECK_NOTHROW(mpi::together(world(), [] {}));
}

TEST_CASE("ranks that wait for a long piece of work sleep, and learn how it ended", "[together]") {
  const int last = world().size() - 1;
  const auto work = [&](bool fails) {
    if (world().rank() != last) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    if (fails) throw Error(Blame::interrupted, "stopped");
  };
  const std::clock_t before = std::clock();
  CHECK_NOTHROW(mpi::together_asleep(world(), [&] { work(false); }));
  CHECK_THROWS_AS(mpi::together_asleep(world(), [&] { work(true); }), mpi::AgreedError);
  // Of 1.2 s. Those that spin take all of their cores' time, a fifth of it with six ranks on one.
  const double seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  if (world().rank() != last) CHECK(seconds < 0.15);
}

TEST_CASE("a failure of MPI waits for nobody", "[together]") {
  const mpi::Comm comm = world().duplicate();
  const auto fail = [] { throw mpi::Failure(Blame::resource, "MPI_Send: lost"); };
  // The others do not come.
  if (world().rank() == 0) {
    CHECK_THROWS_AS(mpi::together_asleep(comm, fail), mpi::Failure);
    CHECK_THROWS_AS(mpi::together(comm, fail), mpi::Failure);
  }
  world().barrier();
}

TEST_CASE("memory that fails one rank of a team between two agreements ends the job",
          "[together]") {
  const std::bad_alloc alone;
  if (world().size() == 1) {
    CHECK_NOTHROW(mpi::require_common(world(), alone));
  } else {
    CHECK_THROWS_AS(mpi::require_common(world(), alone), mpi::Failure);
  }
  CHECK_NOTHROW(mpi::require_common(world(), mpi::AgreedError(Blame::resource, "agreed", 0)));
  CHECK_NOTHROW(mpi::require_common(world(), Error(Blame::numerics, "the same everywhere")));
}

TEST_CASE("MPI errors become our errors", "[comm]") {
  mpi::Outbox outbox(world());
  CHECK_THROWS_AS(outbox.send(std::vector<std::byte>(1), world().size() + 3, 1, 1), Error);
}

TEST_CASE("each team of the tree has a communicator of its ranks", "[teams]") {
  const std::vector<plan::Team> tree = plan::team_tree(world().size());
  std::vector<mpi::RankRange> ranges;
  std::vector<int> depths;
  for (const plan::Team& team : tree) {
    ranges.push_back({team.first, team.size});
    depths.push_back(team.depth);
  }
  const mpi::TeamComms comms(world(), ranges, depths);
  for (std::size_t i = 0; i < tree.size(); ++i) {
    const mpi::Comm& comm = comms.team(static_cast<std::int64_t>(i));
    const int inside = world().rank() - tree[i].first;
    const bool member = inside >= 0 && inside < tree[i].size;
    CHECK(comm.valid() == member);
    if (member) {
      CHECK(comm.size() == tree[i].size);
      CHECK(comm.rank() == inside);
    }
  }
}

TEST_CASE("all_arrive is true if all ranks arrive", "[comm]") {
  const mpi::Comm meeting = world().duplicate();
  CHECK(mpi::all_arrive(meeting, std::chrono::seconds(20)));
}
