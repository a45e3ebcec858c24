#pragma once

/// @file
/// Ranks as threads, over the MPI of stub/mpi.h.

#include <array>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "wishart/mpi/comm.hpp"

namespace wishart::test {

inline constexpr int kRanks = 3;

/// Runs `body(world, rank)` on a thread for each rank; afterwards throws what a rank threw.
inline void over_ranks(const std::function<void(const mpi::Comm&, int)>& body) {
  std::array<MPI_Comm, kRanks> worlds{};
  make_stub_worlds(kRanks, worlds.data());
  std::array<std::exception_ptr, kRanks> failures;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < kRanks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto at = static_cast<std::size_t>(rank);
      stub_world = worlds[at];
      try {
        const mpi::Comm world = mpi::Comm::world();
        body(world, rank);
      } catch (...) {
        failures[at] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace wishart::test
