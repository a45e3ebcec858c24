#pragma once

/// @file
/// A folder for one test that is gone afterwards, and the place of the shared fixtures.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <unistd.h>

namespace wishart::test {

class TempFolder {
public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "wishart-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
    return path_ / name;
  }

  /// Writes a file in the folder and returns its path.
  std::filesystem::path write(std::string_view name, std::string_view content) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file;
  }

private:
  std::filesystem::path path_;
};

/// The folder of the shared fixtures: the environment variable WISHART_SHARED, else ../shared
/// beside the project. Without it nothing is returned, and a line that makes CTest skip the program
/// (see tests/CMakeLists.txt) is printed: `skipped: no shared fixtures in F`.
inline std::optional<std::filesystem::path> shared_folder() {
  const char* value = std::getenv("WISHART_SHARED");  // NOLINT(concurrency-mt-unsafe)
  const std::filesystem::path folder =
      value != nullptr && *value != '\0' ? value : WISHART_SHARED_DEFAULT;
  if (std::filesystem::is_directory(folder / "fixtures")) return std::filesystem::absolute(folder);
  std::cout << "skipped: no shared fixtures in " << folder.string() << " (WISHART_SHARED)\n";
  return std::nullopt;
}

}  // namespace wishart::test
