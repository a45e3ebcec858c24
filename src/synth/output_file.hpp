#pragma once

/// @file
/// Files that several ranks write by position, and small files written whole.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "wishart/core/descriptor.hpp"

namespace wishart::synth {

/// A file opened for writing by position; closed at the end.
class OutputFile {
public:
  /// Creates or replaces the file with `size_bytes` bytes, and reserves the space if the file
  /// system supports it.
  /// @throws Error with Blame::resource
  [[nodiscard]] static OutputFile create(const std::filesystem::path& path,
                                         std::int64_t size_bytes);
  /// Opens an existing file. @throws Error with Blame::resource
  [[nodiscard]] static OutputFile open(const std::filesystem::path& path);

  /// @throws Error with Blame::resource
  void write(std::int64_t offset_bytes, std::span<const std::byte> bytes) const;
  /// Closes the file and reports errors: some file systems report only here that they are full.
  void close();

private:
  OutputFile(std::filesystem::path path, int flags);
  std::filesystem::path path_;
  Descriptor descriptor_;
};

/// Writes a file under a temporary name and renames it, so that it exists either complete or not at
/// all.
/// @throws Error with Blame::resource
void write_whole_file(const std::filesystem::path& path, std::string_view content);

/// @throws Error with Blame::resource
void rename_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// Removes a file if it exists. @throws Error with Blame::resource
void remove_file(const std::filesystem::path& path);

/// Creates a folder if it does not exist. @throws Error with Blame::resource
void make_folder(const std::filesystem::path& path);

}  // namespace wishart::synth
