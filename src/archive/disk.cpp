#include "disk.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::archive {
namespace {

/// A hidden name beside `target` that no other process of this machine uses.
std::filesystem::path temporary_name(const std::filesystem::path& target) {
  std::string name(1, '.');
  name += target.filename().string();
  name += ".tmp-";
  name += std::to_string(::getpid());
  return target.parent_path() / name;
}

/// Writes a file that is not there yet and flushes it to disk. Returns 0 or an errno.
int write_new_file(const std::filesystem::path& path,
                   std::initializer_list<std::span<const std::byte>> pieces) noexcept {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) return errno;
  int code = 0;
  std::int64_t offset_bytes = 0;
  for (const std::span<const std::byte> piece : pieces) {
    if (code == 0) code = write_fully(descriptor, offset_bytes, piece);
    offset_bytes += static_cast<std::int64_t>(piece.size());
  }
  if (code == 0 && ::fsync(descriptor) != 0) code = errno;
  if (::close(descriptor) != 0 && code == 0) code = errno;  // NFS tells of a full disk here
  return code;
}

}  // namespace

std::string shown(const std::filesystem::path& path) { return printable(path.string()); }

std::string system_reason(int code) {
  return std::strerror(code);  // NOLINT(concurrency-mt-unsafe)
}

int write_fully(int descriptor, std::int64_t offset_bytes,
                std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const ::ssize_t done = ::pwrite(descriptor, bytes.data(), bytes.size(), offset_bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno;
    if (done == 0) return ENOSPC;
    offset_bytes += done;
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return 0;
}

int flush_folder_of(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  const int code = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  return code == EINVAL || code == ENOTSUP ? 0 : code;
}

void replace_file(const std::filesystem::path& target,
                  std::initializer_list<std::span<const std::byte>> pieces) {
  const std::filesystem::path temporary = temporary_name(target);
  ::unlink(temporary.c_str());
  int code = write_new_file(temporary, pieces);
  if (code == 0 && ::rename(temporary.c_str(), target.c_str()) != 0) code = errno;
  if (code != 0) {
    ::unlink(temporary.c_str());
    throw Error(Blame::resource, shown(target) + ": cannot be written: " + system_reason(code) +
                                     ". What stood there before is unchanged");
  }
  if (code = flush_folder_of(target); code != 0) {
    throw Error(Blame::resource, shown(target) +
                                     ": was written, but its folder cannot be flushed to " +
                                     "disk: " + system_reason(code));
  }
}

}  // namespace wishart::archive
