#include "spectra_advice.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/analysis/share.hpp"
#include "wishart/core/text.hpp"

namespace wishart::analysis {
namespace {

/// The mean log_spectral_norm rises by more than this from one checkpoint to the next, the first
/// step aside: the largest eigenvalues seven times as large. A run that starts late may do so, too,
/// but does not end with few directions.
constexpr double kJump = 0.85;
/// All layers were like noise at first, and the mean log_norm has changed by less than this since:
/// the weights have hardly left their initial values.
constexpr double kHardlyMoved = 0.06;
constexpr double kFresh = 0.9;  ///< share of layers like noise in a model that is not trained
/// Mean entropy below which few directions hold nearly all of the weights.
constexpr double kFewDirections = 0.6;
/// The mean stable rank is this many times its lowest: noise has filled the bulk.
constexpr double kRankRegrown = 1.5;
/// Share of the trained layers that have settled.
constexpr double kSettledShare = 0.8;

std::string figure(double value) { return rounded(value, 3); }

/// The share of settled layers among those that are trained at all. NaN while the window is not
/// full.
double settled_among_trained(const HistoryRow& row) {
  const auto layers = static_cast<double>(row.layers);
  const auto fixed = static_cast<double>(row.unchanged);
  if (!(layers > fixed)) return row.settled_share;
  return (row.settled_share * layers - fixed) / (layers - fixed);
}

}  // namespace

std::string nonfinite_text(const HistoryRow& last) {
  if (last.nonfinite == 0) return {};
  return std::to_string(last.nonfinite) + " of " + std::to_string(last.layers) +
         " layers have weights that are NaN or infinite.";
}

bool looks_overfitted(std::span<const HistoryRow> rows, const Trained& trained, std::string& sign) {
  if (trained.of_changes) return false;
  const HistoryRow* lowest = nullptr;
  for (const HistoryRow& row : rows) {
    // A spectrum of few directions is no measure of what a trained layer has.
    if (row.entropy < kFewDirections) continue;
    if (lowest == nullptr || row.stable_rank < lowest->stable_rank) lowest = &row;
  }
  const HistoryRow& last = rows.back();
  if (lowest == nullptr || !(last.stable_rank > kRankRegrown * lowest->stable_rank) ||
      !(last.log_norm > lowest->log_norm)) {
    return false;
  }
  sign = "Since " + printable(lowest->checkpoint) + " the mean stable rank rose again, from " +
         figure(lowest->stable_rank) + " to " + figure(last.stable_rank) +
         ", while the norms grew: what is learnt now fills the bulk of the spectra, as noise does.";
  return true;
}

Conclusion conclude_from_spectra(std::span<const HistoryRow> rows, const Trained& trained) {
  Conclusion result;
  result.basis = Basis::spectra;
  const HistoryRow& first = rows.front();
  const HistoryRow& last = rows.back();
  const auto give = [&](Advice advice, std::string reason) {
    result.advice = advice;
    result.reasons.push_back(std::move(reason));
    return result;
  };
  for (std::size_t i = 2; i < rows.size(); ++i) {
    const double jump = rows[i].log_spectral_norm - rows[i - 1].log_spectral_norm;
    if (!(jump > kJump) || !(last.entropy < kFewDirections)) continue;
    return give(Advice::diverging,
                "From " + printable(rows[i - 1].checkpoint) + " to " +
                    printable(rows[i].checkpoint) +
                    " the largest eigenvalues of the layers grew by a factor of " +
                    figure(std::pow(10, jump)) +
                    " on average, and few directions hold nearly "
                    "all of the weights.");
  }
  const double moved = std::abs(last.log_norm - first.log_norm);
  if (first.step == 0 && share_of(first.like_noise, first.layers).value > kFresh &&
      moved < kHardlyMoved) {
    return give(Advice::not_learning,
                "The squared norms of the layers have changed by " +
                    figure(100 * (std::pow(10, moved) - 1)) +
                    " % on average since step 0, where the weights were like noise.");
  }
  if (last.entropy < kFewDirections) {
    return give(Advice::not_learning, "The mean entropy of the spectra is " + figure(last.entropy) +
                                          ": a few directions hold nearly all of the weights.");
  }
  std::string sign;
  if (looks_overfitted(rows, trained, sign)) return give(Advice::suspect, std::move(sign));
  const double settled = settled_among_trained(last);
  const std::string share =
      rounded(100 * settled, 2) + " % of the layers that are trained have settled.";
  if (std::isnan(settled)) {
    return give(Advice::going_on, "Too few checkpoints to see whether layers have settled.");
  }
  return give(settled >= kSettledShare ? Advice::settled : Advice::going_on, share);
}

}  // namespace wishart::analysis
