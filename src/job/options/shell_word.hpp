#pragma once

/// @file
/// Words of a command that a report tells its reader to run.

#include <string>
#include <string_view>

namespace wishart::job {

/// A word as a POSIX shell reads it back: as it is if no character of it means anything to a shell,
/// else in single quotes. What cannot be printed is escaped as in printable(), whatever a shell
/// makes of it.
[[nodiscard]] std::string shell_word(std::string_view word);

/// The same for a command that bash runs: every byte is as in `word`. What cannot be printed is
/// written as `$'\\x1b'`.
[[nodiscard]] std::string shell_argument(std::string_view word);

}  // namespace wishart::job
