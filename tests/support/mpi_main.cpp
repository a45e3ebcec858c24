/// @file
/// The main of every test program that runs over several ranks.
///
/// Rank 0 prints its report as it runs. The others keep theirs and print it only if they failed.
/// After each test case the ranks synchronise, with a time limit: if a rank left early or hangs,
/// the harness reports it and ends the run instead of waiting forever.
///
/// WISHART_TEST_RANKS, if it is set, is the number of ranks that the run must have: started by the
/// launcher of another MPI, each copy of the program would be a world of its own, and pass.

#define CATCH_CONFIG_RUNNER
#include "support/mpi_main.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <type_traits>

#include <catch2/catch.hpp>

#include "wishart/mpi/session.hpp"

namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr int kHang = 99;
constexpr int kOtherRanks = 98;

/// The communicators of the harness, set once by main and read by the listener, which Catch2 makes.
struct Harness {
  const wishart::mpi::Comm* world = nullptr;
  const wishart::mpi::Comm* meeting = nullptr;
  std::chrono::milliseconds patience = kPatience;
};
Harness& harness() {
  static Harness instance;
  return instance;
}

void meet(const std::string& where) {
  if (wishart::mpi::all_arrive(*harness().meeting, harness().patience)) return;
  std::cerr << "rank " << harness().world->rank()
            << " timed out waiting for the other ranks after '" << where << "'\n"
            << std::flush;
  MPI_Abort(MPI_COMM_WORLD, kHang);
}

class MeetAfterEachCase : public Catch::TestEventListenerBase {
public:
  using TestEventListenerBase::TestEventListenerBase;
  void testCaseEnded(const Catch::TestCaseStats& stats) override { meet(name_of(stats.testInfo)); }

private:
  /// Catch2 3 has a pointer where version 2 has a value.
  template <class Info>
  static std::string name_of(const Info& info) {
    if constexpr (std::is_pointer_v<Info>) {
      return info->name;
    } else {
      return info.name;
    }
  }
};
CATCH_REGISTER_LISTENER(MeetAfterEachCase)

}  // namespace

namespace wishart::test {

const mpi::Comm& world() { return *harness().world; }

}  // namespace wishart::test

int main(int argc, char** argv) {
  const wishart::mpi::Session session;
  const wishart::mpi::Comm world = wishart::mpi::Comm::world();
  const char* ranks = std::getenv("WISHART_TEST_RANKS");
  if (ranks != nullptr && std::atoi(ranks) != world.size()) {
    std::cerr << "expected " << ranks << " ranks, found " << world.size()
              << ": the launcher belongs to another MPI than this program, whose library is "
              << wishart::mpi::library_name() << '\n';
    return kOtherRanks;
  }
  const wishart::mpi::Comm meeting = world.duplicate();
  harness().world = &world;
  harness().meeting = &meeting;
  if (const char* patience = std::getenv("WISHART_TEST_PATIENCE_MS")) {
    harness().patience = std::chrono::milliseconds(std::atoi(patience));
  }

  std::ostringstream kept;
  std::streambuf* const terminal = std::cout.rdbuf();
  if (world.rank() != 0) std::cout.rdbuf(kept.rdbuf());
  const int failed = Catch::Session().run(argc, argv);
  std::cout.rdbuf(terminal);

  std::int64_t worst = std::min(failed, 255);
  worst = world.maximum(worst);
  for (int rank = 1; rank < world.size(); ++rank) {
    world.barrier();
    if (rank == world.rank() && failed != 0) {
      std::cout << "===== rank " << rank << " =====\n" << kept.str() << std::flush;
    }
  }
  return static_cast<int>(worst);
}
