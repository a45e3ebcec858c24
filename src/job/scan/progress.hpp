#pragma once

/// @file
/// The progress line of a scan.

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

#include "wishart/job/options.hpp"

namespace wishart::job {

/// Tells how far a checkpoint is, by planned cost: one line that is rewritten on a terminal, plain
/// lines at growing distances elsewhere, JSON objects, or nothing.
class Progress {
public:
  /// @param terminal  `out` is a terminal (for ProgressStyle::automatic)
  Progress(std::ostream& out, ProgressStyle style, bool terminal, std::string checkpoint,
           std::int64_t total_matrices, double total_flops);

  /// Notes a finished matrix.
  void finished(double flops);
  /// Shows the state if it is time to.
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
  std::int64_t total_matrices_;
  double total_flops_;
  std::int64_t done_matrices_ = 0;
  double done_flops_ = 0;
  bool changed_ = true;
  std::chrono::steady_clock::time_point start_;
  double next_show_seconds_ = 0;
};

/// 75 -> `1:15`, 4000 -> `1:06:40`.
[[nodiscard]] std::string clock_text(double seconds);

}  // namespace wishart::job
