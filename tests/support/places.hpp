#pragma once

/// @file
/// Where a test finds what lies in the project and beside it.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace wishart::test {

/// `inside` of the project's own folder: `tools/mpirun`.
[[nodiscard]] std::string in_source(std::string_view inside);

/// A file of tests/data.
[[nodiscard]] std::filesystem::path data_file(std::string_view name);

/// The folder of the shared fixtures: the environment variable WISHART_SHARED, else ../shared
/// beside the project. Without it nothing is returned, and a line that makes CTest skip the program
/// (see tests/CMakeLists.txt) is printed: `skipped: no shared fixtures in F`.
[[nodiscard]] std::optional<std::filesystem::path> shared_folder();

}  // namespace wishart::test
