#pragma once

/// @file
/// Reads an archive, which is a folder, one file of it, or a packed file.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/record/analysed.hpp"
#include "wishart/record/training_place.hpp"

namespace wishart::archive {

/// The checkpoints of an archive by id. An id is the name of the file without `.h5`, which is what
/// a user sees; the record in the file may have another id. A packed file is opened once and stays
/// open.
class Reader {
public:
  /// A file is only checked when it is read.
  /// @throws Error with Blame::input if `archive` does not exist, or is a folder that cannot be
  ///   read
  explicit Reader(std::filesystem::path archive);
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] bool packed() const noexcept { return packed_ != nullptr; }
  /// In natural order.
  [[nodiscard]] const std::vector<std::string>& ids() const noexcept { return ids_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return archive_; }
  /// Checkpoints that stand beside each other (record/analysed.hpp).
  struct Run {
    std::vector<std::string> models;    ///< in natural order
    std::vector<TrainingPlace> places;  ///< those whose step is known, in the order of training
    std::vector<Analysed> left_out;

    /// True if nothing is beside the only model but changes of weights. It needs no step.
    [[nodiscard]] bool is_only_model() const;
    /// The ids in the order of training; the last one is the latest. Empty if none is.
    [[nodiscard]] std::vector<std::string> order() const;
  };
  /// The run of the latest checkpoint. The first call of this, of models() or of run()
  /// reads the provenance of each checkpoint.
  /// @throws Error if one cannot be read, because its place in the order is unknown
  [[nodiscard]] const Run& latest_run() const;
  /// The run of a checkpoint, with those whose numbers mean the same as its own. Without any if it
  /// is a change of weights beside whole models.
  /// @throws Error as latest_run()
  [[nodiscard]] Run run_of(const std::string& id) const;
  /// latest_run() of an archive that holds the analyses `all`.
  [[nodiscard]] static Run latest_run_among(std::vector<Analysed> all);
  /// run_of() among the analyses `all`, of which others of the archive may be missing.
  [[nodiscard]] static Run run_among(const std::vector<Analysed>& all, const std::string& id);
  /// Parts of latest_run().
  [[nodiscard]] const std::vector<std::string>& models() const { return latest_run().models; }
  [[nodiscard]] const std::vector<TrainingPlace>& run() const { return latest_run().places; }
  /// The path under which read_archive finds a checkpoint.
  [[nodiscard]] std::filesystem::path file_of(const std::string& id) const;

  /// Like read_archive, but the record gets `id` as its checkpoint id, whatever the file says.
  [[nodiscard]] CheckpointRecord read(const std::string& id, Parts parts = Parts::all) const;
  [[nodiscard]] CheckpointRecord read(const std::string& id, const ChooseLayers& choose) const;
  /// Like read_provenance; the checkpoint id is the one in the file.
  [[nodiscard]] Provenance provenance(const std::string& id) const;

private:
  struct Packed;

  [[nodiscard]] const std::vector<Analysed>& survey() const;
  [[nodiscard]] static Run run_like(std::vector<Analysed> all, const std::string& id);
  template <class Wanted>
  [[nodiscard]] CheckpointRecord read_as(const std::string& id, const Wanted& wanted) const;

  std::filesystem::path archive_;
  bool folder_ = false;
  std::vector<std::string> ids_;
  std::unique_ptr<Packed> packed_;  ///< null if the archive is not packed
  mutable std::optional<std::vector<Analysed>> survey_;
  mutable std::optional<Run> latest_run_;
};

}  // namespace wishart::archive
