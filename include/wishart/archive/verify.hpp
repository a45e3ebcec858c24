#pragma once

/// @file
/// Is what an archive holds still what was written?

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::archive {

/// How a file stands.
enum class Standing : std::uint8_t {
  whole,       ///< all that was looked at is right
  unsealed,    ///< the seal is gone, but what the archive keeps is as written, by its hashes
  changed,     ///< something that the archive keeps is not as written
  damaged,     ///< it is not what was written; restore it or scan again
  unreadable,  ///< the system does not give its bytes, which says nothing about what they are
  foreign,     ///< no archive, or one of a newer program: not for this program to judge
};

/// What came of looking at one file.
struct Verdict {
  std::filesystem::path file;
  Standing standing = Standing::whole;
  bool sealed = false;          ///< the seal over all bytes is there, and right
  bool announced = false;       ///< the file says that it was sealed when it was written
  bool contradictory = false;   ///< its numbers contradict each other
  std::int64_t num_layers = 0;  ///< 0 if it could not be read
  std::int64_t size_bytes = 0;
  std::vector<std::string> findings;  ///< what is wrong, a sentence each; empty if whole
};

/// Looks at all of one file: the seal over its bytes, the schema, the checksum of every dataset,
/// the hashes of all values, and `contradictions`. Never throws for what is wrong with the file.
[[nodiscard]] Verdict verify_file(const std::filesystem::path& file);

/// The same for `folder/index.h5`, which is there. What is wrong with it is mended by update_index.
[[nodiscard]] Verdict verify_index(const std::filesystem::path& folder);

/// What a record says against itself: numbers of values that do not fit the shape, singular values
/// that are negative, not finite or out of order, a sum of their squares that is not the stored sum
/// of squares of the elements, keys that occur twice, counts that do not fit. Empty if nothing.
[[nodiscard]] std::vector<std::string> contradictions(const CheckpointRecord& record);

/// Writes a file that is `unsealed` or `changed` again as it is now, in one step, with the hashes
/// and the seal of what it holds now. The provenance of each of its checkpoints tells so, and what
/// was not as written. What is no part of an archive, such as attributes that were added, goes.
/// @throws Error with Blame::input if it cannot be read, Blame::resource if it cannot be written
void reseal(const std::filesystem::path& file);

/// Takes a damaged file out of the archive: renames it to `<name>.damaged`, so that the next scan
/// computes the checkpoint again and nothing is lost that a person might still want.
/// @return the new path
/// @throws Error with Blame::resource if it cannot be renamed
std::filesystem::path set_aside(const std::filesystem::path& file);

/// Temporary files in `folder` that killed runs have left. They are no part of the archive.
[[nodiscard]] std::vector<std::filesystem::path> leftovers(const std::filesystem::path& folder);

}  // namespace wishart::archive
