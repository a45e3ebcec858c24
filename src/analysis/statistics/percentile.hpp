#pragma once

/// @file
/// Internal: interpolation between the percentiles of a table.

#include <span>

namespace wishart::analysis {

/// The level of `value`, interpolated linearly between `values`, which are ascending and belong to
/// `levels`. Beyond the ends it is the level of the end. If several of `values` equal it, it is the
/// middle of their levels. NaN if the value is not finite.
/// @pre levels and values are of one length, at least 2
[[nodiscard]] double level_of(std::span<const double> levels, std::span<const double> values,
                              double value) noexcept;

/// The inverse: the value at a level; beyond the ends it is the value of the end.
/// @pre as above; the levels are strictly ascending
[[nodiscard]] double value_at(std::span<const double> levels, std::span<const double> values,
                              double level) noexcept;

}  // namespace wishart::analysis
