#pragma once

/// @file
/// The options that affect the metrics of a spectrum.

#include <cstdint>
#include <string>

#include "wishart/fit/thresholds.hpp"

namespace wishart::fit {

/// WeightWatcher's fix_fingers.
enum class FixFingers : std::uint8_t { none, clip_xmax, xmin_peak };

/// Which law gives alpha: WeightWatcher's `fit`.
enum class FitLaw : std::uint8_t {
  power_law,  ///< PL
  truncated,  ///< TPL: the truncated power law on the power law's tail
  peak,       ///< E_TPL: the truncated power law on the tail from the peak of the density
};

struct FitOptions {
  bool weightwatcher = false;  ///< WeightWatcher 0.7.5.5's numbers, defects included
  double tolerance = 1e-6;     ///< absolute eigenvalue tolerance of weak_rank_loss
  FitLaw law = FitLaw::power_law;
  FixFingers fix_fingers = FixFingers::none;
  std::int64_t max_fingers = 10;
  double finger_thresh = 1.0;
  std::int64_t xmax = 0;  ///< number of largest eigenvalues excluded from the fit
  bool mp_fit = false;    ///< compat mode: WeightWatcher's Marchenko-Pastur fit
  std::int64_t bootstrap = kDefaultReplicas;  ///< replicas for the interval of alpha
  std::int64_t gof = 0;                       ///< replicas for the goodness of fit
  std::uint64_t seed = kDefaultSeed;
};

/// The options as a JSON object, as stored in the archive.
[[nodiscard]] std::string options_json(const FitOptions& options);

template <class F>
void visit_fields(FitOptions& v, F&& f) {
  f(v.weightwatcher), f(v.tolerance), f(v.law), f(v.fix_fingers), f(v.max_fingers);
  f(v.finger_thresh), f(v.xmax), f(v.mp_fit), f(v.bootstrap), f(v.gof), f(v.seed);
}

}  // namespace wishart::fit
