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
/// If HDF5 fails to write a file, it cannot close it: objects stay open, and the process crashes at
/// exit. In memory writing does not fail. Our own code then writes the bytes to disk, and can
/// handle a full disk.
class MemoryFile {
public:
  /// `path` is only the name by which HDF5 knows the file; nothing is created there.
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
  Handle file_;  // must be closed before image_ is destroyed
};

}  // namespace wishart::archive
