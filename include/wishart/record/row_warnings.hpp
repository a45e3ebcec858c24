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
/// A LoRA adapter changes nothing; has fewer directions than its rank; outweighs its base.
inline constexpr const char* kAdapterZero = "adapter-zero";
inline constexpr const char* kAdapterCollapsed = "adapter-collapsed";
inline constexpr const char* kAdapterDominates = "adapter-dominates";

/// A tail with fewer values gets the warning `small-tail`: its alpha is uncertain by more than 20
/// %.
inline constexpr std::int64_t kSmallTail = 20;

/// With fewer eigenvalues, a layer is not told from noise, nor called so.
inline constexpr std::int64_t kFewestOfNoise = 20;

/// An adapter of rank r has collapsed if its effective rank is nearer to 1 than to r: below 1 +
/// kCollapsedShare (r - 1), with 16 (kMostToUse) for a larger r, of which good training may use a
/// part. Of 686 layers of adapters that trained well, over-fitted or hardly
/// moved none is below, of 28 after a collapse 10 (docs/adapters.md).
inline constexpr double kCollapsedShare = 0.5;
inline constexpr std::int64_t kMostToUse = 16;
/// An adapter dominates if |s B A|_F is more than this many times |W|_F: the sum is then nearer to
/// the change, at the distance |W|_F, than to the base, at the distance |s B A|_F, by this factor.
/// Adapters that trained well reach 1.3, collapsed ones begin at 186 (docs/adapters.md).
inline constexpr double kDominatingChange = 2;

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

/// True if the row describes the difference to a base, and there is none: a frozen layer, or a
/// quantised weight beside the one that it was made of. Nothing is wrong with such a layer.
[[nodiscard]] bool is_same_as_base(const LayerRow& row);

/// The words, separated by `;`, from the numbers and the status of a row. Does not look at
/// `row.warning`.
[[nodiscard]] std::string row_warnings(const LayerRow& row);

}  // namespace wishart
