#pragma once

/// @file
/// The power-law scan on logarithms: exponents of all candidates, and their distances, of which
/// most need not be computed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "wishart/core/instruction_set.hpp"

namespace wishart::fit {

/// A candidate of the scan and its distance.
struct Candidate {
  std::size_t index = 0;  ///< the tail begins at the value of this index
  double D = std::numeric_limits<double>::infinity();
};

/// All candidates for xmin over values x_0 <= x_1 <= ..., given as y_i = ln x_i.
///
/// The tail of candidate i are the values from x_i on, m of them. With F its fitted distribution,
/// D_i is the largest |F(x_k) - (k - i)/m|, as computed with std::exp point by point. Every
/// distance that is returned is that number to the last bit; what is skipped is what provably
/// cannot be it:
/// 1. The points where candidates nearby failed are looked at first, in long tails those where the
///    last few failed too (std::exp).
/// 2. Then every 32nd point. F and (k - i)/m both grow with k, so between two of these points
///    |F - (k - i)/m| is bounded by their values. Short tails are done at once instead.
/// 3. Then the blocks of 32 whose bound exceeds the largest so far.
/// Steps 2 and 3 use quick_exp, which is off by less than kSlack; the points that come that close
/// to the largest are computed by std::exp.
class LogScan {
public:
  /// @param logs  finite, ascending
  explicit LogScan(std::vector<double> logs) { restart(std::move(logs)); }

  /// Begins anew with other logarithms, in the memory that is there: many scans that each take and
  /// give back theirs would spend more time with the system than with the values.
  /// @return the memory of the former logarithms, for the next ones
  std::vector<double> restart(std::vector<double> logs);

  [[nodiscard]] std::size_t size() const noexcept { return logs_.size(); }
  [[nodiscard]] std::span<const double> logs() const noexcept { return logs_; }
  /// 1 + m / sum over the tail of (y_k - y_i); infinite if all its values are equal.
  [[nodiscard]] double alpha(std::size_t i) const { return alphas_[i]; }

  /// D_i, every point of it: the definition.
  [[nodiscard]] double full_distance(std::size_t i) const;
  /// D_i if it is at most `limit`, else anything larger than `limit`.
  [[nodiscard]] double distance(std::size_t i, double limit);
  /// The largest |F(x_k) - j/m| over both j = k - i and j = k - i + 1: Kolmogorov and Smirnov's.
  [[nodiscard]] double two_sided_distance(std::size_t i) const;

  /// The candidate among 0 .. count - 1 that `wanted` accepts with the smallest D of at most
  /// `limit`; of equals, the smallest index. Nothing if there is none.
  /// @param likely  looked at first: the nearer to the best, the less is left to do; any index will
  ///                do, and changes nothing else
  [[nodiscard]] std::optional<Candidate> best(std::size_t count, double limit,
                                              const std::function<bool(std::size_t)>& wanted,
                                              std::size_t likely = 0);

private:
  static constexpr std::size_t kBlock = 32;
  static constexpr std::size_t kShortTail = 3 * kBlock;  ///< faster in one go, by measurement
  static constexpr double kSlack = 1e-13;

  [[nodiscard]] double deviation(std::size_t i, std::size_t k) const;
  [[nodiscard]] bool look_at_borders(std::size_t i, double limit);
  [[nodiscard]] bool take_points(std::size_t i, std::size_t first, std::size_t last, double limit);
  [[nodiscard]] double exact_largest(std::size_t i, std::size_t first, std::size_t last) const;

  std::vector<double> logs_;
  std::vector<double> alphas_;
  std::vector<double> sparse_logs_;  ///< every 32nd
  std::vector<double> border_;       ///< F at every 32nd point of the candidate at hand
  std::vector<double> shares_;       ///< F of points of the candidate at hand
  std::vector<double> sizes_;        ///< their deviations, by quick_exp; of borders in steps 2
  std::vector<std::pair<std::size_t, double>> blocks_;  ///< that were taken, and their bounds
  std::vector<std::uint32_t> weak_;  ///< where each candidate was found to be worst
  double largest_ = 0;               ///< of the candidate at hand, by quick_exp
  InstructionSet set_ = best_instruction_set();
};

}  // namespace wishart::fit
