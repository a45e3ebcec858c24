#pragma once

/// @file
/// The destination of a command's output: standard output or a file.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>

namespace wishart::job {

/// A stream for a command's output. A file is written completely or not at all. Only one buffer of
/// it is in memory at a time.
///
/// While a file is being written, it checks for stop signals between the parts. A stop signal ends
/// the command and leaves no partial file behind.
class Document {
public:
  /// Who may read the file: whom the umask lets, or every user.
  enum class Readers : bool { by_umask, everyone };

  /// @param file      empty: write to `standard`. Links are followed
  /// @param standard  standard output
  /// @throws Error with Blame::usage if `file` is a folder or a device, or its folder does not
  ///   exist
  Document(const std::filesystem::path& file, std::ostream& standard,
           Readers readers = Readers::by_umask);
  ~Document();
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  /// Writing throws Error with Blame::resource if it fails, and with Blame::interrupted after a
  /// stop signal.
  [[nodiscard]] std::ostream& stream() noexcept { return stream_; }
  /// Call after everything has been written: flushes, and gives the file its name.
  /// @throws Error
  void finish();

private:
  class Buffer;
  std::unique_ptr<Buffer> buffer_;
  std::ostream stream_;
};

}  // namespace wishart::job
