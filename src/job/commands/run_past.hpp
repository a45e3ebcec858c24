#pragma once

/// @file
/// Checkpoints as those of a run: their history, and the earlier ones that the warnings of a
/// checkpoint are held against.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wishart/analysis/history.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/archive/reader.hpp"

namespace wishart::job {

/// True for several checkpoints with known training steps, i.e. those of one run. Other checkpoints
/// have no order.
[[nodiscard]] bool is_history(const archive::Reader::Run& run);

/// The checkpoints of an archive as one history: those of its latest run.
[[nodiscard]] analysis::History history_of(const archive::Reader& archive, std::int64_t window);

/// Records without spectra.
struct RunPast {
  std::optional<CheckpointRecord> before;  ///< the checkpoint before
  std::optional<CheckpointRecord> first;   ///< the first of the run

  [[nodiscard]] analysis::Past past() const {
    return {before ? &*before : nullptr, first ? &*first : nullptr};
  }
  /// Goes on to the next checkpoint: this one is then the one before.
  void pass(CheckpointRecord record);
};

/// The past of checkpoint `id`. Empty if there is none, if the order is not known, or if a file
/// that matters for it cannot be read: then the layers are not compared with their past.
[[nodiscard]] RunPast past_of(const archive::Reader& archive, const std::string& id);

/// The pasts of checkpoints that are passed one after the other, in the order of training. Of each
/// run the first and the last one passed are kept.
class Pasts {
public:
  /// @param all  the checkpoints that can be read
  explicit Pasts(const std::vector<Analysed>& all);

  /// What past_of() gives, if all checkpoints can be read and those before were passed.
  [[nodiscard]] analysis::Past of(const std::string& id) const;
  /// Goes on to the next checkpoint: this one is then the one before.
  void pass(CheckpointRecord record);

private:
  struct OfRun {
    std::shared_ptr<const CheckpointRecord> before;
    std::shared_ptr<const CheckpointRecord> first;
  };
  std::vector<OfRun> runs_;
  std::map<std::string, std::size_t> run_of_;
  /// A copy has a run of its own, with the checkpoints before it.
  std::map<std::string, std::vector<std::size_t>> runs_with_;
};

/// A checkpoint without spectra, with its warnings concluded, and the past they were held against.
struct Concluded {
  CheckpointRecord record;
  RunPast past;
};
[[nodiscard]] Concluded concluded(const archive::Reader& archive, const std::string& id);

}  // namespace wishart::job
