#pragma once

/// @file
/// The power-law scan on logarithms: the exponents of all candidates and their distances, most of
/// which need not be computed in full.

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

/// A candidate of the scan, and its distance.
struct Candidate {
  std::size_t index = 0;  ///< the tail begins at the value of this index
  double D = std::numeric_limits<double>::infinity();
};

/// All candidates for xmin over values x_0 <= x_1 <= ..., given as y_i = ln x_i.
///
/// The tail of candidate i consists of the m values from x_i on. With F its fitted distribution,
/// D_i is the largest |F(x_k) - (k - i)/m|, as computed with std::exp point by point. Every
/// distance returned is that number to the last bit. Only points and candidates that provably
/// cannot matter are skipped: 1. Points where nearby candidates failed are checked first, and in
/// long tails those where the last few failed too (std::exp). 2. Then every 32nd point. F and (k -
/// i)/m both grow with k, so between two of these points |F - (k - i)/m| is bounded by their
/// values. Short tails are computed directly instead. 3. Then the blocks of 32 whose bound exceeds
/// the largest so far. Steps 2 and 3 use quick_exp, whose error is below kSlack. Points that come
/// this close to the largest are recomputed with std::exp.
class LogScan {
public:
  /// @param logs  finite, ascending
  explicit LogScan(std::vector<double> logs) { restart(std::move(logs)); }

  /// Restarts with other logarithms and reuses the memory: many scans that each allocate and free
  /// memory would spend more time in the system than on the values.
  /// @return the memory of the former logarithms, for the next ones
  std::vector<double> restart(std::vector<double> logs);

  [[nodiscard]] std::size_t size() const noexcept { return logs_.size(); }
  [[nodiscard]] std::span<const double> logs() const noexcept { return logs_; }
  /// 1 + m / sum over the tail of (y_k - y_i); infinite if all its values are equal.
  [[nodiscard]] double alpha(std::size_t i) const { return alphas_[i]; }

  /// D_i by its definition, from every point.
  [[nodiscard]] double full_distance(std::size_t i) const;
  /// D_i if it is at most `limit`, else some value larger than `limit`.
  [[nodiscard]] double distance(std::size_t i, double limit);
  /// The largest |F(x_k) - j/m| over both j = k - i and j = k - i + 1: Kolmogorov and Smirnov's.
  [[nodiscard]] double two_sided_distance(std::size_t i) const;

  /// Among the candidates 0 .. count - 1 that `wanted` accepts, the one with the smallest D, which
  /// must be at most `limit`. Ties go to the smallest index. Nothing if there is none.
  /// @param likely  checked first: the closer to the best candidate, the less work remains. Any
  ///                index gives the same result
  [[nodiscard]] std::optional<Candidate> best(std::size_t count, double limit,
                                              const std::function<bool(std::size_t)>& wanted,
                                              std::size_t likely = 0);

private:
  static constexpr std::size_t kBlock = 32;
  static constexpr std::size_t kShortTail =
      3 * kBlock;  ///< up to here computing directly is faster, by measurement
  static constexpr double kSlack = 1e-13;

  [[nodiscard]] double deviation(std::size_t i, std::size_t k) const;
  [[nodiscard]] bool look_at_borders(std::size_t i, double limit);
  [[nodiscard]] bool take_points(std::size_t i, std::size_t first, std::size_t last, double limit);
  [[nodiscard]] double exact_largest(std::size_t i, std::size_t first, std::size_t last) const;

  std::vector<double> logs_;
  std::vector<double> alphas_;
  std::vector<double> sparse_logs_;  ///< every 32nd
  std::vector<double> border_;       ///< F at every 32nd point of the current candidate
  std::vector<double> shares_;       ///< F of points of the current candidate
  std::vector<double> sizes_;        ///< their deviations, by quick_exp; of borders in steps 2
  std::vector<std::pair<std::size_t, double>> blocks_;  ///< blocks computed, with their bounds
  std::vector<std::uint32_t> weak_;                     ///< worst point found for each candidate
  double largest_ = 0;                                  ///< of the current candidate, by quick_exp
  InstructionSet set_ = best_instruction_set();
};

}  // namespace wishart::fit
