#include "wishart/core/own_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "wishart/core/system_failure.hpp"

namespace wishart {
namespace {

/// True for what wishart does not make. A folder is left to open(2), which has its own message.
bool is_planted(const struct stat& status, bool written) {
  if (S_ISDIR(status.st_mode)) return false;
  // What is written to a file with another name too is written elsewhere.
  return !S_ISREG(status.st_mode) || (written && status.st_nlink > 1);
}

}  // namespace

OwnFile open_own_file(const std::filesystem::path& path, int flags) {
  OwnFile file;
  // What is there is looked at first, because opening a device may act on it. O_NOFOLLOW and
  // O_NONBLOCK hold if it is exchanged in between.
  struct stat status {};
  const bool written = (flags & O_ACCMODE) != O_RDONLY;
  if (::lstat(path.c_str(), &status) == 0 && is_planted(status, written)) {
    file.planted = true;
    return file;
  }
  constexpr mode_t kByUmask = 0666;
  file.descriptor = Descriptor(uninterrupted(
      [&] { return ::open(path.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kByUmask); }));
  if (file.descriptor.get() < 0) {
    file.code = errno;
    file.planted = file.code == ELOOP || file.code == ENXIO;
    if (file.planted) file.code = 0;
    return file;
  }
  if (::fstat(file.descriptor.get(), &status) != 0) {
    file.code = errno;
  } else {
    file.planted = is_planted(status, written);
  }
  if (file.planted || file.code != 0) file.descriptor = Descriptor();
  return file;
}

}  // namespace wishart
