#pragma once

/// @file
/// How a command ends: an exit code together with its reason.

#include <cstdint>
#include <exception>
#include <iosfwd>
#include <string>
#include <utility>

#include "wishart/core/error.hpp"

namespace wishart::job {

/// The exit code of a gate that failed.
inline constexpr int kGateFailed = 1;

/// Done, or an exit code together with the reason for it.
class Ending {
public:
  /// Done: exit code 0.
  Ending() = default;
  /// @param reason  what is wrong, what was expected and found, and what to do
  /// @throws Error with Blame::bug if there is no reason
  Ending(Blame blame, std::string reason);
  /// The blame and the message of an exception.
  explicit Ending(const std::exception& error);
  /// A failed gate: exit code kGateFailed.
  /// @param reason  empty if the verdicts are on standard output
  [[nodiscard]] static Ending gate_failed(std::string reason);

  [[nodiscard]] bool done() const noexcept { return exit_code_ == 0; }
  [[nodiscard]] int exit_code() const noexcept { return exit_code_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
  int exit_code_ = 0;
  std::string reason_;
};

/// Combines the endings of the parts of a command: the first part that is not done decides, and its
/// reason includes how many more there are.
class FirstEnding {
public:
  /// @param part  the word for one part: `checkpoint`
  explicit FirstEnding(std::string part) : part_(std::move(part)) {}
  void add(const Ending& ending);
  /// The number of parts that are not done.
  [[nodiscard]] std::int64_t count() const noexcept { return more_ + (first_.done() ? 0 : 1); }
  [[nodiscard]] Ending ending() const;
  /// The ending if `last` prevents the remaining parts from running.
  [[nodiscard]] Ending cut_short_by(const Ending& last) const;

private:
  [[nodiscard]] Ending with(const Ending& told, std::int64_t others) const;

  std::string part_;
  Ending first_;
  std::int64_t more_ = 0;
};

/// A text of several lines (an error with its causes) as a single line.
[[nodiscard]] std::string one_line(const std::string& text);

/// Prints the reason, if there is one, as one line: `wishart: ...`. Every exit code other than 0 is
/// reported here.
/// @return the exit code
[[nodiscard]] int told(const Ending& ending, std::ostream& err);

}  // namespace wishart::job
