#include <algorithm>
#include <map>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/checkpoint/history.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/step_name.hpp"
#include "wishart/record/training_place.hpp"

#include "bytes/paths.hpp"
#include "folder/completeness.hpp"
#include "folder/hub_cache.hpp"
#include "folder/side_files.hpp"
#include "folder/weights_folder.hpp"
#include "formats/common/not_read.hpp"
#include "formats/formats.hpp"

namespace wishart::checkpoint {
namespace {

namespace fs = std::filesystem;
using Kind = FolderContent::Kind;
using Names = std::vector<std::string>;

/// What `path` holds, by names; `nothing` if it is no folder or cannot be listed.
WeightsFolder content_of(const fs::path& path) {
  if (!is_folder(path)) return {path, {}};
  try {
    return weights_in(path);
  } catch (const SystemFailure&) {
    throw;
  } catch (const Error&) {
    return {path, {}};
  }
}

/// A checkpoint of a history, with what it is ordered by.
struct Found {
  fs::path path;
  TrainingPlace place;
};

Found examined(fs::path path) {
  const std::string name = checkpoint_name(path);
  std::int64_t step = parse_step_name(name).step;
  if (step < 0) {
    std::vector<std::string> warnings;  // told again when the checkpoint is opened
    step = read_training_state(path, name, warnings).step;
  }
  return {std::move(path), training_place(step, name)};
}

/// The folders of `names` without links to another of them, such as `latest`.
std::vector<fs::path> distinct_folders(const fs::path& parent, std::vector<std::string> names) {
  std::sort(names.begin(), names.end(), natural_less);
  std::error_code status;
  std::stable_partition(names.begin(), names.end(), [&](const std::string& name) {
    return !fs::is_symlink(parent / name, status);
  });
  std::map<fs::path, fs::path> by_place;
  for (const std::string& name : names) {
    const fs::path folder = parent / name;
    if (name.starts_with('.') || !is_folder(folder)) continue;
    const fs::path place = fs::canonical(folder, status);
    by_place.emplace(status ? folder : place, folder);
  }
  std::vector<fs::path> folders;
  folders.reserve(by_place.size());
  for (auto& [place, folder] : by_place) folders.push_back(std::move(folder));
  std::sort(folders.begin(), folders.end(), [](const fs::path& a, const fs::path& b) {
    return natural_less(a.string(), b.string());
  });
  return folders;
}

/// A file of weights that is still being written under another name, as by `wishart synth` and by
/// downloads; empty: none.
std::string half_written(const fs::path& folder) {
  constexpr std::string_view kPart = ".part";
  for (const std::string& name : list_folder(folder)) {
    if (!name.ends_with(kPart)) continue;
    if (format_of_file(name.substr(0, name.size() - kPart.size())) != nullptr) return name;
  }
  return {};
}

/// The checkpoints among some folders, and those in formats that are not read.
struct Looked {
  std::vector<Found> found;
  std::vector<fs::path> unsupported;
};

Looked look_into(const std::vector<fs::path>& folders, History& history) {
  Looked looked;
  const bool have_state = std::any_of(folders.begin(), folders.end(), [&](const fs::path& folder) {
    return folder.filename().string().starts_with("checkpoint-") &&
           is_there(folder / "trainer_state.json");
  });
  for (const fs::path& folder : folders) {
    const WeightsFolder weights = content_of(folder);
    const FolderContent& content = weights.content;
    if (is_optimizer_folder(folder.filename().string())) {
      if (content.is_readable()) {
        history.unread.push_back(
            printable(folder.string()) +
            ": not read, as its name is that of an optimizer's states. Name it "
            "to scan it");
      }
      continue;
    }
    std::string missing = missing_part(folder, weights, have_state);
    if (!missing.empty()) {
      history.unfinished.push_back({folder, std::move(missing)});
    } else if (content.is_readable() && !is_archive(weights.path, content.weights)) {
      looked.found.push_back(examined(folder));
    } else if (content.kind == Kind::unsupported) {
      looked.unsupported.push_back(folder);
      if (!history.unsupported.empty()) continue;
      history.unsupported = printable(folder.filename().string()) + "/" + content.found;
    }
  }
  return looked;
}

/// @param place  the folder that has `own`, the weights of `path`
/// @throws Error with Blame::input for an archive of wishart
void refuse_archive(const fs::path& path, const fs::path& place, const FolderContent& own) {
  const bool archive = is_folder(path) ? is_archive(place, own.weights)
                                       : is_archive(path.parent_path(), {path.filename().string()});
  if (archive) throw Error(Blame::input, printable(path.string()) + std::string(kIsArchive));
}

/// Takes the models that a pipeline of diffusers consists of out of `found`: they are no steps of
/// one training. Checkpoints of a run, which have a step, may lie beside them.
/// @throws Error with Blame::input if there are no others
void leave_parts_of_pipeline(const fs::path& folder, std::vector<Found>& found, History& history) {
  if (!is_there(folder / "model_index.json")) return;
  const auto parts = std::stable_partition(found.begin(), found.end(),
                                           [](const Found& one) { return one.place.step >= 0; });
  if (parts == found.begin() && found.size() == 1) return;  // nothing else is meant
  std::string names;
  for (auto part = parts; part != found.end(); ++part) {
    names += (names.empty() ? "" : ", ") + printable(part->path.filename().string());
    history.unread.push_back(printable(part->path.string()) +
                             ": not read, as it is a part of a pipeline of diffusers. Name it to "
                             "scan it");
  }
  if (parts == found.begin() && parts != found.end()) {
    throw Error(Blame::input, printable(folder.string()) +
                                  ": is a pipeline of diffusers, expected one model. Name its "
                                  "parts, which are models: " +
                                  names);
  }
  found.erase(parts, found.end());
}

}  // namespace

bool looks_like_checkpoint(const fs::path& path) {
  const fs::path whole = absolute_path(path);
  if (is_folder(whole)) return content_of(whole).content.is_readable();
  const std::string name = whole.filename().string();
  return format_of_file(name) != nullptr && !is_not_read(name) && is_there(whole);
}

std::vector<fs::path> find_checkpoints(const fs::path& path) {
  std::vector<std::string> messages;
  return find_checkpoints(path, messages);
}

History history_at(const fs::path& path) {
  const fs::path whole = absolute_path(path);
  const auto [place, own] = content_of(whole);
  refuse_archive(whole, place, own);
  History history;
  if (looks_like_checkpoint(whole) && !own.loose) {
    history.checkpoints = {whole};
    return history;
  }
  if (!is_folder(whole)) return history;
  history.unsupported = own.found;
  // Folders beside weights that are still being written are not the checkpoints of a run.
  if (const std::string part = half_written(whole); own.kind == Kind::nothing && !part.empty()) {
    history.unsupported = printable(part) + ", which is still being written";
    return history;
  }
  std::vector<fs::path> folders = hub_snapshots(whole);
  if (folders.empty()) folders = distinct_folders(whole, list_folder(whole));
  auto [found, unsupported] = look_into(folders, history);
  leave_parts_of_pipeline(whole, found, history);
  // Files of PyTorch beside folders that are checkpoints are copies of those, or states.
  if (found.empty() && own.kind == Kind::files) {
    history.checkpoints = {whole};
    return history;
  }
  for (const fs::path& folder : unsupported) {
    if (found.empty() || parse_step_name(folder.filename().string()).step < 0) continue;
    history.unread.push_back(printable(folder.string()) +
                             ": not read, as its weights are in a format that is not supported. "
                             "Name it to see which");
  }
  for (const std::string& name : own.weights) {
    if (found.empty() || own.kind != Kind::several) break;
    history.unread.push_back(printable((whole / name).string()) +
                             ": not read, as the folder has checkpoints in folders of their own");
  }
  if (found.empty() && own.kind == Kind::several) {
    for (const std::string& name : own.weights) found.push_back(examined(whole / name));
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return comes_before(a.place, b.place); });
  history.checkpoints.reserve(found.size());
  for (Found& one : found) history.checkpoints.push_back(std::move(one.path));
  history.in_parts = !history.checkpoints.empty() || !history.unfinished.empty();
  return history;
}

