#pragma once

/// @file
/// A file that is there whole or not at all.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

#include "wishart/core/descriptor.hpp"

namespace wishart {

/// Writes a hidden temporary file beside `target`, which takes the target's name when it is whole.
/// Until then, and if that never comes, what stood there before is as it was. The temporary file
/// goes with the object. What others have left beside it is theirs, and stays.
class WholeFile {
public:
  /// Whether the file is forced to disk before it takes its name.
  enum class Flush : bool { later, to_disk };

  /// Makes the temporary file, with the permissions of the file that it will replace, if any.
  /// @throws Error with Blame::resource
  explicit WholeFile(std::filesystem::path target);
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  /// Lets every user read the file, whatever the umask and the file before say.
  /// @throws Error with Blame::resource
  void let_everyone_read();
  /// Adds to the end. @throws Error with Blame::resource
  void write(std::span<const std::byte> bytes);
  /// Gives the file its name. Nothing can be written behind it.
  /// @param before_naming  called when all is written; what it throws leaves the old file in place
  /// @throws Error with Blame::resource
  void finish(Flush flush = Flush::to_disk, const std::function<void()>& before_naming = {});

private:
  [[noreturn]] void fail(int code) const;

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  std::int64_t size_bytes_ = 0;
  Descriptor descriptor_;
};

}  // namespace wishart
