#pragma once

/// @file
/// Finds what the archive already holds under the id of a scan.

#include <filesystem>
#include <string>
#include <vector>

#include "wishart/archive/journal.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::job {

/// The analysis that a scan wants to write.
struct WantedAnalysis {
  const Provenance& provenance;        ///< id, path, identity, analysis, base and options
  const model::Selection& everything;  ///< all matrices of the checkpoint, ignoring `--layers`
  const model::Selection& selected;    ///< the requested matrices
  bool replace = false;                ///< allow replacing a different analysis of the checkpoint
};

/// The wanted analysis as far as the archive holds it, possibly for other layers.
struct ArchivedAnalysis {
  bool there = false;
  bool complete = false;          ///< it holds all requested matrices: nothing to compute
  Provenance provenance;          ///< of the archived analysis
  std::vector<LayerRow> rows;     ///< if complete: those of the requested matrices
  std::vector<std::string> keys;  ///< else: its matrices, which the new file must also hold
  std::vector<archive::JournalEntry> spectra;  ///< of its matrices that need not be computed again
  bool failures = false;  ///< it has matrices that failed and are computed again
  std::vector<std::string> warnings;
};

/// Reads the file that a scan would write. Its matrices are kept: the scan adds matrices, and
/// computes those again that failed for lack of a resource.
/// @throws Error with Blame::usage if the file holds another checkpoint, or another analysis of
/// this
///   one that must not be replaced; with Blame::input if it was not written by wishart
[[nodiscard]] ArchivedAnalysis look_up(const std::filesystem::path& file,
                                       const WantedAnalysis& wanted);

}  // namespace wishart::job
