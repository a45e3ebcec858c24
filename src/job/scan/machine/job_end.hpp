#pragma once

/// @file
/// The end of the job, and what can still be begun before it.

#include <cstdint>
#include <optional>
#include <string>

#include "wishart/job/options.hpp"

namespace wishart::job {

/// When the job will be ended, if that is known.
class JobEnd {
public:
  JobEnd() = default;  ///< not known
  /// @param seconds       since 1970
  /// @param whole_seconds  how long the job lasts from its start to its end, if that is known
  explicit JobEnd(std::int64_t seconds, std::optional<double> whole_seconds = {})
      : seconds_(seconds), whole_seconds_(whole_seconds) {}

  [[nodiscard]] bool known() const noexcept { return seconds_.has_value(); }
  /// `2026-01-31T12:00:00Z`. Only if it is known.
  [[nodiscard]] std::string text() const;
  /// The seconds until then; negative afterwards. Only if it is known.
  [[nodiscard]] double left_seconds() const;

  /// True if work that is expected to take `seconds`, begun in `in_seconds`, ends in time: with a
  /// margin for an expectation that is wrong by as much as expectations are (docs/performance.md),
  /// and for what is left to do afterwards. True if the end is not known.
  [[nodiscard]] bool leaves_time_for(double seconds, double in_seconds = 0) const;
  /// False if not even a job that does nothing else would have the time.
  [[nodiscard]] bool whole_job_suffices_for(double seconds) const;
  /// How long a job must last that does nothing but such work, in seconds.
  [[nodiscard]] static double needed_seconds(double seconds) noexcept;

private:
  std::optional<std::int64_t> seconds_;
  std::optional<double> whole_seconds_;
};

/// The end of this job: what --until says, else what Slurm says.
[[nodiscard]] JobEnd end_of_job(const ScanOptions& options);

}  // namespace wishart::job
