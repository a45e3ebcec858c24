#include "scan/stop_signal.hpp"

#include <csignal>
#include <ctime>

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

}  // namespace

StopSignal::StopSignal() {
  const ::sigset_t set = stop_set();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
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
