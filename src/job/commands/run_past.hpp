#pragma once

/// @file
/// Earlier checkpoints of a run, which the warnings of a checkpoint are held against.

#include <optional>
#include <string>

#include "wishart/analysis/warnings.hpp"
#include "wishart/archive/reader.hpp"

namespace wishart::job {

/// True if the archive contains several checkpoints with known training steps, i.e. those of one
/// run. Other checkpoints have no order.
/// @throws Error if a checkpoint cannot be read, because its place in the order is unknown
[[nodiscard]] bool is_history(const archive::Reader& archive);

/// Records without spectra.
struct RunPast {
  std::optional<CheckpointRecord> before;  ///< the checkpoint before
  std::optional<CheckpointRecord> first;   ///< the first of the run

  [[nodiscard]] analysis::Past past() const {
    return {before ? &*before : nullptr, first ? &*first : nullptr};
  }
};

/// The past of checkpoint `id`. Empty if there is none, if the order is not known, or if a file
/// that matters for it cannot be read: then the layers are not compared with their past.
[[nodiscard]] RunPast past_of(const archive::Reader& archive, const std::string& id);

}  // namespace wishart::job