std::vector<fs::path> find_checkpoints(const fs::path& path, std::vector<std::string>& messages) {
  const fs::path whole = absolute_path(path);
  History history = history_at(whole);
  if (history.checkpoints.empty() && !is_folder(whole)) {
    static_cast<void>(open_checkpoint(whole));  // says what is wrong with it
  }
  for (const Unfinished& one : history.unfinished) {
    messages.push_back(printable(one.path.string()) + ": is not complete: " + one.missing +
                       ". It will be scanned by the next run once it is complete");
  }
  messages.insert(messages.end(), history.unread.begin(), history.unread.end());
  if (history.checkpoints.empty() && !history.unfinished.empty()) {
    const Unfinished& first = history.unfinished.front();
    const std::size_t more = history.unfinished.size() - 1;
    throw Error(Blame::input,
                printable(whole.string()) + ": expected a complete checkpoint, found " +
                    printable(first.path.filename().string()) + ", which is not: " + first.missing +
                    (more == 0 ? "" : "; and " + std::to_string(more) + " more like it") +
                    ". Run this again once one is complete");
  }
  if (history.checkpoints.empty()) {
    throw Error(Blame::input,
                printable(whole.string()) +
                    ": expected files of weights in this folder or in its folders, found " +
                    (history.unsupported.empty() ? "none" : history.unsupported));
  }
  return std::move(history.checkpoints);
}

}  // namespace wishart::checkpoint
