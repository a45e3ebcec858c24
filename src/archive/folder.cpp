#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wishart/archive/archive.hpp"
#include "wishart/core/descriptor.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

#include "disk.hpp"

namespace wishart::archive {
namespace {

/// The name of the index file, which no checkpoint may have.
constexpr std::string_view kIndexId = "index";

/// File names have up to 255 bytes. This leaves room for what the module adds.
constexpr std::size_t kMaxIdBytes = 200;

constexpr std::string_view kProbe = ".wishart-probe-";
constexpr std::string_view kLockProbe = ".lock.now-";  ///< follows a dot and an id; a token follows

/// A probe exists only for a moment. If it is this old, no running job is using it, however slow
/// the file server.
constexpr std::int64_t kStaleProbeSeconds = 600;

/// Bytes of the largest probe, which is empty, and of that of a lock, which may be its draft.
constexpr std::int64_t kMostProbeBytes = 3;
constexpr std::int64_t kMostLockProbeBytes = 4096;

/// True for the names that prepare_folder and CheckpointLock give to their probes, and no others.
bool is_probe_name(std::string_view name) noexcept {
  const auto consists_of = [](std::string_view text, const char* characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
  };
  if (name.starts_with(kProbe)) return consists_of(name.substr(kProbe.size()), "0123456789");
  const std::size_t end = name.find(kLockProbe);
  return name.starts_with('.') && end != std::string_view::npos && end > 1 &&
         consists_of(name.substr(end + kLockProbe.size()), "0123456789.");
}

/// Removes probes that earlier runs could not remove. If that fails again, the next run tries.
/// @param now_seconds  by the clock of the file system, because those of hosts may differ
void remove_stale_probes(const std::filesystem::path& folder, std::int64_t now_seconds) {
  std::error_code code;
  for (std::filesystem::directory_iterator entries(folder, code), end; !code && entries != end;
       entries.increment(code)) {
    const std::filesystem::path& path = entries->path();
    const std::string name = path.filename().string();
    const std::int64_t most = name.starts_with(kProbe) ? kMostProbeBytes : kMostLockProbeBytes;
    struct stat status {};
    if (is_probe_name(name) && ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size <= most && now_seconds - status.st_mtim.tv_sec >= kStaleProbeSeconds) {
      ::unlink(path.c_str());
    }
  }
}

[[noreturn]] void refuse_folder(const std::filesystem::path& folder, const char* what, int code) {
  throw Error(Blame::resource, shown(folder) + ": " + what + ": " + system_reason(code) +
                                   ". Choose another archive folder");
}

/// @param blame  of a folder that is not there, or none
[[noreturn]] void refuse_list(const std::filesystem::path& folder, int code, Blame blame) {
  const Blame own = blame_of_code(code);
  throw Error(own == Blame::resource ? own : blame,
              shown(folder) + ": cannot be read as an archive folder: " + system_reason(code));
}

}  // namespace

bool is_checkpoint_id(std::string_view id) noexcept {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
           std::string_view("._+=-").find(c) != std::string_view::npos;
  };
  return !id.empty() && id.size() <= kMaxIdBytes && id.front() != '.' && id != kIndexId &&
         std::all_of(id.begin(), id.end(), allowed);
}

std::vector<std::string> list_checkpoints(const std::filesystem::path& folder, Blame blame) {
  std::error_code code;
  std::filesystem::directory_iterator entries(folder, code);
  if (code) refuse_list(folder, code.value(), blame);
  std::vector<std::string> ids;
  for (const auto end = std::filesystem::directory_iterator(); entries != end;) {
    const std::filesystem::path& path = entries->path();
    std::string id = path.stem().string();
    const bool named = path.extension() == ".h5" && id.front() != '.' && id != kIndexId;
    // The folder says what its entries are: to ask for each file would take a history of ten
    // thousand checkpoints minutes on a file server, and it is asked for each of them.
    std::error_code unknown;
    const bool regular = named && entries->is_regular_file(unknown);
    // What the system cannot tell must not pass for a checkpoint that is not there, nor one that a
    // link no longer leads to: whoever reads it is told.
    if (regular || (unknown && is_file(path)) || (named && is_dangling(path))) {
      ids.push_back(std::move(id));
    }
    entries.increment(code);
    if (code) refuse_list(folder, code.value(), blame);
  }
  std::sort(ids.begin(), ids.end(), natural_less);
  return ids;
}

void prepare_folder(const std::filesystem::path& folder) {
  check_is_folder(folder);
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code) refuse_folder(folder, "the archive folder cannot be created", code.value());
  // A name that nobody can have taken: what stands there already is not ours to touch.
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  const std::filesystem::path probe =
      folder / (std::string(kProbe) + std::to_string(::getpid()) + std::to_string(now));
  Descriptor descriptor(uninterrupted(
      [&] { return ::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); }));
  if (descriptor.get() < 0)
    refuse_folder(folder, "files cannot be written in the archive folder", errno);
  struct stat status {};
  const bool known =
      ::futimens(descriptor.get(), nullptr) == 0 && ::fstat(descriptor.get(), &status) == 0;
  descriptor = Descriptor();  // NFS keeps a file that is removed while it is open
  ::unlink(probe.c_str());
  if (known) remove_stale_probes(folder, status.st_mtim.tv_sec);
}

}  // namespace wishart::archive
