#pragma once

/// @file
/// The results of a checkpoint's matrices, in the form of its archive.

#include <cstdint>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/record/spectrum.hpp"
#include "wishart/record/trap_row.hpp"

namespace wishart::job {

/// Has a place for each matrix from the beginning: nothing is copied when the archive is written,
/// which is when rank 0 holds most.
class FinishedMatrices {
public:
  FinishedMatrices() = default;
  explicit FinishedMatrices(std::int64_t matrices);

  /// Keeps the result of matrix `index`, in place of an earlier one. The index becomes its
  /// layer_id.
  void keep(std::int64_t index, Spectrum&& spectrum, LayerRow&& row);

  [[nodiscard]] bool contains(std::int64_t index) const {
    return finished_[static_cast<std::size_t>(index)];
  }
  /// How many there are.
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }

  /// Moves layers, spectra and traps to `record`.
  /// @pre all matrices are finished
  void move_to(CheckpointRecord& record);

private:
  std::vector<LayerRow> layers_;
  std::vector<StoredSpectrum> spectra_;
  std::vector<std::vector<TrapRow>> traps_;
  std::vector<bool> finished_;
  std::int64_t size_ = 0;
};

}  // namespace wishart::job
