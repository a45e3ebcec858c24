#include "scan/machine/binding.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <memory>
#include <sched.h>
#include <set>
#include <utility>

#include <unistd.h>

#include "wishart/core/environment.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"

namespace wishart::job {
namespace {

/// More logical processors than any host has.
constexpr int kMostCpus = 8192;
constexpr int kWordBits = 64;
constexpr std::size_t kWords = kMostCpus / kWordBits;

/// The logical processors on which this process may run, as bits; all zero if that is not known.
std::array<std::uint64_t, kWords> allowed_cpus() {
  std::array<std::uint64_t, kWords> bits{};
  const auto free_set = [](::cpu_set_t* set) { CPU_FREE(set); };
  const std::unique_ptr<::cpu_set_t, decltype(free_set)> set(CPU_ALLOC(kMostCpus), free_set);
  const std::size_t bytes = CPU_ALLOC_SIZE(kMostCpus);
  if (!set || ::sched_getaffinity(0, bytes, set.get()) != 0) return bits;
  for (int cpu = 0; cpu < kMostCpus; ++cpu) {
    if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, set.get())) {
      bits[static_cast<std::size_t>(cpu / kWordBits)] |= std::uint64_t{1} << (cpu % kWordBits);
    }
  }
  return bits;
}

/// The core of a logical processor. Processors whose core is not known count as one each.
std::int64_t core_of(int cpu) {
  const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
  std::int64_t package = 0;
  std::int64_t core = 0;
  if (std::ifstream(folder + "physical_package_id") >> package &&
      std::ifstream(folder + "core_id") >> core && package >= 0 && core >= 0) {
    return (package + 1) * (std::int64_t{1} << 32U) + core;
  }
  return cpu;
}

/// `rank 3`, `ranks 0 and 1`, `ranks 0, 1, 2 and 5 others`.
std::string ranks_text(const std::vector<int>& ranks) {
  constexpr std::size_t kMostNamed = 4;
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  const std::size_t named = ranks.size() <= kMostNamed ? ranks.size() : kMostNamed - 1;
  for (std::size_t i = 0; i < named; ++i) {
    const bool last = i + 1 == named && named == ranks.size();
    if (i > 0) text += last ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  if (named < ranks.size()) text += " and " + std::to_string(ranks.size() - named) + " others";
  return text;
}

/// Ranks that share cores, directly or through others.
struct Group {
  std::vector<int> ranks;
  std::set<std::int64_t> cores;
};

std::vector<Group> groups_of(const BoundHost& host) {
  std::vector<Group> groups;
  for (const BoundRank& rank : host.ranks) {
    if (rank.cores.empty()) continue;
    Group own{{rank.rank}, {rank.cores.begin(), rank.cores.end()}};
    for (auto group = groups.begin(); group != groups.end();) {
      const bool shares = std::any_of(rank.cores.begin(), rank.cores.end(), [&](std::int64_t core) {
        return group->cores.contains(core);
      });
      if (!shares) {
        ++group;
        continue;
      }
      own.ranks.insert(own.ranks.end(), group->ranks.begin(), group->ranks.end());
      own.cores.insert(group->cores.begin(), group->cores.end());
      group = groups.erase(group);
    }
    std::sort(own.ranks.begin(), own.ranks.end());
    groups.push_back(std::move(own));
  }
  std::sort(groups.begin(), groups.end(), [](const Group& one, const Group& other) {
    return one.ranks.front() < other.ranks.front();
  });
  return groups;
}

/// The logical processors that are switched on.
std::int64_t online_cores() {
  std::set<std::int64_t> cores;
  const long cpus = ::sysconf(_SC_NPROCESSORS_CONF);
  for (int cpu = 0; cpu < std::min<long>(cpus, kMostCpus); ++cpu) {
    // cpu0 has no such file where it cannot be switched off.
    int online = 1;
    std::ifstream("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/online") >> online;
    if (online != 0) cores.insert(core_of(cpu));
  }
  return static_cast<std::int64_t>(cores.size());
}

/// What is wrong with ranks that share their cores; empty if nothing is.
std::string group_text(const Group& group, const BoundHost& host, std::int64_t threads) {
  const auto ranks = static_cast<std::int64_t>(group.ranks.size());
  const auto cores = static_cast<std::int64_t>(group.cores.size());
  if (ranks * threads <= cores) return {};
  const std::string each = plural(threads, "thread");
  if (cores >= host.cores && ranks > 1) {
    return plural(ranks, "rank") + " with " + each + " each share the " + plural(cores, "core") +
           " of " + printable(host.name) + ". One rank per core is fastest";
  }
  const std::string of_host = host.cores > cores ? ", of the " + std::to_string(host.cores) : "";
  if (ranks == 1) {
    return ranks_text(group.ranks) + " runs " + each + " on " + plural(cores, "core") + of_host +
           " of " + printable(host.name) +
           ", which is slower than one thread for each core. Give each rank " +
           plural(threads, "core") + ": srun --cpus-per-task=" + std::to_string(threads) +
           ", or mpirun --map-by slot:PE=" + std::to_string(threads) +
           "; or use --threads-per-rank " + std::to_string(cores);
  }
  return ranks_text(group.ranks) + " with " + each + " each share " + plural(cores, "core") +
         of_host + " of " + printable(host.name) +
         ", and wait for each other. Give each rank its own: srun --cpu-bind=cores, or mpirun "
         "--bind-to core --map-by slot:PE=" +
         std::to_string(threads);
}

}  // namespace

