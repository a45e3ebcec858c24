#include "scan/machine/control_group.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "wishart/core/text.hpp"

namespace wishart::job {
namespace {

namespace fs = std::filesystem;

/// The files of a group with its limits and its usage.
struct Names {
  std::vector<const char*> limits;
  const char* used;
  std::vector<std::string> cache;  ///< lines of memory.stat
};

const Names kVersion2{
    {"memory.max", "memory.high"}, "memory.current", {"inactive_file", "active_file"}};
const Names kVersion1{{"memory.limit_in_bytes"},
                      "memory.usage_in_bytes",
                      {"total_inactive_file", "total_active_file"}};

/// The number in the file; nothing if the file is missing or contains `max`.
std::optional<std::int64_t> number_in(const fs::path& path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  return file >> value ? std::optional(value) : std::nullopt;
}

std::int64_t cache_bytes(const fs::path& group, const Names& names) {
  std::ifstream file(group / "memory.stat");
  std::int64_t sum = 0;
  std::string key;
  std::int64_t value = 0;
  while (file >> key >> value) {
    if (std::find(names.cache.begin(), names.cache.end(), key) != names.cache.end()) sum += value;
  }
  return sum;
}

/// Updates `least` with the limits of one group; 0 means no limit.
void consider(const fs::path& group, const Names& names, std::int64_t& least) {
  for (const char* name : names.limits) {
    const std::optional<std::int64_t> limit = number_in(group / name);
    if (!limit) continue;
    const std::int64_t used = number_in(group / names.used).value_or(0);
    const std::int64_t held = std::max<std::int64_t>(used - cache_bytes(group, names), 0);
    const std::int64_t left = std::max<std::int64_t>(*limit - held, 1);
    least = least == 0 ? left : std::min(least, left);
  }
}

/// Considers the group `path` below `mount` and its parent groups.
void consider_all(const fs::path& mount, const fs::path& path, const Names& names,
                  std::int64_t& least) {
  fs::path group = mount;
  consider(group, names, least);
  for (const fs::path& part : path.relative_path()) {
    // Outside the container's view: only the mounted group is known.
    if (part == "..") return;
    group /= part;
    consider(group, names, least);
  }
}

}  // namespace

std::int64_t control_group_bytes(const fs::path& root) {
  const fs::path mount = root / "sys/fs/cgroup";
  std::int64_t least = 0;
  std::ifstream groups(root / "proc/self/cgroup");
  fs::path version_2;
  fs::path version_1;
  // Each line is `number:controllers:path`. The path may contain colons.
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::vector<std::string> named = split(controllers, ',');
    if (controllers.empty()) version_2 = line.substr(second + 1);
    if (std::find(named.begin(), named.end(), "memory") != named.end()) {
      version_1 = line.substr(second + 1);
    }
  }
  consider_all(mount, version_2, kVersion2, least);
  consider_all(mount / "memory", version_1, kVersion1, least);
  return least;
}

}  // namespace wishart::job
