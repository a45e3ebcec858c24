/// @file
/// The program: arguments to exit code. Everything else is in the job module.

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "wishart/job/command_line.hpp"

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on files is told by the write that meets it
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  return wishart::job::run_command_line(arguments, std::cout, std::cerr);
}
