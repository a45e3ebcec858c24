#pragma once

/// @file
/// Which checkpoint of an archive a command works on if the user does not name one.

#include <string>

#include "wishart/archive/reader.hpp"

namespace wishart::archive {

/// Words that can be given instead of an id.
inline constexpr const char* kLatest = "latest";
inline constexpr const char* kPrevious = "previous";

/// A checkpoint of an archive, and how it was found.
struct Choice {
  std::string id;
  std::string note;  ///< a sentence that says what was chosen; empty if the id was given
};

/// The checkpoint that `word` selects:
/// - an id of the archive: that checkpoint, even if the id is `latest` or `previous`;
/// - an empty word: the only checkpoint, or the latest;
/// - `latest`: the last in the order of training (Reader::run);
/// - `previous`: the one before `of`, or before the latest if `of` is empty.
/// @pre `of` is empty or an id of the archive
/// @throws Error with Blame::usage if the archive has no such id, or no checkpoint has a step; with
///   Blame::input if there is no previous one, or if a file that might be the latest is unreadable
[[nodiscard]] Choice choose(const Reader& archive, const std::string& word,
                            const std::string& of = "");

/// The checkpoint before another, of those whose numbers mean the same.
struct Previous {
  std::string id;       ///< empty if there is none
  std::string missing;  ///< a sentence that says why there is none
};

/// @pre `id` is one of the archive
/// @throws Error with Blame::input if a file that might be the previous one cannot be read
[[nodiscard]] Previous previous_of(const Reader& archive, const std::string& id);

}  // namespace wishart::archive
