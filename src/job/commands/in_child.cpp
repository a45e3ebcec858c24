#include "commands/in_child.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <fstream>
#include <new>
#include <span>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wishart/core/descriptor.hpp"
#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::job {
namespace {

// Sanitizers map terabytes of addresses.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAddressesAreLimited = false;
#elif defined(__has_feature)
constexpr bool kAddressesAreLimited = !__has_feature(address_sanitizer);
#else
constexpr bool kAddressesAreLimited = true;
#endif

/// Exit codes of the child. Nothing of wishart ends in it otherwise.
constexpr int kDone = 0;
constexpr int kOutOfMemory = 90;
constexpr int kThrew = 91;
constexpr int kNoLimits = 92;

/// The most bytes that the child may hand over.
constexpr std::size_t kMostBytes = std::size_t{64} << 20U;

[[noreturn]] void fail(const char* what) {
  throw Error(Blame::resource, std::string("a process for the check of a file: ") + what + ": " +
                                   system_reason(errno));
}

/// Bytes of addresses that this process has (proc(5), statm: in pages).
rlim_t present_bytes() {
  std::ifstream file("/proc/self/statm");
  rlim_t pages = 0;
  file >> pages;
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

bool set_limit(__rlimit_resource resource, rlim_t value) {
  ::rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return false;
  if (value < limit.rlim_max) limit = {value, value};
  return ::setrlimit(resource, &limit) == 0;
}

bool set_limits(const ChildLimits& limits, rlim_t present) {
  const auto seconds = static_cast<rlim_t>(limits.processor_seconds);
  const rlim_t memory = present + static_cast<rlim_t>(limits.memory_bytes);
  return set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_FSIZE, 0) &&
         set_limit(RLIMIT_CPU, seconds) &&
         (!kAddressesAreLimited || set_limit(RLIMIT_AS, memory)) &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/// All of `bytes` into a pipe, which has no positions.
bool hand_over(int pipe, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ::ssize_t done = ::write(pipe, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return true;
}

int run_child(int pipe, const ChildLimits& limits,
              const std::function<std::vector<std::byte>()>& work) {
  const rlim_t present = present_bytes();
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGXFSZ}) {
    (void)std::signal(signal, signal == SIGXFSZ ? SIG_IGN : SIG_DFL);
  }
  if (!set_limits(limits, present)) return kNoLimits;
  try {
    return hand_over(pipe, work()) ? kDone : kThrew;
  } catch (const std::bad_alloc&) {
    return kOutOfMemory;
  } catch (const std::exception&) {
    return kThrew;
  }
}

/// What the child hands over, to the end of the stream.
std::vector<std::byte> received(int pipe) {
  std::vector<std::byte> bytes;
  std::array<std::byte, 1U << 16U> buffer{};
  for (;;) {
    const ::ssize_t got = ::read(pipe, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || bytes.size() > kMostBytes) return bytes;
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + got);
  }
}

std::string signal_text(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "was ended by SIGSEGV, a wrong address";
    case SIGBUS:
      return "was ended by SIGBUS, a wrong address";
    case SIGFPE:
      return "was ended by SIGFPE, a division by zero";
    case SIGABRT:
      return "was ended by SIGABRT, its own check";
    default:
      return "was ended by signal " + std::to_string(signal);
  }
}

/// What happened; empty if the child is done.
std::string failure_of(int status, const ChildLimits& limits) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    // At the hard limit, which is the same, the kernel sends SIGKILL.
    if (signal == SIGXCPU || signal == SIGKILL) {
      return "was ended after " + std::to_string(limits.processor_seconds) +
             " seconds of processor time, the limit for a file of this size";
    }
    return signal_text(signal);
  }
  switch (WEXITSTATUS(status)) {
    case kDone:
      return {};
    case kOutOfMemory:
      return "needs more than " + human_bytes(limits.memory_bytes) +
             " of memory, the limit for a file of this size";
    case kNoLimits:
      return "could not be limited";
    default:
      return "ended with code " + std::to_string(WEXITSTATUS(status));
  }
}

}  // namespace

ChildResult run_in_child(const ChildLimits& limits,
                         const std::function<std::vector<std::byte>()>& work) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("no pipe can be made");
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const ::pid_t parent = ::getpid();
  const ::pid_t child = ::fork();
  if (child < 0) fail("it cannot be started");
  if (child == 0) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kThrew);  // the parent ended before
    ::_exit(run_child(writing.get(), limits, work));
  }
  writing = Descriptor();
  ChildResult result{received(reading.get()), {}};
  if (result.bytes.size() > kMostBytes) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail("its end is not known");
  }
  result.failure = failure_of(status, limits);
  return result;
}

}  // namespace wishart::job
