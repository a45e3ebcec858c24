#pragma once

/// @file
/// What is usual for a layer: the percentiles of its metrics among the layers of the same role and
/// size in 12 349 public language models. docs/metrics.md explains how to read them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// The layers that a layer is compared with: those of one role whose shorter side is in a range.
struct UsualGroup {
  std::string_view name;       ///< for people: `value projections`
  std::int64_t from_side = 0;  ///< of the shorter side, inclusive
  std::int64_t to_side = 0;    ///< inclusive
  std::int64_t matrices = 0;   ///< number of reference matrices
};

/// Whether there are reference values for a layer.
enum class UsualStatus : std::uint8_t {
  known,
  no_spectrum,    ///< the layer has no metrics
  unknown_role,   ///< no reference values for its role
  unknown_size,   ///< reference values for its role, but not for its size
  of_difference,  ///< the row describes the difference to a base
  of_adapter,     ///< the row describes an adapter
};

/// Percentiles from 1 to 99: 1 means 1 or less, 99 means 99 or more. NaN if the metric or its
/// reference values are not known. A layer without a tail has no percentile of `alpha` and `D`, nor
/// has one whose fit used other options (values left out, another law).
struct Usual {
  UsualStatus status = UsualStatus::no_spectrum;
  UsualGroup group;  ///< if the status is `known`
  double alpha = kNan;
  double D = kNan;
  double stable_rank = kNan;  ///< of stable_rank / M
  double log_norm = kNan;
  double log_spectral_norm = kNan;
};

[[nodiscard]] Usual usual_of(const LayerRow& row);

/// The metrics with reference values.
enum class UsualMetric : std::uint8_t {
  alpha,
  distance,           ///< D
  stable_rank_share,  ///< stable_rank / M
  log_norm,
  log_spectral_norm,
};

/// The value at a percentile from 1 to 99 among layers of a role whose shorter side is `side`; NaN
/// if there are no reference values.
[[nodiscard]] double usual_value(std::string_view role, std::int64_t side, UsualMetric metric,
                                 double percentile);

/// `value projections of 1025 to 2048`.
[[nodiscard]] std::string group_text(const UsualGroup& group);

/// A percentile in words: `median`, `above 83 %`, `below 99 %`. Empty for NaN.
[[nodiscard]] std::string percentile_text(double percentile);

/// `alpha 7.4: median of value projections of 1025 to 2048`, or `alpha 7.4` without a percentile.
/// @pre the percentile is one of `usual`
[[nodiscard]] std::string usual_text(std::string_view metric, double value, double percentile,
                                     const Usual& usual);

/// Why there are no reference values: `no reference values for the role conv`. Empty if there are.
[[nodiscard]] std::string why_unknown(const Usual& usual, const LayerRow& row);

/// The status in `export` and JSON: `known`, `no-spectrum`, `unknown-role`, ...
[[nodiscard]] std::string_view status_name(UsualStatus status);

/// What `export` and JSON add to the row of a layer.
struct UsualColumns {
  double alpha_percentile = kNan;
  double D_percentile = kNan;
  double stable_rank_percentile = kNan;
  double log_norm_percentile = kNan;
  double log_spectral_norm_percentile = kNan;
  std::string usual_status;  ///< of UsualStatus
  std::string usual_group;   ///< `value projections of 1025 to 2048`, or empty
};
[[nodiscard]] UsualColumns usual_columns(const LayerRow& row);

template <class F>
void visit_columns(UsualColumns& r, F&& f) {
  f("alpha_percentile", r.alpha_percentile), f("D_percentile", r.D_percentile);
  f("stable_rank_percentile", r.stable_rank_percentile);
  f("log_norm_percentile", r.log_norm_percentile);
  f("log_spectral_norm_percentile", r.log_spectral_norm_percentile);
  f("usual_status", r.usual_status), f("usual_group", r.usual_group);
}

/// The layers of a model that belong to one group, or that have no reference values for the same
/// reason. The metrics are medians over the layers with a percentile.
struct UsualRow {
  std::string group;   ///< `value projections of 1025 to 2048`, or empty
  std::string reason;  ///< why there are no reference values, or empty
  std::int64_t layers = 0;
  std::int64_t with_alpha = 0;  ///< layers with an alpha that has a percentile
  double alpha = kNan;
  double alpha_percentile = kNan;
  std::int64_t low = 0;   ///< layers with an alpha below the 5th percentile
  std::int64_t high = 0;  ///< above the 95th
  double D = kNan;
  double D_percentile = kNan;
  double stable_rank = kNan;
  double stable_rank_percentile = kNan;
  std::string text;  ///< `alpha 7.4: median of value projections of 1025 to 2048`
};

template <class F>
void visit_columns(UsualRow& r, F&& f) {
  f("group", r.group), f("reason", r.reason), f("layers", r.layers);
  f("with_alpha", r.with_alpha), f("alpha", r.alpha);
  f("alpha_percentile", r.alpha_percentile), f("low", r.low), f("high", r.high), f("D", r.D);
  f("D_percentile", r.D_percentile), f("stable_rank", r.stable_rank);
  f("stable_rank_percentile", r.stable_rank_percentile), f("text", r.text);
}

/// Groups in the order in which they occur, then the layers without reference values.
[[nodiscard]] std::vector<UsualRow> usual_table(const std::vector<LayerRow>& layers);

/// The number of reference models.
[[nodiscard]] std::int64_t population_models();

}  // namespace wishart::analysis
