#pragma once

/// @file
/// The content of a checkpoint below a group: the root of its file, or its group in a packed file.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/record/checkpoint_record.hpp"

#include "content_hashes.hpp"
#include "hdf5_handle.hpp"

namespace wishart::archive {

/// A file opened for reading.
/// @throws ForeignFile if it is not HDF5
[[nodiscard]] Handle opened_file(const Place& place, const std::filesystem::path& file);

/// A checkpoint opened for reading: the root of its own file, or its group in a packed one.
struct OpenCheckpoint {
  Place place;
  Handle group;
};
/// @param path  an archive file, or `packed/<id>.h5`
[[nodiscard]] OpenCheckpoint opened_checkpoint(const std::filesystem::path& path);

/// A packed file.
struct OpenPacked {
  Place place;
  Handle root;
  Handle group;        ///< of its checkpoints
  ContentCheck check;  ///< for its root
};
/// @throws Error with Blame::input if the file is not a packed archive
[[nodiscard]] OpenPacked opened_packed(const std::filesystem::path& packed);
/// The ids in it, in natural order. If they are not those that were packed, `check` records it.
[[nodiscard]] std::vector<std::string> members(const OpenPacked& packed, ContentCheck& check);
/// The same, but a difference is an error.
/// @throws Error with Blame::input if the list of checkpoints is not as written
[[nodiscard]] std::vector<std::string> members(const OpenPacked& packed);
[[nodiscard]] OpenCheckpoint opened_member(const OpenPacked& packed, const std::string& id);
/// The rows of its index; none if it was packed by an older version. If they are not those that
/// were written, `check` records it.
/// @throws Error with Blame::input if they are missing or damaged
[[nodiscard]] std::vector<IndexRow> index_of(const OpenPacked& packed, ContentCheck& check);

/// The table of correlation traps, which not every checkpoint has.
inline constexpr const char* kTraps = "traps";

/// Writes the attributes and datasets of a record below `location`, and their hashes.
/// @throws Error, as write_archive
void write_content(const Place& place, hid_t location, const CheckpointRecord& record,
                   const ChunkFilter& filter);

/// Reads what is there. `check` is set to that of the checkpoint, and records what is not as
/// written.
[[nodiscard]] CheckpointRecord read_checkpoint(const OpenCheckpoint& open, Parts parts,
                                               ContentCheck& check);
/// The same, but a difference is an error.
/// @throws Error with Blame::input if something is not as written
[[nodiscard]] CheckpointRecord read_checkpoint(const OpenCheckpoint& open, Parts parts);
[[nodiscard]] CheckpointRecord read_checkpoint(const OpenCheckpoint& open,
                                               const ChooseLayers& choose);

/// A group without time stamps.
[[nodiscard]] Handle new_group(const Place& file, hid_t location, const std::string& name);

/// The links of `folder/index.h5` that do not lead to the file of their checkpoint beside it, as
/// sentences. wishart follows none of them; other programs do.
/// @throws Error with Blame::input if the index cannot be read
[[nodiscard]] std::vector<std::string> stray_links(const std::filesystem::path& folder);

/// Writes a packed file of the checkpoints `ids`, which are in natural order, atomically.
/// @param before  as for write_archive
void write_packed(const std::filesystem::path& target, const std::vector<std::string>& ids,
                  const std::function<CheckpointRecord(const std::string&)>& record_of,
                  const BeforeReplacing& before = {});

/// Checks what write_archive requires of a record.
void check_record(const CheckpointRecord& record);

/// Closes `file`, seals its bytes and writes them to `path` atomically.
class MemoryFile;
void write_sealed(const Place& place, MemoryFile& file, const std::filesystem::path& path,
                  const BeforeReplacing& before = {});

}  // namespace wishart::archive