std::string binding_text(const BoundHost& host, std::int64_t threads) {
  for (const Group& group : groups_of(host)) {
    std::string text = group_text(group, host, threads);
    if (!text.empty()) return text;
  }
  return {};
}

std::string binding_warning(const mpi::Comm& world, std::int64_t threads) {
  const mpi::Comm on_host = world.split_by_host();
  const auto size = static_cast<std::size_t>(on_host.size());
  const auto own = static_cast<std::size_t>(on_host.rank());
  // Each rank fills in its part of the table.
  std::vector<std::uint64_t> table(size * (kWords + 1), 0);
  const auto bits = allowed_cpus();
  table[own * (kWords + 1)] = static_cast<std::uint64_t>(world.rank());
  std::copy(bits.begin(), bits.end(),
            table.begin() + static_cast<std::ptrdiff_t>(own * (kWords + 1) + 1));
  on_host.sum(std::span<std::uint64_t>(table));
  std::string text;
  if (on_host.rank() == 0) {
    BoundHost host{host_name().value_or("unknown"), online_cores(), {}};
    std::map<int, std::int64_t> cores;  // of each processor, looked up once
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint64_t* const row = table.data() + i * (kWords + 1);
      std::set<std::int64_t> of_rank;
      for (int cpu = 0; cpu < kMostCpus; ++cpu) {
        if ((row[1 + cpu / kWordBits] >> (cpu % kWordBits) & 1U) == 0) continue;
        const auto [at, is_new] = cores.try_emplace(cpu, 0);
        if (is_new) at->second = core_of(cpu);
        of_rank.insert(at->second);
      }
      host.ranks.push_back({static_cast<int>(row[0]), {of_rank.begin(), of_rank.end()}});
    }
    text = binding_text(host, threads);
  }
  const std::int64_t none = world.size();
  const std::int64_t first = world.minimum(text.empty() ? none : std::int64_t{world.rank()});
  if (first == none) return {};
  std::array<std::int64_t, 1> hosts{text.empty() ? 0 : 1};
  world.sum(std::span<std::int64_t>(hosts));
  Packer pack;
  pack(text);
  std::vector<std::byte> bytes = pack.take();
  world.broadcast(bytes, static_cast<int>(first));
  Unpacker unpack(bytes);
  unpack(text);
  if (hosts[0] > 1) text += " (the same kind on " + plural(hosts[0] - 1, "more host") + ")";
  return text;
}

}  // namespace wishart::job
