/// @file
/// Ranks that have too few cores, or share them.

#include <catch2/catch.hpp>

#include "scan/machine/binding.hpp"

using namespace wishart::job;

namespace {

BoundHost host_of(std::int64_t cores, std::vector<std::vector<std::int64_t>> ranks) {
  BoundHost host{"n1", cores, {}};
  for (auto& own : ranks) {
    host.ranks.push_back({static_cast<int>(host.ranks.size()), std::move(own)});
  }
  return host;
}

}  // namespace

TEST_CASE("ranks with cores enough are bound well", "[binding]") {
  CHECK(binding_text(host_of(4, {{0}, {1}, {2}, {3}}), 1).empty());
  CHECK(binding_text(host_of(4, {{0, 1, 2, 3}, {0, 1, 2, 3}}), 2).empty());
  CHECK(binding_text(host_of(4, {{0, 1}, {2, 3}}), 2).empty());
  CHECK(binding_text(host_of(4, {{0, 1}, {1, 2}}), 1).empty());
  CHECK(binding_text(host_of(4, {{}, {}}), 9).empty());  // nothing is known
}

TEST_CASE("more threads than the host has cores", "[binding]") {
  CHECK(binding_text(host_of(2, {{0, 1}, {0, 1}, {0, 1}, {0, 1}}), 1) ==
        "4 ranks with 1 thread each share the 2 cores of n1. One rank per core is fastest");
  CHECK(binding_text(host_of(1, {{0}, {0}}), 2) ==
        "2 ranks with 2 threads each share the 1 core of n1. One rank per core is fastest");
}

TEST_CASE("two ranks on one core", "[binding]") {
  CHECK(binding_text(host_of(4, {{2}, {0}, {2}}), 1) ==
        "ranks 0 and 2 with 1 thread each share 1 core, of the 4 of n1, and wait for each other. "
        "Give each rank its own: srun --cpu-bind=cores, or mpirun --bind-to core --map-by "
        "slot:PE=1");
  // Linked by a third.
  CHECK(binding_text(host_of(8, {{0}, {0, 1}, {1}}), 1)
            .find("ranks 0, 1 and 2 with 1 thread each share 2 cores, of the 8 of n1") == 0);
  CHECK(binding_text(host_of(8, {{0}, {0}, {0}, {0}, {0}}), 1)
            .find("ranks 0, 1, 2 and 2 others with 1 thread each share 1 core") == 0);
}

TEST_CASE("several threads on one core", "[binding]") {
  CHECK(binding_text(host_of(4, {{0}, {1}}), 2) ==
        "rank 0 runs 2 threads on 1 core, of the 4 of n1, which is slower than one thread for each "
        "core. Give each rank 2 cores: srun --cpus-per-task=2, or mpirun --map-by slot:PE=2; or "
        "use --threads-per-rank 1");
  CHECK(binding_text(host_of(1, {{0}}), 2) ==
        "rank 0 runs 2 threads on 1 core of n1, which is slower than one thread for each core. "
        "Give each rank 2 cores: srun --cpus-per-task=2, or mpirun --map-by slot:PE=2; or use "
        "--threads-per-rank 1");
}
