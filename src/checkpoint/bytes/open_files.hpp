#pragma once

/// @file
/// The files of a checkpoint: opened when needed, checked for changes, only a few open at a time.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "wishart/core/file.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

class OpenFiles {
public:
  OpenFiles(std::filesystem::path root, std::vector<SourceFile> files, std::size_t max_open_files);

  [[nodiscard]] std::size_t size() const noexcept { return files_.size(); }
  [[nodiscard]] const SourceFile& source(std::size_t index) const { return files_[index]; }
  [[nodiscard]] std::size_t num_open() const noexcept;

  /// The open file. Opens and checks it if necessary, and then closes the least recently used one.
  /// @throws Error with Blame::input if it differs from the catalogue
  [[nodiscard]] const InputFile& open(std::size_t index);

  /// Checks a file again after a read: only what was read before any change is valid.
  /// @throws Error as above
  void check_unchanged(std::size_t index) const;

private:
  static void check(const InputFile& file, const SourceFile& source);

  struct Slot {
    std::optional<InputFile> file;
    std::int64_t last_used = 0;
  };
  std::filesystem::path root_;
  std::vector<SourceFile> files_;
  std::vector<Slot> slots_;  // one for each file
  std::size_t max_open_files_;
  std::int64_t uses_ = 0;
};

}  // namespace wishart::checkpoint
