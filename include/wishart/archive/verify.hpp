#pragma once

/// @file
/// Verifies that an archive still holds what was written.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::archive {

/// The state of a file.
enum class Standing : std::uint8_t {
  whole,       ///< all checks passed
  unsealed,    ///< the seal is gone, but all values match their hashes
  changed,     ///< a value or a dataset is not as written
  renamed,     ///< as written, but of another checkpoint than its name says
  damaged,     ///< the bytes are not as written: restore the file or scan again
  unreadable,  ///< the bytes could not be read, so their state is unknown
  foreign,     ///< not an archive, or one of a newer program, so it cannot be checked
};

/// `whole`, `unsealed`, `changed`, `renamed`, `damaged`, `unreadable`, `foreign`.
[[nodiscard]] const char* standing_name(Standing standing) noexcept;

/// The result of verifying one file.
struct Verdict {
  std::filesystem::path file;
  Standing standing = Standing::whole;
  bool sealed = false;          ///< there is a seal, and it matches all bytes
  bool announced = false;       ///< the file says that it was sealed when it was written
  bool contradictory = false;   ///< its numbers contradict each other
  bool packed = false;          ///< several checkpoints in one file
  std::int64_t num_layers = 0;  ///< 0 if the file could not be read
  std::int64_t size_bytes = 0;
  Blame blame = Blame::input;         ///< who has to act if it is not whole
  std::vector<std::string> findings;  ///< what is wrong, one sentence each; empty if whole
};

/// All but the file, which a process that verifies it for another does not choose.
template <class F>
void visit_fields(Verdict& v, F&& f) {
  f(v.standing), f(v.sealed), f(v.announced), f(v.contradictory), f(v.packed), f(v.num_layers);
  f(v.size_bytes), f(v.blame), f(v.findings);
}

/// Verifies the whole file: the seal over its bytes, the schema, the checksum of every dataset, the
/// hashes of all values, and `contradictions`. Faults of the file do not throw.
[[nodiscard]] Verdict verify_file(const std::filesystem::path& file);

/// The part, from 1 to `parts`, that a checkpoint is in when an archive is verified in parts. It
/// depends on the id alone, so that other checkpoints may come and go between two parts. Of many
/// ids each part has about as many.
[[nodiscard]] std::int64_t part_of(std::string_view checkpoint_id, std::int64_t parts);

/// Verifies `folder/index.h5`, which must exist. update_index repairs any fault.
[[nodiscard]] Verdict verify_index(const std::filesystem::path& folder);

/// Contradictions in a record: numbers of values that do not fit the shape; singular values that
/// are negative, not finite or out of order; a sum of their squares that differs from the stored
/// sum of squares of the elements; keys that occur twice; wrong counts. Empty if there are none.
[[nodiscard]] std::vector<std::string> contradictions(const CheckpointRecord& record);

/// Rewrites a file that is `unsealed` or `changed` with its present content, with new hashes and a
/// new seal, atomically. The provenance of each checkpoint records this, and what was not as
/// written. Anything that is not part of an archive, such as added attributes, is dropped.
/// @param before  called right before the file is replaced, as for write_archive
/// @throws Error with Blame::input if it cannot be read, Blame::resource if it cannot be written
void reseal(const std::filesystem::path& file, const std::function<void()>& before = {});

/// Renames a damaged file to `<name>.damaged`, so that the next scan computes the checkpoint again
/// while the old file is kept. If there is such a file, it is kept too: the name is then
/// `<name>.damaged-2`, or the next number that is free.
/// @pre its lock is held, or no scan can write a file of this name
/// @return the new path
/// @throws Error with Blame::resource if it cannot be renamed
std::filesystem::path set_aside(const std::filesystem::path& file);

/// Temporary files in `folder` that killed runs have left. They are not part of the archive.
/// @throws Error if the folder cannot be listed
[[nodiscard]] std::vector<std::filesystem::path> leftovers(const std::filesystem::path& folder);

}  // namespace wishart::archive
