#pragma once

/// @file
/// Checkpoints that a command line names.

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wishart/archive/choice.hpp"
#include "wishart/archive/reader.hpp"

#include "commands/run_past.hpp"

namespace wishart::job {

/// Reads checkpoints by their ids in one archive, which is opened only once, or by the paths of
/// their files.
class NamedCheckpoints {
public:
  explicit NamedCheckpoints(std::filesystem::path archive) : archive_(std::move(archive)) {}

  /// True for a name that contains `/` or ends in `.h5`.
  [[nodiscard]] static bool is_path(const std::string& name);

  const archive::Reader& archive();

  /// The path, or the id that the word stands for.
  /// @param of  the id that `previous` refers to; empty or a path: the latest
  std::string resolved(const std::string& word, const std::string& of = "");

  /// @param name  from `resolved`
  CheckpointRecord read(const std::string& name, archive::Parts parts);

  /// Earlier checkpoints of the archive's run; empty for a path.
  /// @param name  from `resolved`
  RunPast past(const std::string& name);

  /// One sentence for each checkpoint that was chosen without an id.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

private:
  std::string noted(const archive::Choice& choice);

  std::filesystem::path archive_;
  std::optional<archive::Reader> reader_;
  std::vector<std::string> notes_;
};

}  // namespace wishart::job
