#include "wishart/core/file.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"

namespace wishart {
namespace {

struct stat status_of(int descriptor, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    throw Error(Blame::input, shown(path) + ": cannot be examined: " + system_reason(errno));
  }
  return status;
}

}  // namespace

InputFile::InputFile(const std::filesystem::path& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    const int code = errno;
    // Not the fault of the file.
    const bool short_of = code == EMFILE || code == ENFILE || code == ENOMEM;
    throw Error(short_of ? Blame::resource : Blame::input,
                shown(path) + ": cannot be opened: " + system_reason(code));
  }
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw Error(Blame::input, shown(path) + ": expected a regular file, found something else");
  }
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void InputFile::read(std::int64_t offset_bytes, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ::ssize_t got = ::pread(descriptor_, out.data() + done, out.size() - done,
                                  static_cast<::off_t>(offset_bytes) + static_cast<::off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw Error(Blame::input, shown(path_) + ": reading " + std::to_string(out.size()) +
                                    " bytes at offset " + std::to_string(offset_bytes) +
                                    " failed: " + system_reason(errno));
    }
    if (got == 0) {
      throw Error(Blame::input, shown(path_) + ": ends at byte " +
                                    std::to_string(offset_bytes + static_cast<std::int64_t>(done)) +
                                    ", expected " + std::to_string(out.size()) +
                                    " bytes at offset " + std::to_string(offset_bytes) +
                                    ". The file was truncated while it was being read");
    }
    done += static_cast<std::size_t>(got);
  }
}

std::int64_t InputFile::size_bytes() const { return status_of(descriptor_, path_).st_size; }

std::int64_t InputFile::mtime_ns() const {
  const struct stat status = status_of(descriptor_, path_);
  return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

std::string read_text_file(const std::filesystem::path& path, std::int64_t max_bytes) {
  const InputFile file(path);
  const std::int64_t size = file.size_bytes();
  if (size > max_bytes) {
    throw Error(Blame::input, shown(path) + ": has " + std::to_string(size) +
                                  " bytes, expected at most " + std::to_string(max_bytes));
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  file.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace wishart
