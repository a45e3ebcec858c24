#pragma once

/// @file
/// The constants that shape the metrics, with their sources.

#include <cstdint>

namespace wishart::fit {

/// Version of the metrics, stored in the archive: it changes when a number or a warning does. 1 had
/// the columns up to `seconds`; 2 tested spikes at 1 % with Johnstone's centre and scale; 3 gave
/// spectra without a tail an alpha; 4 had the warnings `over-trained` and `under-trained` in
/// corrected mode, no `like-noise`, and no effective ranks; 5 judged adapters as if they were whole
/// weights; 6 said of a difference of zero that its fit had failed.
inline constexpr std::int64_t kFitVersion = 8;

/// WeightWatcher's absolute floor: eigenvalues at or below it are not fitted (EVALS_THRESH).
inline constexpr double kWeightWatcherFloor = 1e-5;
/// WeightWatcher's addend to shares and rank in the entropy (EPS on a CPU).
inline constexpr double kEntropyEps = 1e-10;

/// The smallest tail that corrected mode accepts. Two points always fit with D = 0.365; ten is
/// where the standard error of alpha, (alpha - 1) / sqrt(n), falls below a third of alpha - 1.
inline constexpr std::int64_t kMinTail = 10;

/// A spectrum has no tail (docs/metrics-evidence.md has the simulations behind these numbers):
/// if alpha is above kMostAlpha and kMostOfNoise times that of noise of the same shape. A sample of
/// m values of such a law spans a factor of about m^(1 / 31): 1.1 for 20;
inline constexpr double kMostAlpha = 32;
inline constexpr double kMostOfNoise = 10;
/// or if the eigenvalues scatter less than kLeastScatter times as much as those of noise, so that
/// an orthogonal matrix has 71 % of the squares, and the uniform law is better than the power law
/// by kUniformBetter standard deviations (1 % two-sided, Vuong, Econometrica 57 (1989) 307);
inline constexpr double kLeastScatter = 0.5;
inline constexpr double kUniformBetter = 2.576;
/// or if the density of their upper half rises, by kRises standard deviations (0.13 % one-sided).
inline constexpr double kRises = 3;

/// WeightWatcher's bound on the values that clip_xmax takes away, whatever the user says.
inline constexpr std::int64_t kWeightWatcherMaxFingers = 10;

/// Another tail with nearly the same D makes alpha ambiguous: D at most kRivalD larger, alpha more
/// than kRivalAlpha apart. Four of 20 layers of a ResNet-20 have one (WeightWatcher, default fit).
inline constexpr double kRivalD = 0.005;
inline constexpr double kRivalAlpha = 0.5;

/// Outliers at the top of the tail: at most kMaxOutliers are looked for, in tails of at least
/// kMinOutlierTail values, and told if the probability of chance is below kOutlierLevel.
inline constexpr std::int64_t kMaxOutliers = 10;
inline constexpr std::int64_t kMinOutlierTail = 12;
inline constexpr double kOutlierLevel = 0.01;

/// The probability below which an eigenvalue counts as a spike above the Marchenko-Pastur edge:
/// with it no shape of noise has a spike in more than 1 % of its matrices
/// (docs/metrics-evidence.md).
inline constexpr double kSpikeLevel = 0.005;
/// The probability below which one law counts as better than another.
inline constexpr double kLawLevel = 0.05;

/// Replicas for the interval of alpha, unless the user says otherwise, and the seed of all random
/// numbers.
inline constexpr std::int64_t kDefaultReplicas = 50;
inline constexpr std::uint64_t kDefaultSeed = 20261124;

}  // namespace wishart::fit
