#pragma once

/// @file
/// Paths of files inside the project and beside it, for tests.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace wishart::test {

/// The path of `inside` in the project's own folder, such as `tools/mpirun`.
[[nodiscard]] std::string in_source(std::string_view inside);

/// A file of tests/data.
[[nodiscard]] std::filesystem::path data_file(std::string_view name);

/// The folder of the shared fixtures: the environment variable WISHART_SHARED, else ../shared
/// beside the project. If there is none, returns nothing and prints a line that makes CTest skip
/// the program (see tests/CMakeLists.txt): `skipped: no shared fixtures in F`.
[[nodiscard]] std::optional<std::filesystem::path> shared_folder();

}  // namespace wishart::test
