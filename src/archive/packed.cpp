#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "wishart/archive/index.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/system_failure.hpp"
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

constexpr const char* kGroup = "checkpoints";

/// The name of the list of checkpoints in the hashes of the root.
constexpr const char* kMembers = "/checkpoints";

/// The hash of the ids in natural order, each followed by a line feed.
std::string members_hash(const std::vector<std::string>& ids) {
  return hash_hex(join(ids, "\n") + "\n");
}

void refuse_existing(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) {
    throw Error(Blame::usage, shown(path) + ": already exists. Choose another name, or remove it");
  }
}

}  // namespace

OpenPacked opened_packed(const std::filesystem::path& packed) {
  const Place place(Place::Access::reading, shown(packed));
  Handle root = opened_file(place, packed);
  ContentCheck check = check_kind(place, root.get(), kPackedKind);
  Handle group = opened_group(place.at(kMembers), root.get(), kGroup);
  return {place, std::move(root), std::move(group), std::move(check)};
}

std::vector<std::string> members(const OpenPacked& packed, ContentCheck& check) {
  std::vector<std::string> names = names_in(packed.place, packed.group.get());
  for (const std::string& id : names) {
    // Ids become file names, so they must be valid.
    if (!is_checkpoint_id(id)) {
      packed.place.refuse("holds a checkpoint '" + printable(id) + "', which is not a valid id");
    }
  }
  std::sort(names.begin(), names.end(), natural_less);
  check = packed.check;
  if (!check.matches(kMembers, members_hash(names))) {
    check.differ(kMembers, "are not the checkpoints that were packed");
  }
  return names;
}

std::vector<std::string> members(const OpenPacked& packed) {
  ContentCheck check;
  std::vector<std::string> names = members(packed, check);
  check.refuse_differences(
      packed.place,
      std::string("Restore the file, or scan its checkpoints into a folder again") + kIfWanted);
  return names;
}

OpenCheckpoint opened_member(const OpenPacked& packed, const std::string& id) {
  const Place place = packed.place.at_member(std::string("/") + kGroup + "/" + id);
  return {place, opened_group(place, packed.group.get(), id)};
}

std::vector<IndexRow> index_of(const OpenPacked& packed, ContentCheck& check) {
  if (!check.expects(std::string("/") + kIndexTable)) return {};
  return read_table<IndexRow>(packed.place, packed.root.get(), kIndexTable, check);
}

bool is_packed(const std::filesystem::path& file) {
  const QuietHdf5 quiet;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) return false;
  try {
    (void)opened_packed(file);
    return true;
  } catch (const Error&) {
    return false;  // the error is reported when the file is read
  }
}

void check_is_folder(const std::filesystem::path& archive) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(archive, ignored)) return;
  throw Error(
      Blame::usage,
      shown(archive) + (is_packed(archive)
                            ? ": is a packed archive, which cannot be changed. Unpack it first: "
                              "wishart merge FILE --unpack DIR"
                            : ": is a file, expected the folder of an archive"));
}

OpenCheckpoint opened_checkpoint(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.parent_path();
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(parent, ignored)) {
    const Place place(Place::Access::reading, shown(path));
    return {place, opened_file(place, path)};
  }
  return opened_member(opened_packed(parent), path.stem().string());
}

void write_packed(const std::filesystem::path& target, const std::vector<std::string>& ids,
                  const std::function<CheckpointRecord(const std::string&)>& record_of,
                  const BeforeReplacing& before) {
  const Place place(Place::Access::writing, shown(target));
  MemoryFile file(place, target);
  ContentHashes hashes;
  std::vector<IndexRow> rows;
  write_kind(place, file.get(), kPackedKind, hashes);
  {
    const Handle group = new_group(place, file.get(), kGroup);
    for (const std::string& id : ids) {
      const CheckpointRecord record = record_of(id);
      check_record(record);
      IndexRow& row = rows.emplace_back();
      row.checkpoint_id = id;
      describe_in(row, record.provenance, record.summary);
      const Handle one = new_group(place, group.get(), id);
      write_content(place.at(std::string("/") + kGroup + "/" + id), one.get(), record,
                    filter_here());
    }
  }
  place_rows(rows);
  write_table(place, file.get(), kIndexTable, rows, hashes, filter_here());
  hashes.add(kMembers, members_hash(ids));
  write_hashes(place, file.get(), hashes);
  write_sealed(place, file, target, before);
}

std::int64_t pack_archive(const std::filesystem::path& folder,
                          const std::filesystem::path& target) {
  const QuietHdf5 quiet;
  check_is_folder(folder);
  refuse_existing(target);
  const std::vector<std::string> ids = list_checkpoints(folder);
  if (ids.empty()) {
    throw Error(Blame::input,
                shown(folder) + ": holds no archive. Run `wishart scan` into it first");
  }
  for (const std::string& id : ids) {
    if (!is_checkpoint_id(id)) {
      throw Error(Blame::input, shown(folder / (id + ".h5")) + ": '" + printable(id) +
                                    "' is not a valid id, which each checkpoint of a packed file "
                                    "needs. Rename it: letters, digits and ._+=-, no dot at the "
                                    "beginning");
    }
  }
  std::error_code ignored;
  const std::filesystem::path beside = target.has_parent_path() ? target.parent_path() : ".";
  if (std::filesystem::equivalent(beside, folder, ignored)) {
    throw Error(Blame::usage, shown(target) +
                                  ": is in the archive folder itself, where it would be taken for "
                                  "a checkpoint. Choose another folder");
  }
  write_packed(
      target, ids,
      [&](const std::string& id) {
        const std::filesystem::path member = folder / (id + ".h5");
        CheckpointRecord record = read_archive(member);
        check_own_id(member, record);
        return record;
      },
      [&] { refuse_existing(target); });
  return static_cast<std::int64_t>(ids.size());
}

Unpacked unpack_archive(const std::filesystem::path& packed, const std::filesystem::path& folder) {
  const QuietHdf5 quiet;
  const OpenPacked open = opened_packed(packed);
  const std::vector<std::string> ids = members(open);
  for (const std::string& id : ids) refuse_existing(folder / (id + ".h5"));
  prepare_folder(folder);
  Unpacked unpacked;
  for (const std::string& id : ids) {
    // Use the name of the packed file, which may have been renamed before packing.
    const std::string name = id + ".h5";
    std::optional<CheckpointRecord> record;
    try {
      record = read_checkpoint(opened_member(open, id), Parts::all);
      check_own_id(packed / name, *record);
    } catch (const SystemFailure&) {
      throw;  // says nothing about the file
    } catch (const Error& error) {
      if (error.blame() != Blame::input) throw;
      if (unpacked.left.empty()) unpacked.reason = error.what();
      unpacked.left.push_back(id);
      continue;
    }
    // Again right before the name is taken: a scan may have archived it meanwhile.
    replace_archive(folder / name, *record, filter_here(), [&] { refuse_existing(folder / name); });
    ++unpacked.checkpoints;
  }
  return unpacked;
}

}  // namespace wishart::archive
