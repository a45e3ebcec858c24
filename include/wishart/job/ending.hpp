#pragma once

/// @file
/// How a command ends: an exit code never comes without its reason.

#include <cstdint>
#include <exception>
#include <iosfwd>
#include <string>
#include <utility>

#include "wishart/core/error.hpp"

namespace wishart::job {

/// The exit code of a gate that did not let through.
inline constexpr int kGateFailed = 1;

/// Done, or an exit code together with the reason for it.
class Ending {
public:
  /// Done: exit code 0.
  Ending() = default;
  /// @param reason  what is wrong, what was expected and found, and what to do
  /// @throws Error with Blame::bug if there is no reason
  Ending(Blame blame, std::string reason);
  /// What an exception says.
  explicit Ending(const std::exception& error);
  /// A gate that did not let through: exit code kGateFailed.
  /// @param reason  empty where standard output has the verdicts
  [[nodiscard]] static Ending gate_failed(std::string reason);

  [[nodiscard]] bool done() const noexcept { return exit_code_ == 0; }
  [[nodiscard]] int exit_code() const noexcept { return exit_code_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
  int exit_code_ = 0;
  std::string reason_;
};

/// Of several parts of a command, in their order: the first that is not done ends it, and its
/// reason tells how many more there are.
class FirstEnding {
public:
  /// @param part  what each of them is: `checkpoint`
  explicit FirstEnding(std::string part) : part_(std::move(part)) {}
  void add(const Ending& ending);
  /// How many are not done.
  [[nodiscard]] std::int64_t count() const noexcept { return more_ + (first_.done() ? 0 : 1); }
  [[nodiscard]] Ending ending() const;
  /// The ending of a part that keeps the parts behind it from being done, with those before it.
  [[nodiscard]] Ending cut_short_by(const Ending& last) const;

private:
  [[nodiscard]] Ending with(const Ending& told, std::int64_t others) const;

  std::string part_;
  Ending first_;
  std::int64_t more_ = 0;
};

/// A text of several lines (an error with its causes) as one.
[[nodiscard]] std::string one_line(const std::string& text);

/// Prints the reason, if there is one, as one line: `wishart: ...`. Whatever ends the program with
/// another code than 0 comes through here.
/// @return the exit code
[[nodiscard]] int told(const Ending& ending, std::ostream& err);

}  // namespace wishart::job
