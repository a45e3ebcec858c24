/// @file
/// What the machine offers, as far as one process can tell.

#include <fstream>

#include <catch2/catch.hpp>

#include "scan/machine/machine.hpp"
#include "support/variable.hpp"

using namespace wishart;
using namespace wishart::job;
using test::Variable;

namespace {

std::int64_t total_memory_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  std::int64_t kib = 0;
  file >> key >> kib;
  return kib * 1024;
}

}  // namespace

TEST_CASE("the host's memory is known and no more than it has", "[machine]") {
  CHECK(host_memory_bytes() > 0);
  CHECK(host_memory_bytes() <= total_memory_bytes());
}

TEST_CASE("Slurm's limits hold, of the node or of its processors", "[machine]") {
  {
    const Variable node("SLURM_MEM_PER_NODE", "3");
    CHECK(host_memory_bytes() == 3 << 20);
  }
  {
    const Variable cpu("SLURM_MEM_PER_CPU", "2");
    CHECK(host_memory_bytes() > 4 << 20);  // the number of processors is not known
    const Variable cpus("SLURM_CPUS_ON_NODE", "2");
    CHECK(host_memory_bytes() == 4 << 20);
    const Variable node("SLURM_MEM_PER_NODE", "1");
    CHECK(host_memory_bytes() == 1 << 20);
  }
}

TEST_CASE("a limit of 0 or nonsense is none", "[machine]") {
  for (const char* value : {"0", "", "all", "-7"}) {
    const Variable node("SLURM_MEM_PER_NODE", value);
    CAPTURE(value);
    CHECK(host_memory_bytes() > 1 << 20);
  }
}

TEST_CASE("the layout is told in words", "[machine]") {
  CHECK(layout_text({}) == "1 rank on 1 host");
  CHECK(layout_text({.ranks = 4, .hosts = 2}) == "4 ranks on 2 hosts");
}

TEST_CASE("what limits the memory is told", "[machine]") {
  {
    const Variable node("SLURM_MEM_PER_NODE", "3");
    CHECK(host_memory().source == "Slurm's --mem");
  }
  const Variable cpu("SLURM_MEM_PER_CPU", "2");
  const Variable cpus("SLURM_CPUS_ON_NODE", "2");
  CHECK(host_memory().source == "Slurm's --mem-per-cpu");
}
