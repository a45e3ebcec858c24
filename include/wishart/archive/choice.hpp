#pragma once

/// @file
/// Which checkpoint of an archive is meant, where the user may leave it open.

#include <string>

#include "wishart/archive/reader.hpp"

namespace wishart::archive {

/// The words that stand for an id.
inline constexpr const char* kLatest = "latest";
inline constexpr const char* kPrevious = "previous";

/// A checkpoint of an archive, and how it was found.
struct Choice {
  std::string id;
  std::string note;  ///< a sentence for people: what was taken; empty if the id was given
};

/// The checkpoint that `word` asks for. An id of the archive is taken first, also if it reads like
/// one of the words. Then: nothing, the only checkpoint or else the latest; `latest`, the last in
/// the order of training (Reader::run); `previous`, the one before `of`, or before the latest if
/// `of` is empty.
/// @pre `of` is empty or an id of the archive
/// @throws Error with Blame::usage if the archive has no such id, or none has a step; with
///   Blame::input if there is none before, or a file cannot be read that might be the latest
[[nodiscard]] Choice choose(const Reader& archive, const std::string& word,
                            const std::string& of = "");

/// The checkpoint before another.
struct Previous {
  std::string id;       ///< empty if there is none
  std::string missing;  ///< a sentence: why there is none
};

/// @pre `id` is one of the archive
/// @throws Error with Blame::input if a file cannot be read that might be the one
[[nodiscard]] Previous previous_of(const Reader& archive, const std::string& id);

}  // namespace wishart::archive
