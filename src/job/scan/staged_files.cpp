#include "scan/staged_files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "wishart/core/disk.hpp"
#include "wishart/core/environment.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/core/text.hpp"
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

/// A descriptor that closes itself.
class OutputFile {
public:
  explicit OutputFile(const std::filesystem::path& path)
      : path_(path),
        descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) throw_place(path, system_reason(errno));
  }
  ~OutputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::int64_t offset, std::span<const std::byte> bytes) {
    if (const int code = write_fully(descriptor_, offset, bytes); code != 0) {
      throw_place(path_, system_reason(code));
    }
  }
  void set_mtime(std::int64_t nanoseconds) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    const ::timespec time{nanoseconds / kSecond, nanoseconds % kSecond};
    const std::array<::timespec, 2> times{time, time};
    if (::futimens(descriptor_, times.data()) != 0) throw_place(path_, system_reason(errno));
  }
  /// A file server may refuse here what it has taken before: the copy would have holes.
  void close() {
    // Interrupted, the file is closed all the same.
    if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) {
      throw_place(path_, system_reason(errno));
    }
  }

private:
  const std::filesystem::path& path_;
  int descriptor_;
};

}  // namespace

StagedFiles::StagedFiles(const mpi::Comm& world, const std::filesystem::path& place,
                         const std::filesystem::path& root, std::vector<SourceFile> files)
    : files_(std::move(files)) {
  const mpi::Comm host = world.split_by_host();
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
  const auto clean = [&] {
    for (const std::filesystem::path& file : own_) ::unlink(file.c_str());
    host.barrier_asleep();
    if (host.rank() == 0 && !folder_.empty()) ::rmdir(folder_.c_str());
  };
  try {
    mpi::agree(world, failure);
    try {
      for (std::size_t i = 0; i < files_.size(); ++i) {
        const std::filesystem::path from = root / files_[i].name;
        files_[i].name = std::to_string(i) + "-" + from.filename().string();
        if (i % static_cast<std::size_t>(host.size()) == static_cast<std::size_t>(host.rank())) {
          copy(from, files_[i]);
        }
      }
    } catch (...) {
      failure = std::current_exception();
    }
    world.barrier_asleep();  // copies take long
    mpi::agree(world, failure);
  } catch (...) {
    clean();
    throw;
  }
}

StagedFiles::~StagedFiles() {
  for (const std::filesystem::path& file : own_) ::unlink(file.c_str());
  ::rmdir(folder_.c_str());  // the last rank of the host succeeds
}

std::int64_t StagedFiles::bytes() const noexcept {
  return std::accumulate(
      files_.begin(), files_.end(), std::int64_t{0},
      [](std::int64_t sum, const SourceFile& file) { return sum + file.size_bytes; });
}

void StagedFiles::copy(const std::filesystem::path& from, const SourceFile& file) {
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
  }
  check();
  out.set_mtime(file.mtime_ns);
  out.close();
}

}  // namespace wishart::job
