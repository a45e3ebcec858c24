#pragma once

/// @file
/// What a sample of the elements of two checkpoints tells that their spectra do not: how far the
/// copy is from the original, and whether it is only another dtype.

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "wishart/analysis/known_errors.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/model/matrices.hpp"

namespace wishart::job {

/// One matrix of both, by some of its rows.
struct SampledChange {
  double relative = 0;  ///< |B - A| / |A|
  double cut = 0;       ///< the share of |A|^2 in elements that are zero in B
  /// B = D A C with diagonal C, D fits much better than B = A: weights were rescaled.
  bool rescaled = false;
  /// B, but not A, is stored in few bits, or its elements take few values along each row.
  bool few_levels = false;
  /// Each element is that of A rounded to the dtype of B, or A is B rounded to that of A.
  bool only_rounded = false;
};

/// By the key of the matrix.
using SampledChanges = std::map<std::string, SampledChange>;

/// Reads the same rows of the same matrices on every run: of at most 512 matrices, at even
/// distances, four strips of eight rows. Matrices that only one has, or that have another shape,
/// are left out, and those of compressed files, which cannot be read in parts.
/// @param check_stop  asked before each matrix; may throw
/// @throws Error with Blame::input if a file cannot be read
[[nodiscard]] SampledChanges sampled_changes(
    const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base,
    const model::SelectionOptions& options, const std::function<void()>& check_stop = [] {});

/// What rules may use of them. Empty if most matrices are not comparable element by element, as of
/// a rotated model, or a quarter were rescaled: nothing is known then but spectra and norms.
/// @param levels  only those of which B takes few levels, and A does not
[[nodiscard]] analysis::KnownErrors known_errors(const SampledChanges& changes, bool levels);

/// ` But nothing changed: ...` if the tuned checkpoint is the base in another dtype. Reads all of
/// both if the sampled rows say so. Else empty.
/// @param check_stop  asked before each part that is read; may throw
/// @throws Error with Blame::input if a file cannot be read
[[nodiscard]] std::string only_rounded_text(
    const SampledChanges& changes, const checkpoint::Catalogue& tuned,
    const checkpoint::Catalogue& base, const model::SelectionOptions& options,
    const std::function<void()>& check_stop = [] {});

}  // namespace wishart::job
