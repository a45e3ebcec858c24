#pragma once

/// @file
/// The only exception type that leaves a module. It says who has to act.

#include <stdexcept>
#include <string>

namespace wishart {

/// Who has to act on an error; the value is also the exit code of the program.
enum class Blame : int {
  usage = 2,         ///< the command line or the job file
  input = 3,         ///< a checkpoint, an archive
  resource = 4,      ///< memory, disk, permissions, the number of ranks
  numerics = 5,      ///< a solver did not converge
  bug = 70,          ///< a bug in wishart
  interrupted = 75,  ///< a signal or a time limit; the same command resumes the job
};

/// An error, with the party that has to act on it.
///
/// The text names the object, what is wrong, what was expected and what was found, and what to do:
/// `model.safetensors: the header promises 120 bytes of data, the file has 96. Copy it again.`
/// Names that come from a file go through `printable` first.
class Error : public std::runtime_error {
public:
  Error(Blame blame, const std::string& text) : std::runtime_error(text), blame_(blame) {}
  [[nodiscard]] Blame blame() const noexcept { return blame_; }

private:
  Blame blame_;
};

/// The blame: an Error's own, `resource` for bad_alloc and system_error, `bug` for any other.
[[nodiscard]] Blame blame_of(const std::exception& error) noexcept;

/// The text of an exception, then the text of each exception nested in it, one per line.
[[nodiscard]] std::string describe(const std::exception& error);

/// Throws Error with Blame::bug and `text` if `condition` is false.
void require(bool condition, const char* text);

}  // namespace wishart
