#include "folder/hub_cache.hpp"

#include <algorithm>
#include <map>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "bytes/paths.hpp"

namespace wishart::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxRefBytes = 1024;

bool is_commit(std::string_view text) {
  return text.size() >= 7 && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Commit by revision: what the files in `refs` hold (huggingface_hub, "How is the cache built").
std::map<std::string, std::string> revisions_of(const fs::path& model) {
  std::map<std::string, std::string> revisions;
  if (!is_folder(model / "refs")) return revisions;
  for (const std::string& name : list_folder(model / "refs")) {
    if (!is_file(model / "refs" / name)) continue;
    try {
      std::string commit = read_text_file(model / "refs" / name, kMaxRefBytes);
      while (!commit.empty() && (commit.back() == '\n' || commit.back() == '\r')) commit.pop_back();
      if (is_commit(commit)) revisions[name] = commit;
    } catch (const SystemFailure&) {
      throw;
    } catch (const Error&) {
      continue;  // ignore a revision that cannot be read
    }
  }
  return revisions;
}

}  // namespace

std::vector<fs::path> hub_snapshots(const fs::path& folder) {
  std::vector<fs::path> snapshots;
  if (!is_folder(folder / "snapshots")) return snapshots;
  for (const auto& [revision, commit] : revisions_of(folder)) {
    fs::path snapshot = folder / "snapshots" / commit;
    const bool known = std::find(snapshots.begin(), snapshots.end(), snapshot) != snapshots.end();
    if (!known && is_folder(snapshot)) snapshots.push_back(std::move(snapshot));
  }
  return snapshots;
}

std::string checkpoint_name(const fs::path& path) {
  const fs::path whole = absolute_path(path);
  std::string last = whole.filename().string();
  if (whole.parent_path().filename() != "snapshots") return last;
  std::string best;
  for (const auto& [revision, commit] : revisions_of(whole.parent_path().parent_path())) {
    // `main` moves, so any other name is more informative.
    if (commit == last && (best.empty() || best == "main")) best = revision;
  }
  return best.empty() ? last : best;
}

}  // namespace wishart::checkpoint
