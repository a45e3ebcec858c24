#pragma once

/// @file
/// Stop signals, received by polling: without globals, and with a handler only for threads that do
/// not block them.

#include <csignal>
#include <string>

namespace wishart::job {

/// Blocks SIGTERM, SIGUSR1, SIGINT and SIGHUP for this thread and the threads it starts, so that
/// they stay pending until `poll`. Create it before MPI and before any thread. A thread that
/// already exists, such as those that a BLAS starts when it is loaded, blocks a signal when it
/// receives it, and forwards it.
///
/// A signal that is ignored when the program starts stays ignored: that is how nohup and the shells
/// ask for it. SIGPIPE is ignored too: who closes the log (a terminal, `| tee`) does not end a
/// scan.
class StopSignal {
public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// The name of a pending stop signal, or empty. After a SIGINT the next one ends the process, so
  /// that pressing Ctrl-C twice works. Call it from one thread only.
  [[nodiscard]] std::string poll() const;

private:
  ::sigset_t set_{};  ///< those that are not ignored
};

}  // namespace wishart::job
