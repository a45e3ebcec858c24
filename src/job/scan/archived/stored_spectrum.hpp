#pragma once

/// @file
/// Converts spectra to what the archive stores, and back.

#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::job {

/// The part of a spectrum that the archive stores in addition to the row of the layer table.
[[nodiscard]] StoredSpectrum stored(Spectrum&& spectrum);

/// The spectrum from which `row` and `part` were made, as far as fit::layer_row needs it to make
/// the same row again. `traps` is the table of the same record, in its order.
[[nodiscard]] Spectrum restored(const LayerRow& row, StoredSpectrum&& part,
                                const std::vector<TrapRow>& traps);

/// What a row says of a matrix before anything is known of its values.
[[nodiscard]] LayerRow shape_row(const Matrix& matrix);

/// What of `spectrum`, which was read from a file, contradicts `row`, the row of its matrix: the
/// first finding that a verification of its archive would have. Empty: nothing.
[[nodiscard]] std::string contradiction(const LayerRow& row, const Spectrum& spectrum);

/// The rows of the table of traps for a layer, from those of its spectrum.
[[nodiscard]] std::vector<TrapRow> trap_rows_of(const LayerRow& row, std::vector<TrapRow> traps);

/// False for a failure that may not occur again: a file that could not be read, or lack of memory.
/// A solver that did not converge will not converge next time either.
[[nodiscard]] bool is_lasting(const Spectrum& spectrum) noexcept;
[[nodiscard]] bool is_lasting(const LayerRow& row) noexcept;
/// True if none of the rows is computed again by the next scan.
[[nodiscard]] bool all_lasting(const std::vector<LayerRow>& rows) noexcept;

}  // namespace wishart::job
