#pragma once

/// @file
/// How long a whole scan takes, from its start to its end, and what it waits for. Pure.

#include <cstdint>
#include <span>
#include <string_view>

#include "wishart/plan/cost.hpp"
#include "wishart/plan/plan.hpp"

namespace wishart::plan {

/// The speed of what all ranks share: the file system, and rank 0, which alone opens the
/// checkpoint, takes every result and writes the archive. Rank 0's were measured with many small
/// matrices (docs/performance.md, "Rank 0").
struct SharedRates {
  double read_gbytes = 0;          ///< GB/s of the file system for the whole job; 0: no limit
  double open_matrix_us = 10;      ///< select, plan and send out a matrix
  double result_us = 15;           ///< receive a result and append it to the journal
  double result_value_ns = 1.5;    ///< the same for each singular value
  double end_matrix_us = 20;       ///< a row of the tables, without its compression
  double end_value_ns = 3;         ///< hash and write a singular value
  double compress_matrix_us = 40;  ///< a row; divided among the ranks
  double compress_value_ns = 170;  ///< a singular value; divided among the ranks

  /// With a rank 0 that is `factor` times as fast. The file system's rate stays.
  [[nodiscard]] SharedRates scaled(double factor) const noexcept;
};

/// What a scan mostly waits for.
enum class Bound : std::uint8_t {
  compute,         ///< the ranks are busy: more ranks help
  largest_matrix,  ///< a few large matrices, shared by teams, take longer than the others
  reading,         ///< the file system
  rank_zero,       ///< what rank 0 does alone
};

[[nodiscard]] std::string_view bound_name(Bound bound) noexcept;

/// The outcome of a whole job, in seconds.
struct JobForecast {
  Forecast matrices;            ///< of the plan
  double opening_seconds = 0;   ///< before the first matrix
  double reading_seconds = 0;   ///< the file system's time for all bytes
  double handling_seconds = 0;  ///< rank 0's time for the results, while the ranks compute
  double ending_seconds = 0;    ///< after the last matrix
  double longest_seconds = 0;   ///< of one matrix
  std::int64_t longest = -1;    ///< its index; -1 if there are none
  Bound bound = Bound::compute;

  /// Reading, results and matrices overlap: the slowest counts.
  [[nodiscard]] double seconds() const noexcept;
};

/// The bytes that are read for a matrix, once: as stored, with scales, and with its base.
[[nodiscard]] double read_bytes(const Matrix& matrix) noexcept;

/// Forecasts a scan of `matrices` by `plan`.
/// @param item_seconds   of the plan's items, in its order
/// @param alone_seconds  of all matrices on one rank that is alone: an even share of it is the best
///   that more ranks can do
[[nodiscard]] JobForecast forecast_job(const Plan& plan, std::span<const Matrix> matrices,
                                       std::span<const double> item_seconds, double alone_seconds,
                                       const SharedRates& rates);

}  // namespace wishart::plan
