#pragma once

/// @file
/// The change over all layers between two checkpoints.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// The change B - A of one metric over the layers of a group, in the unit of the metric.
struct PairedRow {
  std::string group_by = "all";  ///< `all` or `role`
  std::string group = "all";     ///< `all`, or the role
  std::string metric;            ///< a column of LayerRow
  std::int64_t pairs = 0;        ///< layers with a finite value in A and in B
  std::int64_t left_out = 0;     ///< the other layers of the group
  std::int64_t fell = 0;
  std::int64_t rose = 0;
  std::int64_t tied = 0;  ///< the difference is within rounding
  double mean = kNan;     ///< of the differences; NaN without a pair
  double low = kNan;      ///< 95 % interval of the mean; NaN for fewer than two pairs
  double high = kNan;
  double median = kNan;
  double sign_p = kNan;  ///< two-sided p-value of the sign test; NaN if all are tied
};

template <class F>
void visit_columns(PairedRow& r, F&& f) {
  f("group_by", r.group_by), f("group", r.group), f("metric", r.metric);
  f("pairs", r.pairs), f("left_out", r.left_out);
  f("fell", r.fell), f("rose", r.rose), f("tied", r.tied);
  f("mean", r.mean), f("low", r.low), f("high", r.high);
  f("median", r.median), f("sign_p", r.sign_p);
}

/// The least number of changed layers with which a sign test can reach 5 %: 2 / 2^5 is 6.25 %.
inline constexpr std::int64_t kLeastForSignTest = 6;

/// b - a; 0 if that is within the rounding of sums over different numbers of ranks.
[[nodiscard]] double difference_of(double a, double b) noexcept;

/// The paired change from `a[i]` to `b[i]`. A pair with a value that is not finite is left out.
///
/// The interval is that of the paired t test (Student, Biometrika 6 (1908) 1): mean +- t s /
/// sqrt(pairs). It assumes that the layers are exchangeable and independent. Layers of one model
/// are trained together and are not independent, so it describes these layers, not another run. The
/// sign test is exact; ties are left out (Dixon and Mood, J. Am. Stat. Assoc. 41 (1946) 557).
/// @pre a and b have the same length
[[nodiscard]] PairedRow paired_change(std::span<const double> a, std::span<const double> b);

/// The two-sided p-value of `fell` against `rose` if both are equally likely. NaN if both are 0.
[[nodiscard]] double sign_test(std::int64_t fell, std::int64_t rose);

/// A layer in A and in B; null if there is none to compare.
struct LayerPair {
  const LayerRow* a = nullptr;
  const LayerRow* b = nullptr;
};

/// The paired changes of alpha and other metrics, for all layers and then for each role. Metrics of
/// a fit use only the layers for which both fits succeeded.
/// @param fits_alike  false: the fits are not comparable, so their metrics have no pair
[[nodiscard]] std::vector<PairedRow> paired_changes(std::span<const LayerPair> pairs,
                                                    bool fits_alike = true);

/// The change of a metric in a sentence: `alpha fell in 29 of 31 layers, by 0.22 on average (95 %:
/// 0.19 to 0.25).`
[[nodiscard]] std::string paired_sentence(const PairedRow& row);

/// True if the interval of the mean does not contain 0.
[[nodiscard]] bool is_shared(const PairedRow& row);

/// The row of alpha over all layers; null if there is none.
[[nodiscard]] const PairedRow* alpha_of_all(const std::vector<PairedRow>& rows);

}  // namespace wishart::analysis
