#include "wishart/archive/index.hpp"

#include <algorithm>
#include <map>
#include <system_error>

#include "wishart/archive/archive.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/text.hpp"

#include "content.hpp"
#include "disk.hpp"
#include "index_row.hpp"
#include "memory_file.hpp"
#include "provenance.hpp"
#include "stored_object.hpp"
#include "table.hpp"

namespace wishart::archive {
namespace {

constexpr const char* kIndexFile = "index.h5";
constexpr const char* kLinks = "checkpoints";

/// A row with the size and modification time of the file; the rest is filled in by read_row.
IndexRow found_row(const std::filesystem::path& folder, const std::string& id) {
  IndexRow row;
  row.checkpoint_id = id;
  try {
    const InputFile file(folder / (id + ".h5"));
    row.size_bytes = file.size_bytes();
    row.mtime_ns = file.mtime_ns();
  } catch (const Error& error) {
    row.standing = error.what();
  }
  return row;
}

void read_row(IndexRow& row, const std::filesystem::path& path) {
  try {
    const Place place(Place::Access::reading, shown(path));
    const Handle root = opened_file(place, path);
    ContentCheck check;
    const Provenance p = read_attributes(place, root.get(), check);
    const auto summary = read_table<SummaryRow>(place, root.get(), "summary", check);
    check.refuse_differences(place);
    describe_in(row, p, summary);
  } catch (const Error& error) {
    row.standing = error.what();
  }
}

/// True if the row was made before the index had all columns: `fit` is the latest of them.
bool is_of_old_schema(const IndexRow& row) { return row.standing == kWhole && row.fit.empty(); }

/// The rows of the old index by id; none if there is no readable index.
std::map<std::string, IndexRow> old_rows(const std::filesystem::path& folder) {
  std::map<std::string, IndexRow> rows;
  try {
    for (IndexRow& row : read_index(folder)) rows.emplace(row.checkpoint_id, std::move(row));
  } catch (const Error&) {
    // The index can always be rebuilt from the files, so a bad one is replaced.
  }
  return rows;
}

void write_index(const std::filesystem::path& path, const std::vector<IndexRow>& rows) {
  const Place place(Place::Access::writing, shown(path));
  MemoryFile file(place, path);
  ContentHashes hashes;
  write_kind(place, file.get(), kIndexKind, hashes);
  write_table(place, file.get(), kIndexTable, rows, hashes, filter_here());
  write_hashes(place, file.get(), hashes);
  {
    const Handle links = new_group(place, file.get(), kLinks);
    for (const IndexRow& row : rows) {
      place.check(H5Lcreate_external((row.checkpoint_id + ".h5").c_str(), "/", links.get(),
                                     row.checkpoint_id.c_str(), H5P_DEFAULT, H5P_DEFAULT));
    }
  }
  write_sealed(place, file, path);
}

/// The most links that are named.
constexpr std::size_t kNamedLinks = 20;

/// Where a link leads that does not lead to the file of its checkpoint beside the index; empty if
/// it does.
std::string wrong_end(hid_t group, const std::string& name, const H5L_info_t& info) {
  if (info.type != H5L_TYPE_EXTERNAL) return "is no link to a file";
  std::vector<char> value(info.u.val_size);
  unsigned flags = 0;
  const char* file = nullptr;
  const char* object = nullptr;
  if (H5Lget_val(group, name.c_str(), value.data(), value.size(), H5P_DEFAULT) < 0 ||
      H5Lunpack_elink_val(value.data(), value.size(), &flags, &file, &object) < 0) {
    return "is no link to a file";
  }
  if (is_checkpoint_id(name) && file == name + ".h5" && object == std::string_view("/")) return {};
  return "leads to '" + printable(object) + "' of '" + printable(file) + "'";
}

}  // namespace

IndexUpdate update_index(const std::filesystem::path& folder, bool rebuild) {
  const QuietHdf5 quiet;
  check_is_folder(folder);
  std::map<std::string, IndexRow> old;
  if (!rebuild) old = old_rows(folder);
  IndexUpdate update;
  std::vector<IndexRow> rows;
  for (const std::string& id : list_checkpoints(folder)) {
    IndexRow row = found_row(folder, id);
    const auto known = old.find(id);
    if (known != old.end() && known->second.size_bytes == row.size_bytes &&
        known->second.mtime_ns == row.mtime_ns && row.standing.empty() &&
        known->second.standing == kWhole && !is_of_old_schema(known->second)) {
      rows.push_back(std::move(known->second));
      continue;
    }
    if (row.standing.empty()) read_row(row, folder / (id + ".h5"));
    ++update.read;
    if (row.standing != kWhole) update.unreadable.push_back(row.standing);
    rows.push_back(std::move(row));
  }
  update.checkpoints = static_cast<std::int64_t>(rows.size());
  std::error_code ignored;
  if (rows.empty() && !std::filesystem::exists(folder / kIndexFile, ignored)) return update;
  place_rows(rows);
  write_index(folder / kIndexFile, rows);
  return update;
}

std::vector<std::string> stray_links(const std::filesystem::path& folder) {
  const QuietHdf5 quiet;
  const std::filesystem::path path = folder / kIndexFile;
  const Place place(Place::Access::reading, shown(path));
  const Handle root = opened_file(place, path);
  const Handle links = opened_group(place.at(std::string("/") + kLinks), root.get(), kLinks);
  std::vector<std::string> stray;
  each_link(place, links.get(), [&](const std::string& name, const H5L_info_t& info) {
    const std::string found = wrong_end(links.get(), name, info);
    if (found.empty()) return true;
    stray.push_back(std::string("/") + kLinks + "/" + printable(name) + " " + found +
                    ", expected the root of " + printable(name + ".h5") + " in the same folder");
    return stray.size() < kNamedLinks;
  });
  return stray;
}

std::vector<IndexRow> read_index(const std::filesystem::path& archive) {
  const QuietHdf5 quiet;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(archive, ignored)) {
    const OpenPacked packed = opened_packed(archive);
    ContentCheck check = packed.check;
    std::vector<IndexRow> rows = index_of(packed, check);
    check.refuse_differences(packed.place, "Unpack it, and pack the folder again");
    return rows;
  }
  const std::filesystem::path path = archive / kIndexFile;
  const Place place(Place::Access::reading, shown(path));
  if (std::filesystem::is_symlink(path, ignored)) {
    place.refuse("is a link, expected the index itself. The next update replaces it");
  }
  const Handle root = opened_file(place, path);
  ContentCheck check = check_kind(place, root.get(), kIndexKind);
  std::vector<IndexRow> rows = read_table<IndexRow>(place, root.get(), kIndexTable, check);
  check.refuse_differences(place, "The next update rebuilds it");
  return rows;
}

}  // namespace wishart::archive
