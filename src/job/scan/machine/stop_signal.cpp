#include "scan/machine/stop_signal.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <ucontext.h>

#include <unistd.h>

namespace wishart::job {
namespace {

constexpr std::array<int, 4> kStopSignals{SIGTERM, SIGUSR1, SIGINT, SIGHUP};

/// Runs on threads that existed before the mask, such as those that a BLAS starts when it is
/// loaded. Blocks the signal on this thread too and sends it to the process again, until it stays
/// pending for `poll`. Calls only functions that are safe in a handler.
void pass_on(int signal, ::siginfo_t* /*info*/, void* context) {
  const int before = errno;
  ::sigaddset(&static_cast<::ucontext_t*>(context)->uc_sigmask, signal);
  ::kill(::getpid(), signal);
  errno = before;
}

}  // namespace

StopSignal::StopSignal() {
  ::sigemptyset(&set_);
  for (const int signal : kStopSignals) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    const bool plain = (action.sa_flags & SA_SIGINFO) == 0;
    // Blocked, it would stay pending although it is ignored.
    if (plain && action.sa_handler == SIG_IGN) continue;
    ::sigaddset(&set_, signal);
    if (!plain || action.sa_handler != SIG_DFL) continue;
    action.sa_sigaction = pass_on;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    ::sigaction(signal, &action, nullptr);
  }
  ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

std::string StopSignal::poll() const {
  const ::timespec now{};
  switch (::sigtimedwait(&set_, nullptr, &now)) {
    case SIGTERM:
      return "SIGTERM";
    case SIGUSR1:
      return "SIGUSR1";
    case SIGHUP:
      return "SIGHUP";
    case SIGINT: {
      std::signal(SIGINT, SIG_DFL);
      ::sigset_t interrupt;
      ::sigemptyset(&interrupt);
      ::sigaddset(&interrupt, SIGINT);
      ::pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);
      return "SIGINT";
    }
    default:
      return {};
  }
}

}  // namespace wishart::job
