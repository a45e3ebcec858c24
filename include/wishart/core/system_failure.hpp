#pragma once

/// @file
/// Failures of the system, as distinct from faults of a file; and looking whether something is
/// there.

#include <cerrno>
#include <filesystem>
#include <string>

#include "wishart/core/error.hpp"

namespace wishart {

/// A disk, a server or the memory failed, so nothing is known about the file: the same call may
/// succeed another time. What is left out if a file is broken must not be left out for this.
class SystemFailure : public Error {
public:
  using Error::Error;
};

/// Who has to act on the errno of a call that reads: `resource` for what the machine lacks, else
/// `input`, whoever has the file.
[[nodiscard]] Blame blame_of_code(int code) noexcept;

/// Throws `text: reason` for the errno of a call that reads: a SystemFailure, or a plain Error if
/// there is no such file, or none that this user may read.
/// @throws Error with blame_of_code
[[noreturn]] void throw_unread(const std::string& text, int code);

/// True if there is a file or folder of this name, after following links. False for names that
/// cannot be reached, as in a folder that this user may not enter.
/// @throws SystemFailure if the system cannot tell
[[nodiscard]] bool is_there(const std::filesystem::path& path);
/// True if there is a folder of this name, after following links.
/// @throws SystemFailure if the system cannot tell
[[nodiscard]] bool is_folder(const std::filesystem::path& path);
/// True if there is a regular file of this name, after following links.
/// @throws SystemFailure if the system cannot tell
[[nodiscard]] bool is_file(const std::filesystem::path& path);
/// True if the name is taken, if only by a broken link.
/// @throws SystemFailure if the system cannot tell
[[nodiscard]] bool is_taken(const std::filesystem::path& path);
/// True for a link that leads nowhere.
/// @throws SystemFailure if the system cannot tell
[[nodiscard]] bool is_dangling(const std::filesystem::path& path);
/// True if the name is taken. For files that may be there or not: what a broken link led to is
/// lost, which must not pass for a file that never was.
/// @throws Error with Blame::input for a broken link; SystemFailure if the system cannot tell
[[nodiscard]] bool is_given(const std::filesystem::path& path);

/// What `call` returns, called again as long as a signal interrupts it.
template <class Call>
[[nodiscard]] auto uninterrupted(const Call& call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

}  // namespace wishart
