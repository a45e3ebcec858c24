#pragma once

/// @file
/// Numbers on the command line of a benchmark.

#include <cstdint>
#include <string>

namespace wishart::bench {

/// The number after `--name`, or another if there is none.
inline std::int64_t argument(int argc, char** argv, const std::string& name,
                             std::int64_t otherwise) {
  for (int i = 1; i + 1 < argc; i += 2) {
    if (argv[i] == "--" + name) return std::stoll(argv[i + 1]);
  }
  return otherwise;
}

}  // namespace wishart::bench
