#pragma once

/// @file
/// What the archive keeps of a spectrum, and the spectrum back from it.

#include "wishart/record/checkpoint_record.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::job {

/// The part of a spectrum that the archive keeps beside the row of the layer table.
[[nodiscard]] StoredSpectrum stored(Spectrum&& spectrum);

/// The spectrum that `row` and `part` were made from, as far as fit::layer_row looks at it: the
/// same row can be made from it again.
[[nodiscard]] Spectrum restored(const LayerRow& row, StoredSpectrum&& part);

/// False for a failure that another run may not have: a file that could not be read, memory that
/// ran out. A solver that did not converge will not converge tomorrow either.
[[nodiscard]] bool is_lasting(const Spectrum& spectrum) noexcept;
[[nodiscard]] bool is_lasting(const LayerRow& row) noexcept;

}  // namespace wishart::job
