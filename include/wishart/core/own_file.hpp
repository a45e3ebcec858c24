#pragma once

/// @file
/// Files under names that wishart gives, in folders that others may write to.

#include <filesystem>

#include "wishart/core/descriptor.hpp"

namespace wishart {

/// What `open_own_file` found.
struct OwnFile {
  Descriptor descriptor;  ///< -1 if it was not opened
  int code = 0;           ///< errno; 0 if the file was opened, or if it is `planted`
  /// It is a link, a FIFO, a device or a socket; or, to be written to, a file with another name
  /// too.
  bool planted = false;
};

/// Opens a file that wishart names itself: a lock, a journal, an index. Somebody may have put
/// something else there: a link is not followed, a FIFO not waited for, a device not opened.
/// @param flags  as of open(2); a new file gets the permissions that the umask leaves
[[nodiscard]] OwnFile open_own_file(const std::filesystem::path& path, int flags);

}  // namespace wishart
