#pragma once

/// @file
/// The head of a job's log.

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>

#include "scan/machine/job_end.hpp"
#include "scan/machine/machine.hpp"

namespace wishart::job {

/// Who runs, and with what.
struct LogHead {
  std::string program;  ///< version and commit
  std::string job;      ///< of the batch system; empty: none
  std::string hosts;    ///< their names
  Layout layout{};
  std::string blas;
  std::int64_t memory_bytes = 0;  ///< that a rank may use; 0: no limit
  std::string memory_source;
  JobEnd end{};
};

/// One checkpoint.
struct LogTask {
  std::string id;
  std::filesystem::path checkpoint;
  std::filesystem::path archive;
  std::int64_t matrices = 0;
  std::int64_t left = 0;  ///< of them to be computed
  double predicted_seconds = 0;
  const JobEnd* end = nullptr;
};

/// What is known of this job. Its memory and its end are left to the caller.
[[nodiscard]] LogHead head_of_this_job(const Layout& layout);

/// The lines for a job, without their times.
[[nodiscard]] std::string head_text(const LogHead& head);
/// The line for a checkpoint.
[[nodiscard]] std::string task_text(const LogTask& task);

/// Writes the lines of `text` with the time before each.
void write_log(std::ostream& out, const std::string& text);

}  // namespace wishart::job
