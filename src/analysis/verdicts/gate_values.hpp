#pragma once

/// @file
/// Internal: the values that a rule of a gate judges.

#include <vector>

#include "wishart/analysis/gate.hpp"

namespace wishart::analysis {

/// What `measure` makes of a value and that of the other stage.
double measured(Measure measure, double here, double other);

/// All layers selected by the rule, with their values. Those that one of two scans left out by
/// choice have none.
/// @param other  the stage that the rule compares with; null: none
/// @param known  errors that were measured
std::vector<Violation> values_of(const Rule& rule, const CheckpointRecord& stage,
                                 const CheckpointRecord* other, const KnownErrors& known);

}  // namespace wishart::analysis
