#include "wishart/core/whole_file.hpp"

#include <cerrno>
#include <random>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"

namespace wishart {
namespace {

/// Leaves room in a name of 255 bytes for what is put around it.
constexpr std::size_t kMostNameBytes = 220;

/// A hidden name beside `target` that no other process uses. The process id tells people whose it
/// is; processes of several hosts or containers may have the same, so a random number follows.
std::filesystem::path temporary_name(const std::filesystem::path& target) {
  std::string name(1, '.');
  name += target.filename().string().substr(0, kMostNameBytes);
  name += ".tmp-";
  name += std::to_string(::getpid());
  name += '-';
  name += std::to_string(std::random_device{}());
  return target.parent_path() / name;
}

}  // namespace

WholeFile::WholeFile(std::filesystem::path target)
    : target_(std::move(target)), temporary_(temporary_name(target_)) {
  descriptor_ = Descriptor(uninterrupted(
      [&] { return ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); }));
  if (descriptor_.get() < 0) fail(errno);
  struct stat before {};
  struct stat now {};
  if (::lstat(target_.c_str(), &before) != 0) {
    if (const int code = errno; code != ENOENT) {
      descriptor_ = Descriptor();  // NFS keeps a file that is removed while it is open
      ::unlink(temporary_.c_str());
      fail(code);
    }
    return;
  }
  if (!S_ISREG(before.st_mode) || ::fstat(descriptor_.get(), &now) != 0) return;
  // A file that others may not read does not become readable by being written again. One that
  // somebody else has put there takes permissions away, and gives none.
  const mode_t allowed = before.st_uid == now.st_uid ? 0777U : now.st_mode;
  (void)::fchmod(descriptor_.get(), before.st_mode & allowed & 0777U);
}

WholeFile::~WholeFile() {
  if (descriptor_.get() < 0) return;
  descriptor_ = Descriptor();
  ::unlink(temporary_.c_str());
}

void WholeFile::fail(int code) const {
  throw Error(Blame::resource, shown(target_) + ": cannot be written: " + system_reason(code) +
                                   ". What stood there before is unchanged");
}

void WholeFile::let_everyone_read() {
  struct stat now {};
  if (::fstat(descriptor_.get(), &now) != 0 ||
      ::fchmod(descriptor_.get(), (now.st_mode & 07777U) | S_IRUSR | S_IRGRP | S_IROTH) != 0) {
    fail(errno);
  }
}

void WholeFile::write(std::span<const std::byte> bytes) {
  if (const int code = write_fully(descriptor_.get(), size_bytes_, bytes); code != 0) fail(code);
  size_bytes_ += static_cast<std::int64_t>(bytes.size());
}

void WholeFile::finish(Flush flush, const std::function<void()>& before_naming) {
  const bool flushed = flush == Flush::to_disk;
  int code = flushed ? flush_fully(descriptor_) : 0;
  const int closing = close_fully(descriptor_);
  if (code == 0) code = closing;
  if (code == 0 && before_naming) {
    try {
      before_naming();
    } catch (...) {
      ::unlink(temporary_.c_str());
      throw;
    }
  }
  if (code == 0 && ::rename(temporary_.c_str(), target_.c_str()) != 0) code = errno;
  if (code != 0) {
    ::unlink(temporary_.c_str());
    fail(code);
  }
  if (!flushed) return;
  if (code = flush_folder_of(target_); code != 0) {
    throw Error(Blame::resource, shown(target_) +
                                     ": was written, but its folder cannot be flushed to " +
                                     "disk: " + system_reason(code));
  }
}

}  // namespace wishart
