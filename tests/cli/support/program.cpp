#include "support/program.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <sys/wait.h>
#include <unistd.h>

#include "wishart/core/text.hpp"

#include "support/places.hpp"

namespace wishart::test {

std::vector<std::string> Outcome::messages() const {
  std::vector<std::string> lines;
  for (std::string& line : split(err, '\n')) {
    if (line.starts_with("wishart: ")) lines.push_back(std::move(line));
  }
  return lines;
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string program_path() { return WISHART_PROGRAM; }

Outcome run_shell(const std::string& command) {
  std::string errors = "/tmp/wishart-err-XXXXXX";
  const int descriptor = ::mkstemp(errors.data());
  if (descriptor < 0) throw std::runtime_error("mkstemp failed");
  ::close(descriptor);
  Outcome outcome;
  std::FILE* pipe = ::popen(("{ " + command + "\n} 2>" + errors + " </dev/null").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen failed");
  std::array<char, 65536> buffer{};
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    outcome.out.append(buffer.data(), got);
  }
  const int status = ::pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  std::ostringstream text;
  text << std::ifstream(errors).rdbuf();
  outcome.err = text.str();
  std::remove(errors.c_str());
  return outcome;
}

Outcome run_wishart(const std::vector<std::string>& arguments, int ranks, int timeout_seconds) {
  std::string command = "timeout -k 5 " + std::to_string(timeout_seconds) + " ";
  if (ranks > 0)
    command += quoted(test::in_source("tools/mpirun")) + " -np " + std::to_string(ranks) + " ";
  command += quoted(WISHART_PROGRAM);
  for (const std::string& argument : arguments) command += " " + quoted(argument);
  return run_shell(command);
}

}  // namespace wishart::test
