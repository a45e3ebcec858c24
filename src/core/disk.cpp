#include "wishart/core/disk.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "wishart/core/descriptor.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

namespace wishart {

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
  const Descriptor descriptor(
      uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (descriptor.get() < 0) return errno;
  const int code = flush_fully(descriptor);
  return code == EINVAL || code == ENOTSUP ? 0 : code;
}

}  // namespace wishart
