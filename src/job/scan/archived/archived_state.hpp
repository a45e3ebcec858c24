#pragma once

/// @file
/// Tells without a scan whether the archive holds a checkpoint as it is now.

#include <cstdint>
#include <filesystem>
#include <string>

#include "wishart/job/options.hpp"

namespace wishart::job {

/// What a scan would do about a checkpoint whose id the archive has.
enum class ArchivedState : std::uint8_t {
  archived,    ///< nothing: all its numbers are there
  incomplete,  ///< compute some again: matrices failed for a cause that may pass
  changed,     ///< refuse it, unless they are to be replaced: the numbers are of other files
  another,     ///< refuse it: the numbers are of another checkpoint of this name
  unreadable,  ///< fail: its files have changed and cannot be read now
};

/// The state, and in words what is missing or wrong; no words for `archived`.
struct ArchivedLook {
  ArchivedState state = ArchivedState::archived;
  std::string detail;
};

/// Compares an archive file with the checkpoint at `path`, which is absolute, by the rules of
/// `look_up`, whatever options its spectra were computed with. Opens the checkpoint only if one of
/// the files that were read then has another size or date now.
/// @throws Error if this is to be blamed neither on the checkpoint nor on the archive file
[[nodiscard]] ArchivedLook look_at_archived(const std::filesystem::path& file,
                                            const std::filesystem::path& path,
                                            const SelectionArguments& selection);

}  // namespace wishart::job
