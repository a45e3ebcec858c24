#pragma once

/// @file
/// Internal: the sentences of a gate.

#include <string>

#include "wishart/analysis/gate.hpp"

namespace wishart::analysis {

/// The distance from the bounds; 0 inside.
double excess(const Rule& rule, double value);

/// A value with four digits, or as many more as it takes to see on which side of a bound it is.
std::string found_text(const Rule& rule, double value, int digits = 4);

/// `from 2 to 6`, `at most 6`
std::string bounds_text(const Rule& rule);

/// `alpha`, `the change of alpha`, `the ratio of alpha`.
std::string value_text(const Rule& rule);

/// What the rule judges: `the mean alpha`.
std::string subject_of(const Rule& rule);

}  // namespace wishart::analysis
