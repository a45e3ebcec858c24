#include "bytes/open_files.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include <sys/resource.h>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::checkpoint {
namespace {

/// `2026-05-01 10:00:00.000000001 UTC`
std::string time_text(std::int64_t time_ns) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t nanoseconds = ((time_ns % kSecond) + kSecond) % kSecond;
  const std::time_t seconds = (time_ns - nanoseconds) / kSecond;
  std::tm utc{};
  std::array<char, 40> day{};
  if (::gmtime_r(&seconds, &utc) == nullptr ||
      std::strftime(day.data(), day.size(), "%Y-%m-%d %H:%M:%S", &utc) == 0) {
    return std::to_string(time_ns) + " ns since 1970";
  }
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%09d", static_cast<int>(nanoseconds));
  return std::string(day.data()) + fraction.data() + " UTC";
}

/// A quarter of the files that this process may have open: MPI, the journal, the lock and the
/// archive need some too.
std::size_t share_of_limit() {
  constexpr ::rlim_t kShare = 4;
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
  return static_cast<std::size_t>(limit.rlim_cur / kShare);
}

}  // namespace

OpenFiles::OpenFiles(std::filesystem::path root, std::vector<SourceFile> files,
                     std::size_t max_open_files)
    : root_(std::move(root)),
      files_(std::move(files)),
      slots_(files_.size()),
      max_open_files_(std::max<std::size_t>(std::min(max_open_files, share_of_limit()), 1)) {}

std::size_t OpenFiles::num_open() const noexcept {
  return static_cast<std::size_t>(std::count_if(
      slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.file.has_value(); }));
}

void OpenFiles::check(const InputFile& file, const SourceFile& source) {
  const std::int64_t size = file.size_bytes();
  const std::int64_t mtime = file.mtime_ns();
  if (size != source.size_bytes || mtime != source.mtime_ns) {
    throw Error(Blame::input,
                printable(file.path().string()) + ": changed while it was being read: expected " +
                    std::to_string(source.size_bytes) + " bytes of " + time_text(source.mtime_ns) +
                    ", found " + std::to_string(size) + " bytes of " + time_text(mtime) +
                    ". Run again when no other program is writing to it");
  }
}

void OpenFiles::check_unchanged(std::size_t index) const {
  if (slots_[index].file) check(*slots_[index].file, files_[index]);
}

const InputFile& OpenFiles::open(std::size_t index) {
  Slot& slot = slots_[index];
  slot.last_used = ++uses_;
  if (slot.file) return *slot.file;
  if (num_open() >= max_open_files_) {
    Slot* oldest = nullptr;
    for (Slot& other : slots_) {
      if (other.file && (oldest == nullptr || other.last_used < oldest->last_used)) oldest = &other;
    }
    oldest->file.reset();
  }
  InputFile file(root_ / files_[index].name);
  check(file, files_[index]);
  return slot.file.emplace(std::move(file));
}

}  // namespace wishart::checkpoint
