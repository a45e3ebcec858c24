#pragma once

/// @file
/// Where a command's document goes: standard output, or a file.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>

namespace wishart::job {

/// A stream for what a command writes. To a file it goes whole or not at all, and only as much of
/// it is in memory as a buffer holds.
///
/// While a file is being written stop signals are looked for between its parts: they end the
/// command, and leave nothing behind.
class Document {
public:
  /// @param file      empty: to `standard`. A link is followed to the file that it means
  /// @param standard  standard output
  /// @throws Error with Blame::usage if `file` is a folder or a device, or its folder is not there
  Document(const std::filesystem::path& file, std::ostream& standard);
  ~Document();
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  /// Throws Error with Blame::resource where it cannot write, and with Blame::interrupted where a
  /// signal asks to stop.
  [[nodiscard]] std::ostream& stream() noexcept { return stream_; }
  /// All has been written: flushes, and gives a file its name.
  /// @throws Error
  void finish();

private:
  class Buffer;
  std::unique_ptr<Buffer> buffer_;
  std::ostream stream_;
};

}  // namespace wishart::job
