#include "places.hpp"

#include <cstdlib>
#include <iostream>

namespace wishart::test {

namespace fs = std::filesystem;

std::string in_source(std::string_view inside) {
  return (fs::path(WISHART_SOURCE) / inside).string();
}

fs::path data_file(std::string_view name) { return fs::path(WISHART_SOURCE) / "tests/data" / name; }

std::optional<fs::path> shared_folder() {
  const char* value = std::getenv("WISHART_SHARED");  // NOLINT(concurrency-mt-unsafe)
  const fs::path folder = value != nullptr && *value != '\0'
                              ? value
                              : (fs::path(WISHART_SOURCE) / "../shared").string();
  if (fs::is_directory(folder / "fixtures")) return fs::absolute(folder);
  std::cout << "skipped: no shared fixtures in " << folder.string() << " (WISHART_SHARED)\n";
  return std::nullopt;
}

}  // namespace wishart::test
