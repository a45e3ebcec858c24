#pragma once

/// @file
/// What the archive has under the id of a scan, and what that leaves to be computed.

#include <filesystem>
#include <string>
#include <vector>

#include "wishart/archive/journal.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::job {

/// What a scan would write, and of which matrices.
struct WantedAnalysis {
  const Provenance& provenance;        ///< id, path, identity, analysis, base and options
  const model::Selection& everything;  ///< of the checkpoint, as without `--layers`
  const model::Selection& selected;    ///< what is asked for
  bool replace = false;                ///< another analysis of the checkpoint may be replaced
};

/// An analysis that the archive has and that is the wanted one, maybe of other layers.
struct ArchivedAnalysis {
  bool there = false;
  bool complete = false;          ///< all that is wanted is there: nothing is to be computed
  Provenance provenance;          ///< its own
  std::vector<LayerRow> rows;     ///< if complete: those of what is wanted
  std::vector<std::string> keys;  ///< else: its matrices, which the file must go on to have
  std::vector<archive::JournalEntry> spectra;  ///< those of them that are not to be computed again
  bool failures = false;                       ///< some of them are
  std::vector<std::string> warnings;
};

/// Looks at the file that a scan would write. What is there stays there: matrices are added, and
/// those that had failed for want of something are computed again.
/// @throws Error with Blame::usage if it holds another checkpoint, or another analysis of this one
///   that must not be replaced; with Blame::input if it is not this program's to replace
[[nodiscard]] ArchivedAnalysis look_up(const std::filesystem::path& file,
                                       const WantedAnalysis& wanted);

}  // namespace wishart::job
