#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wishart/archive/verify.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"

#include "disk.hpp"

namespace wishart::archive {
namespace {

/// Renames `from` to `to`, unless there is something of that name. Returns 0 or an errno.
int rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  const bool unknown = errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP;
  if (!unknown) return errno;
  // A network file system may not know it, but links, which replace nothing either.
  if (::link(from.c_str(), to.c_str()) == 0) return ::unlink(from.c_str()) == 0 ? 0 : errno;
  const bool no_links = errno == EPERM || errno == ENOSYS || errno == EOPNOTSUPP || errno == EMLINK;
  if (!no_links) return errno;
  struct stat status {};
  if (::lstat(to.c_str(), &status) == 0) return EEXIST;
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

}  // namespace

std::filesystem::path set_aside(const std::filesystem::path& file) {
  std::filesystem::path target;
  int code = EEXIST;
  for (std::int64_t number = 1; code == EEXIST; ++number) {
    target = file;
    target += ".damaged";
    if (number > 1) {
      target += '-';
      target += std::to_string(number);
    }
    code = rename_to_new(file, target);
  }
  if (code != 0) {
    throw Error(Blame::resource, shown(file) + ": cannot be set aside: " + system_reason(code));
  }
  if (code = flush_folder_of(file); code != 0) {
    throw Error(Blame::resource, shown(file) + ": was set aside, but its folder cannot be " +
                                     "flushed to disk: " + system_reason(code));
  }
  return target;
}

}  // namespace wishart::archive
