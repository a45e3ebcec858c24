#pragma once

/// @file
/// What test cases over several ranks use.

#include "wishart/mpi/comm.hpp"

namespace wishart::test {

/// All ranks of the test program.
[[nodiscard]] const mpi::Comm& world();

}  // namespace wishart::test

/// CHECK on all ranks, then stop on all ranks if it failed on one. Collective.
#define REQUIRE_ALL(condition)                                            \
  do {                                                                    \
    const bool local_ok = static_cast<bool>(condition);                   \
    CHECK(local_ok);                                                      \
    REQUIRE(wishart::test::world().minimum(std::int64_t{local_ok}) == 1); \
  } while (false)
