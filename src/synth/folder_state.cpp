#include "folder_state.hpp"

#include <algorithm>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/text.hpp"

#include "output_file.hpp"

namespace wishart::synth {
namespace {

constexpr std::int64_t kMaxOptionsBytes = 1 << 20;

/// The first line in which two texts differ, from each text; empty if there is none.
struct Difference {
  std::string expected;
  std::string found;
};

std::string trimmed(const std::string& line) {
  const std::size_t begin = line.find_first_not_of(' ');
  const std::size_t end = line.find_last_not_of(", ");
  return begin == std::string::npos ? "" : line.substr(begin, end - begin + 1);
}

Difference difference(const std::string& expected, const std::string& found) {
  const auto a = split(expected, '\n');
  const auto b = split(found, '\n');
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string x = i < a.size() ? a[i] : "";
    const std::string y = i < b.size() ? b[i] : "";
    if (x != y) return {trimmed(x), trimmed(y)};
  }
  return {};
}

void check_space(const std::filesystem::path& folder, const ShardPlan& plan) {
  std::int64_t needed = 0;
  for (const Shard& shard : plan.shards) {
    needed += shard.size_bytes;
    // Files left by an earlier run will be overwritten, so their space counts as free.
    std::error_code status;
    const auto there = std::filesystem::file_size(folder / (shard.name + kPartSuffix), status);
    if (!status) needed -= static_cast<std::int64_t>(there);
    const auto whole = std::filesystem::file_size(folder / shard.name, status);
    if (!status) needed -= static_cast<std::int64_t>(whole);
  }
  std::error_code status;
  const auto space = std::filesystem::space(folder, status);
  if (status || needed <= static_cast<std::int64_t>(space.available)) return;
  throw Error(Blame::resource,
              printable(folder.string()) + ": the checkpoint needs " + human_bytes(needed) +
                  ", the disk has " + human_bytes(static_cast<std::int64_t>(space.available)) +
                  " free. Use --scale or --blocks for a smaller checkpoint, or another disk");
}

bool whole(const std::filesystem::path& folder, const ShardPlan& plan) {
  std::error_code ignored;
  return std::filesystem::exists(folder / kIndexName, ignored) &&
         std::all_of(plan.shards.begin(), plan.shards.end(), [&](const Shard& shard) {
           std::error_code status;
           const auto size = std::filesystem::file_size(folder / shard.name, status);
           return !status && static_cast<std::int64_t>(size) == shard.size_bytes;
         });
}

}  // namespace

bool prepare_folder(const std::filesystem::path& folder, const std::string& options,
                    const ShardPlan& plan) {
  make_folder(folder);
  std::error_code status;
  if (!std::filesystem::exists(folder / kOptionsName, status)) {
    const bool empty = std::filesystem::is_empty(folder, status);
    if (status || !empty) {
      throw Error(Blame::usage,
                  printable(folder.string()) +
                      ": not empty, expected an empty folder or the result of an earlier run of "
                      "this command. Choose another folder");
    }
  } else {
    const std::string found = read_text_file(folder / kOptionsName, kMaxOptionsBytes);
    if (found != options) {
      const Difference other = difference(options, found);
      throw Error(Blame::usage,
                  printable(folder.string()) +
                      ": contains a checkpoint written with other options: expected " +
                      printable(other.expected) + ", found " + printable(other.found) +
                      ". Choose another folder, or remove this one");
    }
    if (whole(folder, plan)) return true;
  }
  check_space(folder, plan);
  return false;
}

}  // namespace wishart::synth
