#include "scan/machine/machine.hpp"

#include <array>
#include <fstream>

#include "wishart/core/environment.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "scan/machine/control_group.hpp"

namespace wishart::job {
namespace {

std::int64_t mem_available_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  std::int64_t kib = 0;
  std::string unit;
  while (file >> key >> kib && std::getline(file, unit)) {
    if (key == "MemAvailable:") return kib * 1024;
  }
  return 0;
}

}  // namespace

HostMemory host_memory() {
  HostMemory least;
  if (const std::int64_t bytes = mem_available_bytes(); bytes > 0) {
    least = {bytes, "the free memory of the host", true};
  }
  const auto consider = [&](std::int64_t bytes, const char* source) {
    if (bytes > 0 && (least.bytes == 0 || bytes < least.bytes)) least = {bytes, source, false};
  };
  consider(control_group_bytes(), "the limit of the control group");
  consider(environment_number("SLURM_MEM_PER_NODE") << 20U, "Slurm's --mem");
  consider((environment_number("SLURM_MEM_PER_CPU") * environment_number("SLURM_CPUS_ON_NODE"))
               << 20U,
           "Slurm's --mem-per-cpu");
  return least;
}

std::int64_t host_memory_bytes() { return host_memory().bytes; }

Layout survey(const mpi::Comm& world) {
  const mpi::Comm host = world.split_by_host();
  Layout layout;
  layout.ranks = world.size();
  std::array<std::int64_t, 1> hosts{host.rank() == 0 ? 1 : 0};
  world.sum(std::span<std::int64_t>(hosts));
  layout.hosts = hosts[0];
  layout.ranks_per_host = world.maximum(std::int64_t{host.size()});
  const std::int64_t share = host_memory_bytes() / host.size();
  const auto of_first = [&](std::int64_t value) {
    std::array<std::int64_t, 1> sum{world.rank() == 0 ? value : 0};
    world.sum(std::span<std::int64_t>(sum));
    return sum[0];
  };
  layout.memory = {world.minimum(share), of_first(share), of_first(host.size())};
  layout.threads = world.maximum(spectrum::blas_threads());
  layout.paying_bytes = world.minimum(spectrum::paying_bytes());
  return layout;
}

std::string layout_text(const Layout& layout) {
  return plural(layout.ranks, "rank") + " on " + plural(layout.hosts, "host") +
         (layout.threads == 0 ? "" : ", " + plural(layout.threads, "thread") + " each");
}

}  // namespace wishart::job
