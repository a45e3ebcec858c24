#pragma once

/// @file
/// The progress line of a scan.

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <utility>

#include "wishart/job/options.hpp"

namespace wishart::job {

/// Matrices and their planned cost.
struct Work {
  std::int64_t matrices = 0;
  double flops = 0;
};

/// True if the progress is separate lines for people, and with it the log of the job.
[[nodiscard]] bool is_log(ProgressStyle style, bool terminal) noexcept;

/// A line of the log: `2026-01-31T12:00:00Z text`.
[[nodiscard]] std::string log_line(const std::string& text);

/// Shows the progress of a checkpoint, weighted by planned cost: one line that is overwritten on a
/// terminal, or separate lines with the time at growing intervals, JSON objects, or nothing. Lines
/// and objects also come if nothing has finished; lines then say what is being computed.
class Progress {
public:
  /// @param terminal  `out` is a terminal (for ProgressStyle::automatic)
  /// @param total     all matrices of the checkpoint
  /// @param before    those of them that an earlier run has done
  /// @param elapsed   seconds since the start; null: by the clock
  Progress(std::ostream& out, ProgressStyle style, bool terminal, std::string checkpoint,
           Work total, Work before = {}, std::function<double()> elapsed = {});

  /// What is being computed, as words for a line; empty if nothing is.
  using Present = std::function<std::string()>;

  /// Who says what is being computed.
  void set_present(Present present) { present_ = std::move(present); }
  /// Records a finished matrix.
  void finished(double flops);
  /// Shows the state if it is due.
  void show_if_due();
  /// Shows the last state and ends the line.
  void end();

private:
  void show();
  [[nodiscard]] double elapsed_seconds() const;

  std::ostream* out_;
  ProgressStyle style_;
  bool rewrite_ = false;
  std::string checkpoint_;
  Work total_;
  Work before_;
  Work done_;  ///< by all runs
  Present present_;
  bool changed_ = true;  ///< since the last line
  std::function<double()> elapsed_;
  std::chrono::steady_clock::time_point start_;
  double next_show_seconds_ = 0;
};

/// 75 -> `1:15`, 4000 -> `1:06:40`.
[[nodiscard]] std::string clock_text(double seconds);

}  // namespace wishart::job
