#include "scan/work/staged_files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "wishart/core/descriptor.hpp"
#include "wishart/core/disk.hpp"
#include "wishart/core/environment.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/core/text.hpp"
#include "wishart/mpi/failure.hpp"
#include "wishart/mpi/together.hpp"

namespace wishart::job {
namespace {

constexpr std::int64_t kPartBytes = 8 << 20U;

[[noreturn]] void throw_place(const std::filesystem::path& path, const std::string& what) {
  throw Error(Blame::resource, "--stage-dir: " + shown(path) + " on " +
                                   host_name().value_or("this host") + ": " + what +
                                   ". Name another folder, or leave out --stage-dir");
}

/// A new folder in `place`.
std::string new_folder(const std::filesystem::path& place) {
  std::string pattern = (place / "wishart-stage-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw_place(place, "no folder can be created in it: " + system_reason(errno));
  }
  return pattern;
}

void check_room(const std::filesystem::path& folder, std::int64_t bytes) {
  struct ::statvfs status {};
  if (::statvfs(folder.c_str(), &status) != 0) return;  // writing will tell
  const auto free = static_cast<std::int64_t>(status.f_bavail * status.f_frsize);
  if (free < bytes) {
    throw_place(folder, "the files of the checkpoint take " + human_bytes(bytes) + ", and " +
                            human_bytes(free) + " are free");
  }
}

/// A copy that is being written.
class OutputFile {
public:
  explicit OutputFile(const std::filesystem::path& path)
      : path_(path),
        descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    if (descriptor_.get() < 0) throw_place(path, system_reason(errno));
  }

  void write(std::int64_t offset, std::span<const std::byte> bytes) {
    if (const int code = write_fully(descriptor_.get(), offset, bytes); code != 0) {
      throw_place(path_, system_reason(code));
    }
  }
  void set_mtime(std::int64_t nanoseconds) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    const ::timespec time{nanoseconds / kSecond, nanoseconds % kSecond};
    const std::array<::timespec, 2> times{time, time};
    if (::futimens(descriptor_.get(), times.data()) != 0) throw_place(path_, system_reason(errno));
  }
  /// A file server may refuse here what it has taken before: the copy would have holes.
  void close() {
    if (const int code = close_fully(descriptor_); code != 0) {
      throw_place(path_, system_reason(code));
    }
  }

private:
  const std::filesystem::path& path_;
  Descriptor descriptor_;
};

/// What the ranks tell each other while they copy. The largest counts.
constexpr std::int64_t kDone = 0;
constexpr std::int64_t kCopying = 1;
constexpr std::int64_t kGivenUp = 2;

/// How often they do: a rank that waits for the others loses at most the time of one part.
constexpr std::chrono::milliseconds kMeeting{200};

/// Copies on all ranks until all are done or one gives up: because it fails, or because rank 0 has
/// a reason to stop.
class SharedCopying {
public:
  SharedCopying(const mpi::Comm& world, const std::function<std::string()>& stop_reason)
      : world_(world), stop_reason_(stop_reason) {}

  /// After each part: false if the copies are given up. Collective over `world`, at intervals.
  /// @throws Error with Blame::interrupted on rank 0 if there is a reason to stop
  bool go_on() {
    check_stop();
    if (Clock::now() - last_ >= kMeeting) meet(kCopying);
    return outcome_ != kGivenUp;
  }
  /// When this rank has nothing more to copy: waits for the others. Collective over `world`.
  /// @param failure  of this rank, or null
  /// @return the failure of this rank, or null
  std::exception_ptr end(std::exception_ptr failure) {
    while (outcome_ == kCopying) {
      if (!failure) {
        try {
          check_stop();
        } catch (...) {
          failure = std::current_exception();
        }
      }
      meet(failure ? kGivenUp : kDone);
    }
    return failure;
  }

private:
  using Clock = std::chrono::steady_clock;

  void check_stop() const {
    if (world_.rank() != 0 || !stop_reason_) return;
    const std::string reason = stop_reason_();
    if (reason.empty()) return;
    throw Error(Blame::interrupted, reason +
                                        " while files were copied to --stage-dir. Run the same "
                                        "command again");
  }
  void meet(std::int64_t own) {
    world_.barrier_asleep();  // others may be in the middle of a part
    outcome_ = world_.maximum(own);
    last_ = Clock::now();
  }

