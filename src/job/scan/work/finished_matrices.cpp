#include "scan/work/finished_matrices.hpp"

#include <iterator>
#include <utility>

#include "wishart/core/error.hpp"

#include "scan/archived/stored_spectrum.hpp"

namespace wishart::job {

FinishedMatrices::FinishedMatrices(std::int64_t matrices)
    : layers_(static_cast<std::size_t>(matrices)),
      spectra_(layers_.size()),
      traps_(layers_.size()),
      finished_(layers_.size()) {}

void FinishedMatrices::keep(std::int64_t index, Spectrum&& spectrum, LayerRow&& row) {
  const auto at = static_cast<std::size_t>(index);
  row.layer_id = index;
  traps_[at] = trap_rows_of(row, std::move(spectrum.traps));
  layers_[at] = std::move(row);
  spectra_[at] = stored(std::move(spectrum));
  size_ += finished_[at] ? 0 : 1;
  finished_[at] = true;
}

void FinishedMatrices::move_to(CheckpointRecord& record) {
  require(size_ == std::ssize(layers_), "a matrix was not computed");
  record.layers = std::move(layers_);
  record.spectra = std::move(spectra_);
  for (std::vector<TrapRow>& traps : traps_) {
    record.traps.insert(record.traps.end(), std::move_iterator(traps.begin()),
                        std::move_iterator(traps.end()));
  }
  *this = {};
}

}  // namespace wishart::job
