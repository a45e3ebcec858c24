#include "scan/archived/archived_state.hpp"

#include <algorithm>

#include <sys/stat.h>

#include "wishart/archive/archive.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/ending.hpp"

#include "scan/archived/provenance.hpp"
#include "scan/archived/same_analysis.hpp"
#include "scan/archived/stored_spectrum.hpp"

namespace wishart::job {
namespace {

/// The most bytes of a reason to show, because it comes from a file.
constexpr std::size_t kMostReason = 500;

/// True if the file has the size and the date with which it was read.
bool is_as_read(const std::filesystem::path& root, const SourceFile& file) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  struct stat status {};
  if (::stat((root / file.name).c_str(), &status) != 0) return false;
  const std::int64_t mtime_ns =
      static_cast<std::int64_t>(status.st_mtim.tv_sec) * kSecond + status.st_mtim.tv_nsec;
  return status.st_size == file.size_bytes && mtime_ns == file.mtime_ns;
}

/// True if the files of the analysis, and of its base, need not be opened to see that they are
/// still the same. Files of a base are named by their full paths.
bool has_same_files(const std::filesystem::path& path, const CheckpointRecord& there,
                    const SelectionArguments& selection) {
  const std::filesystem::path& base = selection.base.empty() ? selection.with_base : selection.base;
  const std::string base_path =
      base.empty() ? "" : std::filesystem::absolute(base).lexically_normal().string();
  if (there.files.empty() || there.provenance.base_path != base_path) return false;
  std::error_code code;
  const bool folder = std::filesystem::is_directory(path, code);
  const std::filesystem::path root = folder ? path : path.parent_path();
  return std::all_of(there.files.begin(), there.files.end(),
                     [&](const SourceFile& file) { return is_as_read(root, file); });
}

/// What the rows say if the files are still the same.
ArchivedLook look_at_rows(const CheckpointRecord& there) {
  std::int64_t failed = 0;
  const LayerRow* first = nullptr;
  for (const LayerRow& row : there.layers) {
    if (is_lasting(row)) continue;
    if (first == nullptr) first = &row;
    ++failed;
  }
  if (first == nullptr) return {};
  return {ArchivedState::incomplete, std::to_string(failed) + " of " +
                                         plural(std::ssize(there.layers), "matrix", "matrices") +
                                         " failed, first " + printable(first->key) + ": " +
                                         printable(one_line(first->reason), kMostReason)};
}

/// What the files of the checkpoint say, which may be others.
ArchivedLook look_at_files(const std::filesystem::path& path, const CheckpointRecord& there,
                           const checkpoint::Catalogue& catalogue,
                           const SelectionArguments& selection) {
  ScanOptions options;
  options.selection = selection;
  Provenance here = started_provenance(path, catalogue, options);
  const Provenance& old = there.provenance;
  // How spectra are computed is for a scan to say.
  here.options = old.options;
  here.fit_version = old.fit_version;
  if (is_another_checkpoint(old, here)) {
    return {ArchivedState::another,
            "the archive has another checkpoint of this name, " + printable(old.checkpoint_path)};
  }
  const std::string why = why_another(old, here);
  if (why.empty()) return look_at_rows(there);
  const bool broken_off = only_files_changed(old, here) && !all_lasting(there.layers);
  return {broken_off ? ArchivedState::incomplete : ArchivedState::changed, one_line(why)};
}

}  // namespace

ArchivedLook look_at_archived(const std::filesystem::path& file, const std::filesystem::path& path,
                              const SelectionArguments& selection) {
  CheckpointRecord there;
  std::string damage;
  try {
    there = archive::read_archive(file, archive::Parts::without_spectra);
    if (has_same_files(path, there, selection)) return look_at_rows(there);
  } catch (const Error& error) {
    if (error.blame() != Blame::input) throw;
    damage = one_line(describe(error));
  }
  try {
    const checkpoint::Catalogue catalogue = checkpoint::open_checkpoint(
        path, {selection.base, selection.with_base, selection.variant, selection.allow_unknown});
    if (!damage.empty()) return {ArchivedState::incomplete, damage};
    return look_at_files(path, there, catalogue, selection);
  } catch (const Error& error) {
    if (error.blame() != Blame::input) throw;
    return {ArchivedState::unreadable, one_line(describe(error))};
  }
}

}  // namespace wishart::job
