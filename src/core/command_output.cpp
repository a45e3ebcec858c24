#include "wishart/core/command_output.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <poll.h>
#include <spawn.h>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wishart/core/descriptor.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

namespace wishart {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostBytes = 64 << 10U;
constexpr std::chrono::milliseconds kPause{5};

/// The two ends of a pipe, if one could be made. The child gets its end by a file action, so both
/// are closed in every program that is started meanwhile.
class Pipe {
public:
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    reading_ = Descriptor(ends[0]);
    writing_ = Descriptor(ends[1]);
  }

  /// -1 if there is none.
  [[nodiscard]] int reading() const noexcept { return reading_.get(); }
  [[nodiscard]] int writing() const noexcept { return writing_.get(); }
  void close_writing() noexcept { writing_ = Descriptor(); }

private:
  Descriptor reading_;
  Descriptor writing_;
};

/// What posix_spawn needs to know.
class SpawnOptions {
public:
  SpawnOptions(const Pipe& out, const Pipe& err) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, out.writing(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, err.writing(), STDERR_FILENO);
    // Its own process group, to be killed as a whole; and no signal blocked or ignored, as by a
    // scan, which fetches its signals.
    ::posix_spawnattr_init(&attributes_);
    ::sigset_t none;
    ::sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnOptions() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;

  [[nodiscard]] const ::posix_spawn_file_actions_t* actions() const noexcept { return &actions_; }
  [[nodiscard]] const ::posix_spawnattr_t* attributes() const noexcept { return &attributes_; }

private:
  ::posix_spawn_file_actions_t actions_{};
  ::posix_spawnattr_t attributes_{};
};

/// Pointers to the texts, and a null pointer at the end.
std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

/// The environment of this process with `settings` in it.
std::vector<std::string> environment_with(const std::vector<std::string>& settings) {
  const auto name = [](std::string_view setting) { return setting.substr(0, setting.find('=')); };
  std::vector<std::string> all;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    const bool replaced = std::any_of(settings.begin(), settings.end(), [&](const auto& setting) {
      return name(setting) == name(*one);
    });
    if (!replaced) all.emplace_back(*one);
  }
  std::copy_if(settings.begin(), settings.end(), std::back_inserter(all),
               [](const std::string& setting) { return setting.find('=') != std::string::npos; });
  return all;
}

/// Reads what is there. False at the end of the stream.
bool read_some(int descriptor, std::string& text) {
  std::array<char, 4096> buffer{};
  const ::ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  text.append(buffer.data(), std::min(static_cast<std::size_t>(got), kMostBytes - text.size()));
  return got > 0;
}

/// Reads both streams to their ends. False if the time is over before.
bool read_both(int out, int err, CommandOutput& output, Clock::time_point deadline) {
  std::array<::pollfd, 2> streams{::pollfd{out, POLLIN, 0}, ::pollfd{err, POLLIN, 0}};
  std::array<std::string*, 2> texts{&output.out, &output.err};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    if (::poll(streams.data(), streams.size(), static_cast<int>(left)) < 0 && errno != EINTR) {
      return false;
    }
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (streams[i].fd < 0 || streams[i].revents == 0) continue;
      if (!read_some(streams[i].fd, *texts[i])) streams[i].fd = -1;  // poll passes it by
    }
  }
  return true;
}

}  // namespace

std::optional<CommandOutput> command_output(const std::vector<std::string>& words,
                                            std::chrono::milliseconds patience,
                                            const std::vector<std::string>& settings) {
  const auto deadline = Clock::now() + patience;
  Pipe out;
  Pipe err;
  if (words.empty() || out.reading() < 0 || err.reading() < 0) return std::nullopt;
  std::vector<std::string> arguments = words;
  std::vector<std::string> environment = environment_with(settings);
  ::pid_t process = -1;
  {
    const SpawnOptions options(out, err);
    if (::posix_spawnp(&process, words.front().c_str(), options.actions(), options.attributes(),
                       pointers(arguments).data(), pointers(environment).data()) != 0) {
      return std::nullopt;
    }
  }
  out.close_writing();
  err.close_writing();
  CommandOutput output;
  bool ended = read_both(out.reading(), err.reading(), output, deadline);
  int status = 0;
  while (ended) {  // it has closed its streams, and normally ends at once
    const ::pid_t done = ::waitpid(process, &status, WNOHANG);
    if (done == process) break;
    if (done < 0 && errno != EINTR) return std::nullopt;
    ended = Clock::now() < deadline;
    std::this_thread::sleep_for(kPause);
  }
  if (!ended) {
    ::kill(-process, SIGKILL);
    ::waitpid(process, &status, 0);
    return std::nullopt;
  }
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

}  // namespace wishart
