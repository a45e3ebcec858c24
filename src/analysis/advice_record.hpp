#pragma once

/// @file
/// How often each advice was right on the judging half of the zoo. Written by `tools/zoo evidence`;
/// do not edit.

#include <array>

#include "wishart/analysis/advice.hpp"

namespace wishart::analysis {

struct RecordedAdvice {
  Advice advice;
  Basis basis;
  TrackRecord record;
};

inline constexpr std::array<RecordedAdvice, 0> kAdviceRecord{};

}  // namespace wishart::analysis
