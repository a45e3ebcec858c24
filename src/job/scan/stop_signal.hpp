#pragma once

/// @file
/// Signals that ask the job to stop, taken in by polling: no global, and a handler only for threads
/// that do not block them.

#include <string>

namespace wishart::job {

/// Blocks SIGTERM, SIGUSR1 and SIGINT for this thread and the threads it starts, so that they wait
/// until somebody looks. Make it before MPI and before any thread. A thread that was there before,
/// as a BLAS makes when it is loaded, blocks a signal when it meets it, and sends it on.
class StopSignal {
public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// The name of a stop signal that has come in, or empty. After a SIGINT the next one ends the
  /// process, for who presses Ctrl-C twice. Called by one thread.
  [[nodiscard]] std::string poll() const;
};

}  // namespace wishart::job
