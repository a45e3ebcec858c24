#pragma once

/// @file
/// Runs that an advice is given on, made of their losses.

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/analysis/advice.hpp"
#include "wishart/analysis/history.hpp"

namespace Catch {

/// An advice by its name, not by its number, where a check fails.
template <>
struct StringMaker<wishart::analysis::Advice> {
  static std::string convert(wishart::analysis::Advice advice) {
    return std::string(wishart::analysis::advice_name(advice));
  }
};

}  // namespace Catch

namespace wishart::test {

using namespace analysis;

struct Losses {
  double training;
  double held_out;
};

/// The loss of checkpoint i. Tests give few digits; two that were measured differ in their last.
inline double measured(double loss, std::size_t i) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  return std::isfinite(loss) ? loss * (1 + kEpsilon * static_cast<double>(i)) : loss;
}

/// Checkpoints at steps 0, 100, 200, 400, ..., or from another step than 0 on, each at twice the
/// one before.
inline std::vector<HistoryRow> run_of(const std::vector<Losses>& losses, std::int64_t first = 0) {
  std::vector<HistoryRow> rows(losses.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].step = first > 0 ? first << i : i == 0 ? 0 : 100LL << (i - 1);
    rows[i].checkpoint = "checkpoint-" + std::to_string(rows[i].step);
    rows[i].loss = measured(losses[i].training, i);
    rows[i].eval_loss = measured(losses[i].held_out, i);
    rows[i].layers = 10;
    rows[i].entropy = 0.8;
    rows[i].stable_rank = 10;
    rows[i].log_norm = 1 + 0.1 * static_cast<double>(i);
    rows[i].log_spectral_norm = 0;
    rows[i].settled_share = 0;
  }
  return rows;
}

/// The conclusion on rows whose checkpoints all have the same layers, so that the changes over the
/// layers are those of the means.
inline Conclusion concluded(std::vector<HistoryRow> rows, const Trained& trained,
                            std::int64_t window) {
  for (std::size_t i = 1; i < rows.size(); ++i) {
    rows[i].spectral_norm_step = rows[i].log_spectral_norm - rows[i - 1].log_spectral_norm;
    rows[i].spectral_norm_risen = rows[i].log_spectral_norm - rows[0].log_spectral_norm;
    rows[i].norm_risen = rows[i].log_norm - rows[0].log_norm;
  }
  return conclude(rows, trained, window);
}

inline const Trained kBytes{.classes = 256, .language = true};

inline Advice advice_on(const std::vector<Losses>& losses, const Trained& trained = kBytes) {
  return concluded(run_of(losses), trained, 3).advice;
}

inline std::vector<HistoryRow> without_losses(std::size_t count = 5) {
  return run_of(std::vector<Losses>(count, {kNan, kNan}));
}

}  // namespace wishart::test
