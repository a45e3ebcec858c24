#pragma once

/// @file
/// The progress line of a scan.

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

#include "wishart/job/options.hpp"

namespace wishart::job {

/// Matrices and their planned cost.
struct Work {
  std::int64_t matrices = 0;
  double flops = 0;
};

/// Shows the progress of a checkpoint, weighted by planned cost: one line that is overwritten on a
/// terminal, or separate lines at growing intervals, JSON objects, or nothing.
class Progress {
public:
  /// @param terminal  `out` is a terminal (for ProgressStyle::automatic)
  /// @param total     all matrices of the checkpoint
  /// @param before    those of them that an earlier run has done
  Progress(std::ostream& out, ProgressStyle style, bool terminal, std::string checkpoint,
           Work total, Work before = {});

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
  bool changed_ = true;
  std::chrono::steady_clock::time_point start_;
  double next_show_seconds_ = 0;
};

/// 75 -> `1:15`, 4000 -> `1:06:40`.
[[nodiscard]] std::string clock_text(double seconds);

}  // namespace wishart::job
