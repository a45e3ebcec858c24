#include "wishart/archive/lock.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <random>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wishart/archive/archive.hpp"
#include "wishart/core/descriptor.hpp"
#include "wishart/core/environment.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/own_file.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "disk.hpp"

namespace wishart::archive {
namespace {

constexpr std::string_view kMagic = "wishart lock 2";
/// Written before locks knew the cluster, the array and the restarts of their job.
constexpr std::string_view kEarlierMagic = "wishart lock 1";
constexpr std::size_t kMostLockBytes = 4096;

/// The first kMostLockBytes of a file; empty if it cannot be read.
/// @param code  set to the errno, if it is wanted; 0: it was read
std::string small_file(const std::filesystem::path& path, int* code = nullptr) {
  const OwnFile file = open_own_file(path, O_RDONLY);
  int failure = file.code;
  std::string text(kMostLockBytes, '\0');
  std::size_t size = 0;
  while (file.descriptor.get() >= 0 && failure == 0 && size < text.size()) {
    const ::ssize_t got = uninterrupted(
        [&] { return ::read(file.descriptor.get(), &text[size], text.size() - size); });
    if (got < 0) failure = errno;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (code != nullptr) *code = failure;
  text.resize(failure == 0 ? size : 0);
  return text;
}

/// @throws Error with Blame::resource if something is there that is no file: it would never go
void refuse_planted(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return;
  throw Error(Blame::resource, shown(path) +
                                   ": expected a lock, found something that is not a regular "
                                   "file. Remove it");
}

/// What the system says about a running process.
struct ProcessFacts {
  std::string state;  ///< `R`, `S`, ...; `Z` for a zombie
  std::string start;
};

/// State and start of process `pid`; empty if there is no such process, or the system does not say.
/// The process name in /proc/PID/stat may contain anything, so fields are counted from its closing
/// bracket: the state is the first after it, the start the 20th (the 22nd of all; proc(5)).
ProcessFacts facts_of(std::int64_t pid) {
  const std::string text = small_file("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t bracket = text.rfind(')');
  if (bracket == std::string::npos) return {};
  const std::vector<std::string> fields = split(text.substr(bracket + 1), ' ');
  return fields.size() > 20 ? ProcessFacts{fields[1], fields[20]} : ProcessFacts{};
}

/// Identifies the boot and the process namespace, within which a process number is unique.
std::string process_space() {
  std::string boot = small_file("/proc/sys/kernel/random/boot_id");
  while (!boot.empty() && boot.back() == '\n') boot.pop_back();
  std::array<char, 128> space{};
  const ::ssize_t length = ::readlink("/proc/self/ns/pid", space.data(), space.size() - 1);
  return boot + " " + (length > 0 ? space.data() : "");
}

std::string new_token() {
  std::random_device random;
  std::string token;
  for (int i = 0; i < 4; ++i) token += std::to_string(random()) + ".";
  return token + std::to_string(::getpid());
}

LockOwner this_process(const BatchJob& job) {
  LockOwner owner;
  owner.host = host_name().value_or("unknown");
  owner.space = process_space();
  owner.pid = ::getpid();
  owner.start = facts_of(owner.pid).start;
  owner.job = job;
  owner.since = utc_now();
  owner.token = new_token();
  return owner;
}

/// `text` as a line of the file.
std::string line_of(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text + "\n";
}

std::string text_of(const LockOwner& owner) {
  const BatchJob& job = owner.job;
  return line_of(std::string(kMagic)) + line_of(owner.host) + line_of(owner.space) +
         line_of(std::to_string(owner.pid)) + line_of(owner.start) + line_of(job.id) +
         line_of(owner.since) + line_of(owner.token) + line_of(job.cluster) + line_of(job.array) +
         line_of(job.task) + line_of(std::to_string(job.restarts));
}

/// The owner in a lock file; nothing if the file is incomplete because its writer was killed.
std::optional<LockOwner> owner_of(const std::string& text) {
  const std::vector<std::string> lines = split(text, '\n');
  const bool earlier = lines[0] == kEarlierMagic;
  const std::size_t count = earlier ? 9 : 13;  // the last one is empty
  if (lines.size() != count || (!earlier && lines[0] != kMagic)) return std::nullopt;
  LockOwner owner;
  owner.host = lines[1];
  owner.space = lines[2];
  owner.pid = std::strtoll(lines[3].c_str(), nullptr, 10);
  owner.start = lines[4];
  owner.job.id = lines[5];
  owner.since = lines[6];
  owner.token = lines[7];
  owner.job.restarts = -1;
  if (earlier) return owner;
  owner.job.cluster = lines[8];
  owner.job.array = lines[9];
  owner.job.task = lines[10];
  owner.job.restarts = std::strtoll(lines[11].c_str(), nullptr, 10);
  return owner;
}

/// True if the owner was a process of this machine that has ended.
bool is_gone(const LockOwner& owner, const LockOwner& self) {
  if (owner.host != self.host || owner.space != self.space || owner.pid <= 0) return false;
  if (::kill(static_cast<::pid_t>(owner.pid), 0) != 0 && errno == ESRCH) return true;
  const ProcessFacts now = facts_of(owner.pid);
  if (now.state == "Z" || now.state == "X") return true;
  return !owner.start.empty() && now.start != owner.start;
}

/// A hidden file beside the lock that belongs to this process.
std::filesystem::path probe_of(const std::filesystem::path& lock, const LockOwner& self) {
  // The token tells it from all others; of a long id, only the beginning leaves room for it.
  constexpr std::size_t kMostOfId = 150;
  const std::string id = lock.stem().string().substr(0, kMostOfId);
  return lock.parent_path() / ("." + id + ".lock.now-" + self.token);
}

/// Creates a file with the content `text`, unless it exists. Returns 0 or an errno.
int make_new(const std::filesystem::path& path, const std::string& text) {
  Descriptor descriptor(uninterrupted(
      [&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); }));
  if (descriptor.get() < 0) return errno;
  int code = write_fully(descriptor.get(), 0, std::as_bytes(std::span(text)));
  const int closing = close_fully(descriptor);
  if (code == 0) code = closing;
  if (code != 0) ::unlink(path.c_str());
  return code;
}

/// The same, but the file appears with its content: a process that is killed meanwhile leaves at
/// most `draft`, which no other process minds.
int make_whole(const std::filesystem::path& path, const std::filesystem::path& draft,
               const std::string& text) {
  int code = make_new(draft, text);
  if (code != 0) return code;
  if (::link(draft.c_str(), path.c_str()) != 0) code = errno;
  struct stat status {};
  // A file server may have done it and lost the answer.
  if (code != 0 && ::stat(draft.c_str(), &status) == 0 && status.st_nlink == 2) code = 0;
  ::unlink(draft.c_str());
  const bool no_links = code == EPERM || code == ENOSYS || code == EOPNOTSUPP || code == EMLINK;
  return no_links ? make_new(path, text) : code;
}

/// Modification time in seconds since 1970, by the clock of the file system; NaN if there is no
/// file.
double changed_at(const std::filesystem::path& path) {
  // Open the file: a network file system then asks the server and does not use its cache.
  const OwnFile file = open_own_file(path, O_RDONLY);
  struct stat status {};
  if (::fstat(file.descriptor.get(), &status) != 0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return static_cast<double>(status.st_mtim.tv_sec) +
         1e-9 * static_cast<double>(status.st_mtim.tv_nsec);
}

}  // namespace

std::string owner_text(const LockOwner& owner) {
  const BatchJob& job = owner.job;
  std::string text = "process " + std::to_string(owner.pid) + " on " + printable(owner.host);
  if (!job.id.empty()) text += ", Slurm job " + printable(job.id);
  if (!job.array.empty()) {
    text += " (task " + printable(job.task) + " of array " + printable(job.array) + ")";
  }
  if (job.restarts > 0) text += ", restart " + std::to_string(job.restarts);
  return text + ", since " + printable(owner.since);
}

CheckpointLock::CheckpointLock(const std::filesystem::path& folder,
                               const std::string& checkpoint_id, LockOptions options)
    : path_(folder / (checkpoint_id + ".lock")),
      options_(std::move(options)),
      self_(this_process(options_.job)) {
  require(is_checkpoint_id(checkpoint_id),
          "CheckpointLock needs a checkpoint id that is_checkpoint_id accepts");
  held_ = make();
  if (!held_ && is_stale()) take_over();
  last_beat_ = std::chrono::steady_clock::now();
}

CheckpointLock::~CheckpointLock() {
  if (!held_) return;
  const std::optional<LockOwner> owner = owner_of(small_file(path_));
  if (owner && owner->token == self_.token) ::unlink(path_.c_str());
}

bool CheckpointLock::make() {
  const int code = make_whole(path_, probe_of(path_, self_), text_of(self_));
  if (code == 0) return true;
  if (code == EEXIST) return false;
  throw Error(Blame::resource,
              shown(path_) + ": the lock cannot be created: " + system_reason(code));
}

double CheckpointLock::untouched_seconds() const {
  // Get the time from the file system, whose clock also times the owner's touches: the clocks of
  // hosts may differ.
  const std::filesystem::path probe = probe_of(path_, self_);
  if (const int code = make_new(probe, "now"); code != 0) {
    throw Error(Blame::resource, shown(probe) + ": cannot be created: " + system_reason(code));
  }
  const double now = changed_at(probe);
  ::unlink(probe.c_str());
  return now - changed_at(path_);
}

/// True if the owner's job has ended, or is an earlier run of this job, as far as anybody says.
bool CheckpointLock::seems_ended(const LockOwner& owner) {
  const BatchJob& job = owner.job;
  if (job.id.empty() || job.cluster.empty()) return false;
  if (job.same_job(options_.job)) {
    // Slurm starts a job again only when its earlier run is over. Another process of this run may
    // be at work, which a batch system cannot tell.
    return job.restarts >= 0 && job.restarts < options_.job.restarts;
  }
  if (options_.ended && ended_.empty()) ended_ = options_.ended(job);
  return !ended_.empty();
}

bool CheckpointLock::is_stale() {
  refuse_planted(path_);
  const std::optional<LockOwner> owner = owner_of(small_file(path_));
  if (!owner || owner->token != other_token_) ended_.clear();
  other_token_ = owner ? owner->token : "";
  other_ = owner ? owner_text(*owner) : "a process that was killed while creating the lock";
  of_same_array_ = owner && owner->job.same_array(options_.job);
  free_in_seconds_ = -1;
  if (owner && is_gone(*owner, self_)) return true;
  const double untouched = untouched_seconds();
  if (untouched >= options_.stale_seconds) return true;
  if (!owner || !seems_ended(*owner)) return false;
  if (!ended_.empty()) other_ += ", " + printable(ended_) + " as Slurm says";
  free_in_seconds_ = std::max(kQuietSeconds - untouched, 0.0);
  return untouched >= kQuietSeconds;
}

void CheckpointLock::take_over() {
  // If several processes see a stale lock, only one may replace it, after checking again. Otherwise
  // the second would remove the new lock of the first.
  const std::filesystem::path guard = path_.string() + ".takeover";
  int code = make_new(guard, text_of(self_));
  if (code == EEXIST) {
    refuse_planted(guard);
    const std::optional<LockOwner> owner = owner_of(small_file(guard));
    if (!owner || !is_gone(*owner, self_)) {
      struct stat status {};
      const bool old =
          ::lstat(guard.c_str(), &status) == 0 &&
          static_cast<double>(std::time(nullptr) - status.st_mtim.tv_sec) > 10 * kStaleSeconds;
      if (!old) return;  // another process is taking the lock over
    }
    ::unlink(guard.c_str());
    code = make_new(guard, text_of(self_));
  }
  if (code != 0) return;
  const std::string before = other_token_;
  if (is_stale() && other_token_ == before) {
    ::unlink(path_.c_str());
    held_ = make();
    taken_over_ = held_;
  }
  ::unlink(guard.c_str());
}

void CheckpointLock::beat(bool now) {
  if (!held_) return;
  const auto time = std::chrono::steady_clock::now();
  if (!now && std::chrono::duration<double>(time - last_beat_).count() < kBeatSeconds) return;
  int code = 0;
  const std::optional<LockOwner> owner = owner_of(small_file(path_, &code));
  if (code != 0 && code != ENOENT && code != ENOTDIR) {
    throw Error(Blame::resource, shown(path_) + ": the lock cannot be read: " +
                                     system_reason(code) + ". The journal is kept");
  }
  if (!owner || owner->token != self_.token) {
    held_ = false;
    if (!is_there(path_.parent_path())) {
      throw Error(Blame::resource, shown(path_.parent_path()) +
                                       ": the archive folder is gone, and the journal with it. "
                                       "Run the same command again");
    }
    throw Error(Blame::resource,
                shown(path_) + ": this job has lost its lock" +
                    (owner ? " to " + owner_text(*owner) : std::string()) +
                    ". It was suspended for too long, or the file was removed. The journal is "
                    "kept; run the same command again when no other job works on this checkpoint");
  }
  // Without times, the file system uses its own clock.
  if (::utimensat(AT_FDCWD, path_.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) != 0) {
    throw Error(Blame::resource,
                shown(path_) + ": the time of the lock cannot be updated: " + system_reason(errno));
  }
  last_beat_ = time;
}

}  // namespace wishart::archive
