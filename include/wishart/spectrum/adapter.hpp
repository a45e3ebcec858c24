#pragma once

/// @file
/// Measures a LoRA adapter beside its base from its thin factors, without forming s B A.

#include <cstdint>
#include <vector>

#include "wishart/spectrum/spectrum.hpp"

namespace wishart::spectrum {

/// A matrix and where its elements are.
struct Elements {
  const Matrix* matrix = nullptr;
  ElementSource* source = nullptr;
};

/// An adapter on its base. B is rows x r, A is r x columns, W rows x columns.
struct AdaptedMatrix {
  Elements left;      ///< B
  Elements right;     ///< A
  double factor = 1;  ///< s
  Elements base;      ///< W
  Elements tuned;     ///< DoRA, where the change is not s B A alone: the merged weights. Else empty
};

struct AdapterComparison {
  std::vector<double>
      sigma;             ///< singular values of s B A, descending: r of them, or the short side
  double frobenius = 0;  ///< |s B A|_F
  double spectral = 0;   ///< |s B A|_2
  double base_sum_squares = 0;  ///< |W|_F^2
  double change_sum_squares =
      0;  ///< of the change made by the adapter: |s B A|_F^2, except for DoRA
  /// |U^T W V|_F / |W|_F, divided by k / sqrt(rows x columns), where U and V are the left and right
  /// singular vectors of the k values of s B A that are not zero: 1 if the adapter's directions
  /// hold no more of W than random ones would, 0 if they hold nothing of it. |U^T W V|_F is the
  /// denominator of LoRA's amplification factor (Hu et al., ICLR 2022, arXiv 2106.09685, section
  /// 7.3). NaN if s B A or W is zero.
  double alignment = 0;
};

/// Values of s B A below this share of the largest count as zero in the alignment: factors in F32
/// that are multiples of each other leave about 1e-8.
inline constexpr double kZeroDirection = 1e-6;

/// One pass over W; the factors are held in memory. Collective over the team; complete on every
/// rank. All elements must be finite.
/// @throws mpi::AgreedError on every rank
[[nodiscard]] AdapterComparison compare_adapter(const AdaptedMatrix& adapted, Team& team,
                                                const SolveOptions& options, Workspace& workspace);

}  // namespace wishart::spectrum
