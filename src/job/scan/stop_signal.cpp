#include "scan/stop_signal.hpp"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <ucontext.h>

#include <unistd.h>

namespace wishart::job {
namespace {

::sigset_t stop_set() {
  ::sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGUSR1);
  ::sigaddset(&set, SIGINT);
  return set;
}

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
  const ::sigset_t set = stop_set();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  for (const int signal : {SIGTERM, SIGUSR1, SIGINT}) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    if ((action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != SIG_DFL) continue;
    action.sa_sigaction = pass_on;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    ::sigaction(signal, &action, nullptr);
  }
}

std::string StopSignal::poll() const {
  const ::sigset_t set = stop_set();
  const ::timespec now{};
  switch (::sigtimedwait(&set, nullptr, &now)) {
    case SIGTERM:
      return "SIGTERM";
    case SIGUSR1:
      return "SIGUSR1";
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
