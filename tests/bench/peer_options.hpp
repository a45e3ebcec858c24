#pragma once

/// @file
/// The command line of bench_peers.

#include <string>

#include "wishart/core/error.hpp"

namespace wishart::bench {

struct Options {
  int rows = 1024;
  int cols = 1024;
  int block = 64;
  std::string what = "all";
};

inline Options parsed(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    require(i + 1 < argc, "each option has a value");
    const std::string value = argv[i + 1];
    if (name == "--rows") {
      options.rows = std::stoi(value);
    } else if (name == "--cols") {
      options.cols = std::stoi(value);
    } else if (name == "--block") {
      options.block = std::stoi(value);
    } else if (name == "--what") {
      options.what = value;
    } else {
      throw Error(Blame::usage, name + ": expected --rows, --cols, --block or --what");
    }
  }
  return options;
}

}  // namespace wishart::bench
