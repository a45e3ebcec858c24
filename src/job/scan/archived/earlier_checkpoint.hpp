#pragma once

/// @file
/// An archived checkpoint whose spectra can be reused: frozen layers, bases of adapters.

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "wishart/record/checkpoint_record.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::job {

/// True if this build of wishart wrote it: results of two builds are not mixed in a file.
[[nodiscard]] bool is_by_this_program(const Provenance& provenance);

/// An archived checkpoint with its spectra, by key.
class EarlierCheckpoint {
public:
  explicit EarlierCheckpoint(CheckpointRecord record);

  /// The hash of this matrix's values in the earlier checkpoint; empty if it was missing, had
  /// another shape or an adapter, or has no spectrum.
  [[nodiscard]] std::string hash_of(const Matrix& matrix) const;
  /// The spectrum of a matrix that has a hash, and its row. `same_as` names where it was computed.
  [[nodiscard]] Spectrum spectrum_of(const std::string& key) const;
  [[nodiscard]] const LayerRow& row_of(const std::string& key) const;
  [[nodiscard]] const Provenance& provenance() const noexcept { return record_.provenance; }

private:
  CheckpointRecord record_;
  std::unordered_map<std::string, std::size_t> by_key_;
};

/// Finds the nearest earlier checkpoint of the same run (in the same folder as `own`, with an id
/// before its own in natural order), or else the one that was archived last. It must be from this
/// build, and of the same kind of analysis with the same base and settings. For an adapter on its
/// base, the base serves too, and comes first. Reads only a few files,
/// however large the archive is.
/// @param before  id of the checkpoint before `own` in the history that is scanned, or empty. If it
///   serves, it is taken, and the archive is not even listed
[[nodiscard]] std::optional<EarlierCheckpoint> find_earlier(const std::filesystem::path& archive,
                                                            const Provenance& own,
                                                            const std::string& before = "");

}  // namespace wishart::job
