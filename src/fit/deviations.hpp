#pragma once

/// @file
/// The deviation of a fitted power law from the values, at many points at once.

#include <span>

#include "wishart/core/instruction_set.hpp"

namespace wishart::fit {

/// A power law in logarithms: F(y) = 1 - e^(slope (y - origin)), and the height of a step of the
/// empirical distribution that it is compared with.
struct SteppedLaw {
  double slope = 0;  ///< 1 - alpha, below 0
  double origin = 0;
  double step = 0;
};

/// F and |F - j step| at each of `logs`, the k-th of which has the rank j = first + k * stride.
/// Uses quick_exp, so the error is below 1e-14 and depends on the instruction set.
/// @pre `F` and `sizes` are as long as `logs`, which are at or above the origin
void deviations(InstructionSet set, const SteppedLaw& law, std::span<const double> logs,
                double first, double stride, std::span<double> F, std::span<double> sizes);

/// The largest of some non-negative numbers; 0 if there are none.
[[nodiscard]] double largest_of(std::span<const double> sizes);

}  // namespace wishart::fit
