#pragma once

/// @file
/// What all checkpoints of a scan share.

#include <chrono>
#include <iosfwd>
#include <string>
#include <vector>

#include "wishart/job/options.hpp"
#include "wishart/mpi/comm.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "scan/machine/job_end.hpp"
#include "scan/machine/machine.hpp"
#include "scan/machine/stop_signal.hpp"

namespace wishart::job {

struct JobContext {
  const ScanOptions& options;
  const mpi::Comm& world;
  mpi::Comm control;  ///< for the messages of the coordinator
  const StopSignal& signals;
  Layout layout;
  std::vector<spectrum::Team>& teams;
  std::chrono::steady_clock::time_point start;
  std::ostream& out;
  std::ostream& err;
  JobEnd end{};          ///< on rank 0
  bool started = false;  ///< some work has begun

  [[nodiscard]] bool leads() const noexcept { return world.rank() == 0; }
  /// True if standard error is a terminal.
  [[nodiscard]] static bool on_terminal();
  /// Why the job should stop now, or empty. On rank 0, on one thread at a time.
  [[nodiscard]] std::string stop_reason() const;
};

}  // namespace wishart::job
