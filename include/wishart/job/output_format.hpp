#pragma once

/// @file
/// How the commands speak.

#include <cstddef>
#include <cstdint>
#include <string>

namespace wishart::job {

enum class ProgressStyle : std::uint8_t { automatic, plain, json, none };
enum class OutputFormat : std::uint8_t { text, md, html, csv, json, jsonl, npy, prom, yaml, brief };

/// How people get to see a report.
struct ReadingOptions {
  std::size_t width = 0;  ///< the longest line of text; 0: as long as needed
  bool open = false;      ///< open the file in a browser
  std::string page;  ///< for a brief: where the whole report is; empty: the command that makes it
};

}  // namespace wishart::job
