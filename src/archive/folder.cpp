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

/// How many ids a message lists.
constexpr std::size_t kListedIds = 20;

std::string listed(const std::vector<std::string>& ids) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(ids.size(), kListedIds); ++i) {
    names.push_back(printable(ids[i]));
  }
  std::string text = join(names, ", ");
  if (ids.size() <= kListedIds) return text;
  return text + ", and " + std::to_string(ids.size() - kListedIds) + " more";
}

[[noreturn]] void refuse_unknown(const std::filesystem::path& folder, const std::string& id,
                                 const std::vector<std::string>& ids) {
  std::string text =
      shown(folder) + ": has no checkpoint '" + printable(id) + "'. It has: " + listed(ids);
  if (const std::string near = nearest(id, ids); !near.empty()) {
    text += ". Is '" + printable(near) + "' meant?";
  }
  throw Error(Blame::usage, text);
}

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

std::filesystem::path resolve_checkpoint(const std::filesystem::path& folder,
                                         const std::string& id) {
  std::error_code ignored;
  const bool packed = is_packed(folder);
  if (!packed && std::filesystem::is_regular_file(folder, ignored)) {
    const std::string own = folder.stem().string();
    if (!id.empty() && id != own) refuse_unknown(folder, id, {own});
    return folder;
  }
  const std::vector<std::string> ids = packed ? checkpoints_in(folder) : list_checkpoints(folder);
  if (ids.empty()) {
    throw Error(Blame::input,
                shown(folder) + ": holds no archive. Run `wishart scan` into it first");
  }
  if (id.empty() && ids.size() > 1) {
    throw Error(Blame::usage, shown(folder) + ": holds " + std::to_string(ids.size()) +
                                  " checkpoints, name one of them: " + listed(ids));
  }
  const std::string& chosen = id.empty() ? ids.front() : id;
  if (std::find(ids.begin(), ids.end(), chosen) == ids.end()) refuse_unknown(folder, id, ids);
  return folder / (chosen + ".h5");
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
