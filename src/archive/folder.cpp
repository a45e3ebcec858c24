#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "wishart/archive/archive.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "disk.hpp"

namespace wishart::archive {
namespace {

/// The folder's own file of summaries and links; no checkpoint may take its name.
constexpr std::string_view kIndexId = "index";

/// Leaves room in a file name of 255 bytes for what the module adds.
constexpr std::size_t kMaxIdBytes = 200;

[[noreturn]] void refuse_folder(const std::filesystem::path& folder, const char* what, int code) {
  throw Error(Blame::resource, shown(folder) + ": " + what + ": " + system_reason(code) +
                                   ". Choose another archive folder");
}

}  // namespace

bool is_checkpoint_id(std::string_view id) noexcept {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._+=-").find(c) != std::string_view::npos;
  };
  return !id.empty() && id.size() <= kMaxIdBytes && id.front() != '.' && id != kIndexId &&
         std::all_of(id.begin(), id.end(), allowed);
}

std::vector<std::string> list_checkpoints(const std::filesystem::path& folder) {
  std::error_code code;
  std::filesystem::directory_iterator entries(folder, code);
  if (code) {
    throw Error(Blame::input, shown(folder) + ": cannot be read as an archive folder: " +
                                  system_reason(code.value()));
  }
  std::vector<std::string> ids;
  for (const auto end = std::filesystem::directory_iterator(); entries != end;) {
    const std::filesystem::path& path = entries->path();
    std::error_code ignored;
    const bool is_file = std::filesystem::is_regular_file(path, ignored);
    const std::string id = path.stem().string();
    if (is_file && path.extension() == ".h5" && id.front() != '.' && id != kIndexId)
      ids.push_back(id);
    entries.increment(code);
    if (code) {
      throw Error(Blame::input, shown(folder) + ": cannot be read as an archive folder: " +
                                    system_reason(code.value()));
    }
  }
  std::sort(ids.begin(), ids.end(), natural_less);
  return ids;
}

void prepare_folder(const std::filesystem::path& folder) {
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code) refuse_folder(folder, "the archive folder cannot be made", code.value());
  const std::filesystem::path probe = folder / (".wishart-probe-" + std::to_string(::getpid()));
  const int descriptor = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) refuse_folder(folder, "files cannot be written in the archive folder", errno);
  ::close(descriptor);
  ::unlink(probe.c_str());
}

}  // namespace wishart::archive
