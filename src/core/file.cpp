#include "wishart/core/file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"

namespace wishart {
namespace {

struct stat status_of(int descriptor, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    throw_unread(shown(path) + ": cannot be examined", errno);
  }
  return status;
}

}  // namespace

InputFile::InputFile(const std::filesystem::path& path) : path_(path) {
  descriptor_ = Descriptor(
      uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
  if (descriptor_.get() < 0) throw_unread(shown(path) + ": cannot be opened", errno);
  if (!S_ISREG(status_of(descriptor_.get(), path).st_mode)) {
    throw Error(Blame::input, shown(path) + ": expected a regular file, found something else");
  }
}

void InputFile::read(std::int64_t offset_bytes, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ::ssize_t got = ::pread(descriptor(), out.data() + done, out.size() - done,
                                  static_cast<::off_t>(offset_bytes) + static_cast<::off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int code = errno;
      throw_unread(shown(path_) + ": reading " + std::to_string(out.size()) + " bytes at offset " +
                       std::to_string(offset_bytes) + " failed",
                   code);
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

std::int64_t InputFile::size_bytes() const { return status_of(descriptor(), path_).st_size; }

std::int64_t InputFile::mtime_ns() const {
  const struct stat status = status_of(descriptor(), path_);
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
