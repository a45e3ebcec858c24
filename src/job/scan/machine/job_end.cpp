#include "scan/machine/job_end.hpp"

#include <chrono>

#include "wishart/core/utc.hpp"

#include "scan/machine/slurm.hpp"

namespace wishart::job {
namespace {

/// By how much a matrix may take longer than the cost model expects.
constexpr double kLateness = 1.3;
/// For flushing the journal, and for the end of all ranks.
constexpr double kClosingSeconds = 10;

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string JobEnd::text() const { return utc_text(seconds_.value_or(0)); }

double JobEnd::left_seconds() const {
  return static_cast<double>(seconds_.value_or(0)) - now_seconds();
}

double JobEnd::needed_seconds(double seconds) noexcept {
  return kLateness * seconds + kClosingSeconds;
}

bool JobEnd::leaves_time_for(double seconds, double in_seconds) const {
  return !known() || in_seconds + needed_seconds(seconds) <= left_seconds();
}

bool JobEnd::whole_job_suffices_for(double seconds) const {
  return !whole_seconds_ || needed_seconds(seconds) <= *whole_seconds_;
}

JobEnd end_of_job(const ScanOptions& options) {
  if (options.until_seconds) return JobEnd(*options.until_seconds);
  if (options.until_is_told) return {};
  const JobTimes times = this_job_times();
  if (!times.end_seconds) return {};
  std::optional<double> whole;
  if (times.start_seconds) whole = static_cast<double>(*times.end_seconds - *times.start_seconds);
  return JobEnd(*times.end_seconds, whole);
}

}  // namespace wishart::job
