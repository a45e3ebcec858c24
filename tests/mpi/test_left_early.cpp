/// @file
/// A test case that hangs on one rank, to check that the harness ends and reports it.

#include <chrono>
#include <thread>

#include <catch2/catch.hpp>

#include "support/mpi_main.hpp"

TEST_CASE("rank 2 hangs", "[harness]") {
  if (wishart::test::world().rank() == 2) std::this_thread::sleep_for(std::chrono::seconds(600));
  SUCCEED();
}
