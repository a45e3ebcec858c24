/// @file
/// The entry point. Everything else is in the job module.

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "wishart/job/command_line.hpp"

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // if a file size limit is reached, the write fails instead
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  return wishart::job::run_command_line(arguments, std::cout, std::cerr);
}
