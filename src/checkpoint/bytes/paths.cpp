#include "bytes/paths.hpp"

#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

namespace wishart::checkpoint {

std::vector<std::string> list_folder(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code status;
  std::filesystem::directory_iterator entries(folder, status);
  const std::filesystem::directory_iterator end;
  for (; !status && entries != end; entries.increment(status)) {
    names.push_back(entries->path().filename().string());
  }
  if (status) {
    throw_unread(printable(folder.string()) + ": the folder cannot be listed", status.value());
  }
  return names;
}

std::filesystem::path absolute_path(const std::filesystem::path& path) {
  const std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  return whole.has_filename() || whole == whole.root_path() ? whole : whole.parent_path();
}

bool is_inner_path(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos ||
      path.find('\\') != std::string_view::npos) {
    return false;
  }
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

}  // namespace wishart::checkpoint
