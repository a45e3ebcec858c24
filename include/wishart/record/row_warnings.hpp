#pragma once

/// @file
/// The warnings that a row of the layer table justifies by itself, in corrected mode. Those that
/// need other layers or other checkpoints are conclusions of `analysis`
/// (wishart/analysis/warnings.hpp).

#include <cstdint>
#include <string>

#include "wishart/record/rows.hpp"

namespace wishart {

/// The spectrum is that of independent elements.
inline constexpr const char* kLikeNoise = "like-noise";
inline constexpr const char* kRankCollapse = "rank-collapse";
inline constexpr const char* kFitFailed = "fit-failed";
inline constexpr const char* kSmallTailWarning = "small-tail";

/// A tail with fewer values gets the warning `small-tail`: its alpha is uncertain by more than 20
/// %.
inline constexpr std::int64_t kSmallTail = 20;

/// With fewer eigenvalues, a layer is not told from noise, nor called so.
inline constexpr std::int64_t kFewestOfNoise = 20;

/// The largest mp_D that noise of this shape has: all of 3700 Gaussian matrices had a smaller one
/// (docs/metrics-evidence.md). NaN for a row without a shape.
///
/// Eigenvalues of noise repel each other, so the distance from the Marchenko-Pastur law falls with
/// log(M) / M, not with M^-1/2. Views of a kernel are independent of each other.
[[nodiscard]] double noise_limit(const LayerRow& row);

/// True if no eigenvalue is above those of noise of the same shape and mean square (null_spikes is
/// 0), and all of them follow the Marchenko-Pastur law (mp_D). False if one of them is not known,
/// and with fewer than kFewestOfNoise eigenvalues: any ten of them look like noise.
[[nodiscard]] bool is_like_noise(const LayerRow& row);

/// The words, separated by `;`, from the numbers and the status of a row. Does not look at
/// `row.warning`.
[[nodiscard]] std::string row_warnings(const LayerRow& row);

}  // namespace wishart
