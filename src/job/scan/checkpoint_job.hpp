#pragma once

/// @file
/// Rank 0's side of scanning one checkpoint: what is to be done, what is done, what is written.

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "wishart/archive/journal.hpp"
#include "wishart/archive/lock.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/job/ending.hpp"
#include "wishart/job/options.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/plan/plan.hpp"

#include "scan/archived_analysis.hpp"
#include "scan/earlier_checkpoint.hpp"
#include "scan/machine.hpp"
#include "scan/messages.hpp"

namespace wishart::job {

/// A scan of one checkpoint, from its headers to its archive file. No MPI: rank 0 only.
class CheckpointJob {
public:
  /// Reads headers, selects matrices, looks at the archive and the journal, and plans what is left.
  /// @throws Error
  CheckpointJob(const std::filesystem::path& path, const ScanOptions& options,
                const Layout& layout);

  /// The archive has this checkpoint, with these options, already.
  [[nodiscard]] bool already_archived() const noexcept { return already_archived_; }
  /// Another job is computing it.
  [[nodiscard]] bool left_to_another() const noexcept { return lock_ && !lock_->held(); }
  /// What the ranks have to know. Its matrices are those still to be computed, in plan order.
  [[nodiscard]] WorkOrder work_order() const;
  /// The plan over the matrices of the work order: item i is matrix i.
  [[nodiscard]] const plan::Plan& plan() const noexcept { return plan_; }

  /// Work enough that measuring the ranks' speed first costs nothing by comparison.
  [[nodiscard]] bool worth_calibrating() const noexcept;
  /// Predicts the plan's times for ranks that multiply at `gflops`, and starts the clock of the
  /// work.
  void start_work(double gflops);

  /// Takes results into the journal.
  /// @throws Error with Blame::resource if they cannot be written
  void take(std::vector<Result>&& results);
  /// Forces the journal to disk if the last time was a while ago, or if `now`, and keeps the lock.
  /// @throws Error with Blame::resource, also if the lock was lost
  void flush(bool now);

  /// Writes the archive file and removes the journal. All matrices must be done.
  /// @return the file
  std::filesystem::path finish();

  /// How the checkpoint ends, once it is finished or needs nothing: done, or the gravest failure of
  /// its matrices, or that another job is at it.
  [[nodiscard]] const Ending& ending() const noexcept { return ending_; }

  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] std::int64_t num_matrices() const noexcept {
    return static_cast<std::int64_t>(selection_.matrices.size());
  }
  [[nodiscard]] std::int64_t num_done() const noexcept {
    return static_cast<std::int64_t>(done_.size());
  }
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }
  /// One or two lines for the user: the file, and how many layers, failures and skipped tensors.
  [[nodiscard]] std::string closing_text() const;

private:
  struct Done {
    Spectrum spectrum;
    LayerRow row;
  };

  void take_lock();
  void check_archive();
  /// Makes the scan one of what the archive has and what is asked for.
  void add_to(ArchivedAnalysis&& found);
  void resume_from_journal();
  [[nodiscard]] const Matrix* matrix_of(const std::string& key) const;
  void note_failures(const std::vector<LayerRow>& rows, const std::filesystem::path& archive);
  bool note_done(const std::string& key, Spectrum&& spectrum);
  void make_plan(const Layout& layout);
  /// Gives a result whose values have not changed what the earlier checkpoint has.
  void fill_unchanged(const Matrix& matrix, Result& result) const;
  [[nodiscard]] double seconds() const;

  ScanOptions options_;
  std::string id_;  ///< first: a name that cannot be used is refused before anything is read
  checkpoint::Catalogue catalogue_;
  model::Selection everything_;  ///< as without --layers
  model::Selection selection_;   ///< asked for, or in the archive already
  Provenance provenance_;        ///< what is known before there are numbers
  Layout layout_;
  bool already_archived_ = false;
  double earlier_seconds_ = 0;  ///< of the archive whose failures are computed again
  std::int64_t earlier_restarts_ = 0;
  std::int64_t earlier_reseals_ = 0;  ///< of the file whose matrices were taken over
  std::string earlier_reseal_log_;
  std::unique_ptr<archive::CheckpointLock> lock_;
  std::unique_ptr<archive::Journal> journal_;  ///< after the lock: closed before it is given up
  std::vector<Matrix> todo_;                   ///< in plan order
  std::optional<EarlierCheckpoint> earlier_;   ///< where unchanged values have their spectra
  plan::Plan plan_;
  std::unordered_map<std::string, Done> done_;       ///< by key
  std::unordered_map<std::string, plan::Way> ways_;  ///< of all matrices, by key
  plan::Rates rates_;
  double predicted_seconds_ = kNan;
  double busy_seconds_ = 0;  ///< of all ranks in this run
  std::chrono::steady_clock::time_point work_start_;
  std::chrono::steady_clock::time_point work_end_;  ///< of the last result
  std::vector<std::string> warnings_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_flush_;
  std::filesystem::path file_;
  std::string closing_;
  Ending ending_;
};

}  // namespace wishart::job
