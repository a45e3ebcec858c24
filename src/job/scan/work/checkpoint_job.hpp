#pragma once

/// @file
/// Rank 0's part of scanning one checkpoint: the work, the results, the archive file.

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wishart/archive/chunk_filter.hpp"
#include "wishart/archive/journal.hpp"
#include "wishart/archive/lock.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/job/ending.hpp"
#include "wishart/job/options.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/plan/plan.hpp"

#include "scan/archived/archived_analysis.hpp"
#include "scan/archived/earlier_checkpoint.hpp"
#include "scan/locks/kept_lock.hpp"
#include "scan/machine/machine.hpp"
#include "scan/ranks/messages.hpp"
#include "scan/work/finished_matrices.hpp"

namespace wishart::job {

/// Takes the lock of a checkpoint: folder and id. It may wait for it.
using TakeLock = std::function<std::unique_ptr<archive::CheckpointLock>(
    const std::filesystem::path&, const std::string&)>;

/// A scan of one checkpoint, from its headers to its archive file. No MPI: rank 0 only.
class CheckpointJob {
public:
  /// Reads headers, selects matrices, reads the archive and the journal, and plans the remaining
  /// work.
  /// @param take    null: the lock is tried, without waiting
  /// @param before  the checkpoint before it in the history that is scanned, or empty
  /// @throws Error
  CheckpointJob(const std::filesystem::path& path, const ScanOptions& options, const Layout& layout,
                const TakeLock& take = {}, const std::filesystem::path& before = {});

  /// Another job is working on it.
  [[nodiscard]] bool left_to_another() const noexcept { return lock_ && !lock_->held(); }
  /// What the ranks need to know. Its matrices are the remaining ones, in plan order.
  [[nodiscard]] WorkOrder work_order() const;
  /// The plan over the matrices of the work order: item i is matrix i.
  [[nodiscard]] const plan::Plan& plan() const noexcept { return plan_; }

  /// True if there is so much work that measuring the speed of the ranks first costs little.
  [[nodiscard]] bool worth_calibrating() const noexcept;
  /// Predicts the plan's times for ranks with this speed, and starts to measure the time.
  void start_work(double gflops);

  /// Appends results to the journal.
  /// @throws Error with Blame::resource if that fails
  void take(std::vector<Result>&& results);
  /// Flushes the journal to disk if the last flush was a while ago or if `now`, and renews the
  /// lock.
  /// @throws Error with Blame::resource, also if the lock was lost
  void flush(bool now);

  /// Writes the archive file and removes the journal. All matrices must be done.
  /// @param filter  who compresses
  /// @return the file
  std::filesystem::path finish(const archive::ChunkFilter& filter = archive::filter_here());

  /// How the checkpoint ended, once it is finished or needs no work: done, or the most serious
  /// failure of its matrices, or that another job is working on it.
  [[nodiscard]] const Ending& ending() const noexcept { return ending_; }

  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] std::int64_t num_matrices() const noexcept {
    return std::ssize(selection_.matrices);
  }
  [[nodiscard]] std::int64_t num_done() const noexcept { return finished_.size(); }
  /// The planned cost of the matrices that were done before this run.
  [[nodiscard]] double done_flops() const noexcept { return done_flops_; }
  /// The matrices of the work order.
  [[nodiscard]] const std::vector<Matrix>& todo() const noexcept { return todo_; }
  /// The expected time of each item of the plan, and of all of them: after start_work.
  [[nodiscard]] const std::vector<double>& item_seconds() const noexcept { return item_seconds_; }
  [[nodiscard]] double predicted_seconds() const noexcept { return predicted_seconds_; }
  /// The matrix that is expected to take the shortest time of those that are not done, and this
  /// time. At least one must be left.
  [[nodiscard]] std::pair<Matrix, double> shortest_left() const;
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }
  /// Lines for the user: the file and the numbers of layers, failures and skipped tensors.
  [[nodiscard]] const std::string& closing_text() const noexcept { return closing_; }

private:
  void take_lock(const TakeLock& take);
  /// Looks for an archived analysis, and extends the scan to its matrices.
  /// @param lock  of the checkpoint
  /// @return its spectra
  std::vector<archive::JournalEntry> check_archive(KeptLock& lock);
  void add_to(const ArchivedAnalysis& found);
  void resume_from_journal();
  /// Keeps what is known of matrices, unless it contradicts them: then they are computed again.
  /// @param from  what holds the entries, for a warning
  /// @return how many are kept
  std::int64_t note_done(std::vector<archive::JournalEntry>&& entries, const std::string& from);
  /// The index of a selected matrix; -1 if there is none with this key.
  [[nodiscard]] std::int64_t index_of(const std::string& key) const;
  void note_failures(const std::vector<LayerRow>& rows, const std::filesystem::path& archive);
  void make_plan(const Layout& layout);
  /// Fills in a result whose values have not changed, from the earlier checkpoint.
  void fill_unchanged(const Matrix& matrix, Result& result) const;

  ScanOptions options_;
  std::string id_;  ///< first: a reserved name is refused before anything is read
  checkpoint::Catalogue catalogue_;
  model::Selection everything_;  ///< ignoring --layers; until the work is planned
  model::Selection selection_;   ///< requested, or already in the archive
  Provenance provenance_;        ///< as far as it is known before the computation
  Layout layout_;
  bool already_archived_ = false;
  double earlier_seconds_ = 0;  ///< these four: of the archived analysis that this one extends
  std::int64_t earlier_restarts_ = 0;
  std::int64_t earlier_reseals_ = 0;
  std::string earlier_reseal_log_;
  std::unique_ptr<archive::CheckpointLock> lock_;
  std::unique_ptr<archive::Journal> journal_;  ///< after the lock: closed before it is released
  std::vector<Matrix> todo_;                   ///< in plan order
  std::vector<std::int64_t> todo_index_;       ///< of each of them in the selection
  std::optional<EarlierCheckpoint> earlier_;   ///< source of the spectra of unchanged matrices
  plan::Plan plan_;
  FinishedMatrices finished_;    ///< of the selection
  std::vector<plan::Way> ways_;  ///< of the selection
  plan::Rates rates_;
  double done_flops_ = 0;  ///< of the matrices that were done before this run
  std::vector<double> item_seconds_;
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
