#pragma once

/// @file
/// An HDF5 file that is built in memory.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "hdf5_handle.hpp"

namespace wishart::archive {

/// A new HDF5 file in memory.
///
/// HDF5 cannot let go of a file that it failed to write: its objects stay open, and the process
/// crashes when it ends. In memory nothing fails, and what comes out is written by our own code,
/// which knows what to do about a full disk.
class MemoryFile {
public:
  /// `path` is what HDF5 calls the file; nothing is made there.
  MemoryFile(const Place& place, const std::filesystem::path& path);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  [[nodiscard]] hid_t get() const noexcept { return file_.get(); }
  /// Closes the file. Its bytes live as long as this object.
  /// @pre no object of the file is open
  [[nodiscard]] std::span<const std::byte> close(const Place& place);

private:
  struct Image;

  std::unique_ptr<Image> image_;
  Handle file_;  // closed before the memory goes
};

}  // namespace wishart::archive
