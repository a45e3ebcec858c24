#pragma once

/// @file
/// Internal: how much a loss has to move so that it is none of noise.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "wishart/core/text.hpp"
#include "wishart/record/rows.hpp"

#include "losses/loss_advice.hpp"

namespace wishart::analysis {

/// A margin: a share of a loss, or of the loss where the run began, whichever is more.
struct Margin {
  double of_loss;
  double of_start;

  [[nodiscard]] double at(double loss, double start) const {
    return std::max(of_loss * std::abs(loss), std::isfinite(start) ? of_start * start : 0.0);
  }
};

inline constexpr Margin kDiverged{0.05, 0.02};
/// A held-out loss above its lowest, at two or more checkpoints in a row.
inline constexpr Margin kRises{0.005, 0.002};
/// The same at the last checkpoint only, which may be noise.
inline constexpr Margin kRisesOnce{kRiseOnce, 0.002};
inline constexpr Margin kFalls{0.01, 0.002};  ///< per doubling
/// A fall from one checkpoint to the next that is none of noise.
inline constexpr Margin kFallsOnce{0.002, 0};
inline constexpr std::size_t kFallsInARow = 2;

/// Tokens of a language are not equally frequent. Who knows their frequencies and nothing else has
/// about this share of the loss of who does not: 0.58 for the bytes of English text, 0.68 to 0.71
/// for its tokens in vocabularies of 32 000 to 50 000.
inline constexpr double kFrequencies = 0.65;

inline std::string figure(double value) { return rounded(value, 4); }

inline double percent(double part, double whole) { return 100 * part / whole; }

/// A slope, and its standard error: 0 where two points leave none. NaN for fewer than two points.
struct Slope {
  double value = kNan;
  double error = 0;
};

/// By least squares.
[[nodiscard]] Slope slope_of(const std::vector<double>& x, const std::vector<double>& y);

/// Place of the lowest.
/// @pre there is a loss
[[nodiscard]] std::size_t lowest_of(const std::vector<double>& losses);

/// True if held-out losses end above their lowest by more than their margin.
[[nodiscard]] bool rises(const std::vector<double>& losses, double start);

/// A sentence on losses that begin far above that of a guess among so many classes, and fell, or
/// were not seen to begin: they cannot be held against it. Empty for others.
/// @param first  the row of the first of them
[[nodiscard]] std::string other_scale_text(const std::string& the_loss,
                                           const std::vector<double>& losses,
                                           const HistoryRow& first, std::int64_t classes);

/// True if no loss is above an earlier one by more than noise.
[[nodiscard]] bool never_rises(const std::vector<double>& losses);

/// True if each of the last losses, so many, is lower than the one before by more than noise.
[[nodiscard]] bool falls_on(const std::vector<double>& losses, std::size_t times);

}  // namespace wishart::analysis
