#pragma once

/// @file
/// A folder for archives that nobody keeps.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::job {

/// An archive for this run only.
class TemporaryArchive {
public:
  TemporaryArchive() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "wishart-check-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw Error(Blame::resource, printable(pattern) +
                                       ": cannot be made for a temporary archive. Name a folder "
                                       "with --archive, or set TMPDIR");
    }
    path_ = pattern;
  }
  ~TemporaryArchive() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryArchive(const TemporaryArchive&) = delete;
  TemporaryArchive& operator=(const TemporaryArchive&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

}  // namespace wishart::job
