#pragma once

/// @file
/// What the tests of options share.

#include <string>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/job/options.hpp"

namespace wishart::test {

using Words = std::vector<std::string>;

/// The message that refuses these words; it must blame the user.
template <class Parse>
std::string refusal(Parse parse, const Words& words) {
  try {
    (void)parse(words);
  } catch (const Error& error) {
    return (error.blame() == Blame::usage ? "" : "not a usage error: ") + std::string(error.what());
  }
  return "no error";
}

/// Words of a scan that lacks nothing, and `more`.
inline Words scan_words(const Words& more) {
  Words words{"model", "--archive", "out"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

inline job::ScanOptions scan(const Words& more) { return job::parse_scan(scan_words(more)); }

inline std::string scan_refusal(const Words& more) {
  return refusal(job::parse_scan, scan_words(more));
}

}  // namespace wishart::test
