#pragma once

/// @file
/// A checkpoint of the archive whose spectra may serve again: frozen layers, bases of adapters.

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "wishart/record/checkpoint_record.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::job {

/// True if this build of wishart wrote it: the results of two builds do not go into one archive.
[[nodiscard]] bool is_by_this_program(const Provenance& provenance);

/// A record with its spectra, by key.
class EarlierCheckpoint {
public:
  explicit EarlierCheckpoint(CheckpointRecord record);

  /// The hash of this matrix's values then; empty if it was not there, had another shape, or has no
  /// spectrum.
  [[nodiscard]] std::string hash_of(const Matrix& matrix) const;
  /// The spectrum of a matrix that has a hash, and its row. `same_as` names where it was computed.
  [[nodiscard]] Spectrum spectrum_of(const std::string& key) const;
  [[nodiscard]] const LayerRow& row_of(const std::string& key) const;
  [[nodiscard]] const Provenance& provenance() const noexcept { return record_.provenance; }

private:
  CheckpointRecord record_;
  std::unordered_map<std::string, std::size_t> by_key_;
};

/// Looks for the nearest checkpoint of the same run before `own` (a folder beside its path, before
/// its id in natural order), else for the one that was archived last. It must be of this program,
/// of the same kind of analysis, with the same base and settings. A few files are looked at,
/// however large the archive.
[[nodiscard]] std::optional<EarlierCheckpoint> find_earlier(const std::filesystem::path& archive,
                                                            const Provenance& own);

}  // namespace wishart::job
