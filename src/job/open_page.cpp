#include "open_page.hpp"

#include <chrono>
#include <cstdlib>
#include <spawn.h>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "wishart/core/disk.hpp"
#include "wishart/core/environment.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

namespace wishart::job {
namespace {

/// A browser that cannot show the file says so within this time.
constexpr std::chrono::milliseconds kPatience{1500};
constexpr std::chrono::milliseconds kPause{20};

/// The process of a command; -1 if the program cannot be started.
pid_t started(const std::vector<std::string>& command) {
  std::vector<std::string> words = command;  // execve takes writable text
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t process = -1;
  const int failed =
      ::posix_spawnp(&process, arguments.front(), nullptr, nullptr, arguments.data(), environ);
  return failed == 0 ? process : -1;
}

/// False if the process has ended with a failure by the time that patience is over.
bool runs_well(pid_t process) {
  for (auto waited = std::chrono::milliseconds(0); waited < kPatience; waited += kPause) {
    int status = 0;
    const pid_t ended = ::waitpid(process, &status, WNOHANG);
    if (ended == process) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (ended < 0) return true;  // somebody else has waited for it
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

}  // namespace

std::filesystem::path temporary_page() {
  constexpr int kEnding = 5;  // `.html`
  std::string pattern =
      (std::filesystem::temp_directory_path() / "wishart-report-XXXXXX.html").string();
  const int file = ::mkstemps(pattern.data(), kEnding);
  if (file < 0) {
    throw Error(Blame::resource, printable(pattern) +
                                     ": cannot be made for the page. Name a file with --output, or "
                                     "set TMPDIR");
  }
  ::close(file);
  return pattern;
}

std::vector<std::vector<std::string>> browser_commands(const std::string& browser,
                                                       const std::filesystem::path& file) {
  const std::string name = file.string();
  std::vector<std::vector<std::string>> commands;
  for (const std::string& one : split(browser, ':')) {
    std::vector<std::string> words;
    bool placed = false;
    for (std::string word : split(one, ' ')) {
      if (word.empty()) continue;
      const std::size_t place = word.find("%s");
      if (place != std::string::npos) {
        word.replace(place, 2, name);
        placed = true;
      }
      words.push_back(std::move(word));
    }
    if (words.empty()) continue;
    if (!placed) words.push_back(name);
    commands.push_back(std::move(words));
  }
  if (commands.empty()) commands.push_back({"xdg-open", name});
  return commands;
}

void open_page(const std::filesystem::path& file) {
  const std::string browsers = environment_variable("BROWSER").value_or("");
  const std::filesystem::path whole = std::filesystem::absolute(file);
  std::string tried;
  for (const auto& command : browser_commands(browsers, whole)) {
    const pid_t process = started(command);
    if (process > 0 && runs_well(process)) return;
    tried += (tried.empty() ? "" : ", ") + printable(command.front()) +
             (process > 0 ? " failed" : " cannot be started");
  }
  throw Error(Blame::resource, shown(file) + ": is written, but was not opened: " + tried +
                                   ". Open it yourself, or set BROWSER to a program that does");
}

}  // namespace wishart::job
