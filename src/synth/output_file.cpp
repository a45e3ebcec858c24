#include "output_file.hpp"

#include <cerrno>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/own_file.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/whole_file.hpp"

namespace wishart::synth {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what, int code) {
  std::string advice;
  if (code == ENOSPC || code == EDQUOT || code == EFBIG) {
    advice = ". Use --scale or --blocks for a smaller checkpoint, or another disk";
  }
  throw Error(Blame::resource,
              printable(path.string()) + ": " + what + ": " + system_reason(code) + advice);
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path, int flags) : path_(std::move(path)) {
  OwnFile file = open_own_file(path_, flags);
  if (file.planted) {
    throw Error(Blame::resource, printable(path_.string()) +
                                     ": expected a regular file of this name alone, found "
                                     "something else. Remove it");
  }
  if (file.code != 0) fail(path_, "cannot be opened for writing", file.code);
  descriptor_ = std::move(file.descriptor);
}

OutputFile OutputFile::create(const std::filesystem::path& path, std::int64_t size_bytes) {
  remove_file(path);  // what stands there may be a link, or a file with another name too
  OutputFile file(path, O_WRONLY | O_CREAT | O_EXCL);
  const std::string what = "cannot be extended to " + std::to_string(size_bytes) + " bytes";
  if (::ftruncate(file.descriptor_.get(), size_bytes) != 0) fail(path, what, errno);
  // If space cannot be reserved, a full disk is noticed only at a later write.
  if (::fallocate(file.descriptor_.get(), 0, 0, size_bytes) != 0 && errno == ENOSPC) {
    fail(path, what, errno);
  }
  return file;
}

OutputFile OutputFile::open(const std::filesystem::path& path) { return {path, O_WRONLY}; }

void OutputFile::write(std::int64_t offset_bytes, std::span<const std::byte> bytes) const {
  const std::string what = "writing " + std::to_string(bytes.size()) + " bytes at offset " +
                           std::to_string(offset_bytes) + " failed";
  if (const int code = write_fully(descriptor_.get(), offset_bytes, bytes); code != 0) {
    fail(path_, what, code);
  }
}

void OutputFile::close() {
  if (const int code = close_fully(descriptor_); code != 0) fail(path_, "closing failed", code);
}

void write_whole_file(const std::filesystem::path& path, std::string_view content) {
  WholeFile file(path);
  file.write(std::as_bytes(std::span(content)));
  file.finish(WholeFile::Flush::later);  // the index, written last, says that all is there
}

void rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    fail(to, "cannot be renamed from " + printable(from.filename().string()), errno);
  }
}

void remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail(path, "cannot be removed", errno);
}

void make_folder(const std::filesystem::path& path) {
  std::error_code status;
  std::filesystem::create_directories(path, status);
  if (status) fail(path, "cannot be created", status.value());
}

}  // namespace wishart::synth