  const mpi::Comm& world_;
  const std::function<std::string()>& stop_reason_;
  Clock::time_point last_ = Clock::now();
  std::int64_t outcome_ = kCopying;
};

}  // namespace

StagedFiles::StagedFiles(const mpi::Comm& world, const std::filesystem::path& place,
                         const std::filesystem::path& root, std::vector<SourceFile> files,
                         const std::function<std::string()>& stop_reason)
    : files_(std::move(files)) {
  const mpi::Comm host = world.split_by_host();
  try {
    share_folder(world, host, place);
    SharedCopying copying(world, stop_reason);
    std::exception_ptr failure;
    try {
      copy_share(root, host, [&] { return copying.go_on(); });
    } catch (const mpi::Failure&) {
      throw;  // the ranks cannot meet any more
    } catch (...) {
      failure = std::current_exception();
    }
    mpi::agree(world, copying.end(failure));
  } catch (const mpi::AgreedError&) {
    remove_own_files();
    host.barrier_asleep();
    remove_folder();
    throw;
  } catch (...) {  // of MPI, or of this rank alone: nobody comes to a barrier
    remove_own_files();
    remove_folder();
    throw;
  }
}

StagedFiles::~StagedFiles() {
  remove_own_files();
  remove_folder();
}

void StagedFiles::remove_own_files() noexcept {
  for (const std::filesystem::path& file : own_) ::unlink(file.c_str());
}

void StagedFiles::remove_folder() noexcept {
  if (!folder_.empty()) ::rmdir(folder_.c_str());  // the last rank of the host succeeds
}

void StagedFiles::share_folder(const mpi::Comm& world, const mpi::Comm& host,
                               const std::filesystem::path& place) {
  std::string folder;
  std::exception_ptr failure;
  try {
    if (host.rank() == 0) {
      folder = new_folder(place);
      folder_ = folder;
      check_room(folder_, bytes());
    }
  } catch (...) {
    failure = std::current_exception();
  }
  Packer pack;
  pack(folder);
  std::vector<std::byte> message = pack.take();
  host.broadcast(message, 0);
  Unpacker unpack(message);
  unpack(folder);
  folder_ = folder;
  mpi::agree(world, failure);
}

std::int64_t StagedFiles::bytes() const noexcept {
  return std::accumulate(
      files_.begin(), files_.end(), std::int64_t{0},
      [](std::int64_t sum, const SourceFile& file) { return sum + file.size_bytes; });
}

void StagedFiles::copy_share(const std::filesystem::path& root, const mpi::Comm& host,
                             const std::function<bool()>& go_on) {
  const auto ranks = static_cast<std::size_t>(host.size());
  bool copying = true;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const std::filesystem::path from = root / files_[i].name;
    files_[i].name = std::to_string(i) + "-" + from.filename().string();
    const bool own = i % ranks == static_cast<std::size_t>(host.rank());
    if (own && copying) copying = copy(from, files_[i], go_on);
  }
}

bool StagedFiles::copy(const std::filesystem::path& from, const SourceFile& file,
                       const std::function<bool()>& go_on) {
  const InputFile in(from);
  const auto check = [&] {
    if (in.size_bytes() == file.size_bytes && in.mtime_ns() == file.mtime_ns) return;
    throw Error(Blame::input, shown(from) +
                                  ": changed while it was being copied to --stage-dir. Run again "
                                  "when no other program is writing to it");
  };
  check();
  const std::filesystem::path to = folder_ / file.name;
  OutputFile out(to);
  own_.push_back(to);
  std::vector<std::byte> part(
      static_cast<std::size_t>(std::min(kPartBytes, std::max<std::int64_t>(file.size_bytes, 1))));
  for (std::int64_t offset = 0; offset < file.size_bytes; offset += kPartBytes) {
    const auto size = static_cast<std::size_t>(std::min(kPartBytes, file.size_bytes - offset));
    in.read(offset, std::span(part).first(size));
    out.write(offset, std::span<const std::byte>(part).first(size));
    if (!go_on()) return false;
  }
  check();
  out.set_mtime(file.mtime_ns);
  out.close();
  return true;
}

}  // namespace wishart::job
