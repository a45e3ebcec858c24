#pragma once

/// @file
/// An archive as whoever reads it sees it: a folder, one file of it, or a packed file.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/record/training_place.hpp"

namespace wishart::archive {

/// The checkpoints of an archive by their ids: the names of their files without `.h5`, which is
/// what a user sees, whatever the records in them are called. A packed file is opened once, and
/// stays open.
class Reader {
public:
  /// @throws Error with Blame::input if there is nothing, or a folder cannot be read; whether a
  ///   file is an archive is seen when it is read
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
  /// The checkpoints that belong together, in natural order: whole models; all, where none is one.
  /// Reads the provenance of each when it or run() is called first.
  /// @throws Error if one cannot be read
  [[nodiscard]] const std::vector<std::string>& models() const;
  /// Those of models() whose step is known, in the order of training.
  /// @throws Error if one cannot be read: it might stand anywhere in the order
  [[nodiscard]] const std::vector<TrainingPlace>& run() const;
  /// Where read_archive finds a checkpoint.
  [[nodiscard]] std::filesystem::path file_of(const std::string& id) const;

  /// As read_archive, but called `id`, whatever it calls itself.
  [[nodiscard]] CheckpointRecord read(const std::string& id, Parts parts = Parts::all) const;
  [[nodiscard]] CheckpointRecord read(const std::string& id, const ChooseLayers& choose) const;
  /// As read_provenance: what the record says of itself.
  [[nodiscard]] Provenance provenance(const std::string& id) const;

private:
  struct Packed;
  struct Survey {
    std::vector<std::string> models;
    std::vector<TrainingPlace> run;
  };

  [[nodiscard]] const Survey& survey() const;
  template <class Wanted>
  [[nodiscard]] CheckpointRecord read_as(const std::string& id, const Wanted& wanted) const;

  std::filesystem::path archive_;
  bool folder_ = false;
  std::vector<std::string> ids_;
  std::unique_ptr<Packed> packed_;  ///< empty if it is none
  mutable std::optional<Survey> survey_;
};

}  // namespace wishart::archive
