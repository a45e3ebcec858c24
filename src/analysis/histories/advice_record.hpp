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

inline constexpr std::array<RecordedAdvice, 8> kAdviceRecord{{
    RecordedAdvice{Advice::going_on, Basis::losses, {32, 32}},
    RecordedAdvice{Advice::settled, Basis::losses, {16, 17}},
    RecordedAdvice{Advice::overfitting, Basis::losses, {17, 19}},
    RecordedAdvice{Advice::diverging, Basis::losses, {5, 5}},
    RecordedAdvice{Advice::diverging, Basis::spectra, {6, 6}},
    RecordedAdvice{Advice::not_learning, Basis::losses, {8, 8}},
    RecordedAdvice{Advice::settled, Basis::spectra, {15, 15}},
    RecordedAdvice{Advice::not_learning, Basis::spectra, {9, 10}},
}};

}  // namespace wishart::analysis
