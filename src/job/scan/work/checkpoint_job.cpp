#include "scan/work/checkpoint_job.hpp"

#include <algorithm>
#include <unordered_set>

#include "wishart/archive/archive.hpp"
#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/release.hpp"
#include "wishart/core/seconds.hpp"
#include "wishart/core/text.hpp"
#include "wishart/fit/metrics.hpp"
#include "wishart/fit/recommend.hpp"
#include "wishart/fit/summary.hpp"
#include "wishart/plan/memory.hpp"
#include "wishart/record/adapter.hpp"
#include "wishart/record/fit_counts.hpp"

#include "scan/archived/checkpoint_id.hpp"
#include "scan/archived/failed_matrices.hpp"
#include "scan/archived/provenance.hpp"
#include "scan/archived/same_analysis.hpp"
#include "scan/archived/stored_spectrum.hpp"
#include "scan/locks/lock_taker.hpp"
#include "scan/work/planning.hpp"
#include "scan/work/refit.hpp"

namespace wishart::job {
namespace {

constexpr std::chrono::seconds kFlushInterval{2};

/// All matrices of a checkpoint, ignoring `--layers`.
model::Selection everything_of(const checkpoint::Catalogue& catalogue, const ScanOptions& options) {
  model::SelectionOptions all = selection_options_of(options.selection);
  all.layers.clear();
  return model::select_matrices(catalogue, all);
}

}  // namespace

CheckpointJob::CheckpointJob(const std::filesystem::path& path, const ScanOptions& options,
                             const Layout& layout, const TakeLock& take,
                             const std::filesystem::path& before)
    : options_(options),
      id_(checkpoint_id(std::filesystem::absolute(path), options)),
      catalogue_(checkpoint::open_checkpoint(
          path, {options.selection.base, options.selection.with_base, options.selection.variant,
                 options.selection.allow_unknown})),
      everything_(everything_of(catalogue_, options)),
      selection_(options.selection.layers.empty()
                     ? everything_
                     : model::select_matrices(catalogue_, selection_options_of(options.selection))),
      provenance_(started_provenance(std::filesystem::absolute(path), catalogue_, options)),
      layout_(layout),
      warnings_(catalogue_.warnings),
      start_(std::chrono::steady_clock::now()),
      last_flush_(start_) {
  if (selection_.matrices.empty()) {
    warnings_.push_back(id_ +
                        ": no tensor of this checkpoint is a matrix to analyse; the archive "
                        "will hold only the list of skipped tensors");
  }
  take_lock(take);
  if (left_to_another()) return;
  std::optional<KeptLock> kept;  // what is archived may be large, and be fitted again
  kept.emplace(*lock_);
  std::vector<archive::JournalEntry> archived = check_archive(*kept);
  const std::string fingerprint =
      hash_hex(provenance_.checkpoint_identity + options_.result_options_json() +
               std::string(build_info().version) + std::string(build_info().commit));
  if (already_archived_) {
    archive::remove_left_journal(options_.archive, id_, fingerprint);
    kept.reset();
    lock_.reset();
    return;
  }
  archive::check_names_fit(options_.archive / (id_ + ".h5"), selection_.matrices,
                           selection_.skipped);
  finished_ = FinishedMatrices(num_matrices());
  note_done(std::move(archived), "the archive");
  journal_ = std::make_unique<archive::Journal>(options_.archive, id_, fingerprint);
  resume_from_journal();
  make_plan(layout);
  if (options_.reuse && !todo_.empty()) {
    earlier_ = find_earlier(
        options_.archive, provenance_,
        before.empty() ? "" : checkpoint_id(std::filesystem::absolute(before), options_));
  }
  // Names and places of ten thousands of matrices, which nobody needs any more.
  release(everything_);
  release(catalogue_.tensors);
}

void CheckpointJob::take_lock(const TakeLock& take) {
  lock_ = take ? take(options_.archive, id_)
               : std::make_unique<archive::CheckpointLock>(options_.archive, id_);
  if (!lock_->held() && lock_->of_same_array()) {
    // The tasks of an array share the checkpoints of a run, and each answers for its own.
    closing_ = left_to_array_text(id_, *lock_);
  } else if (!lock_->held()) {
    closing_ = skipped_text(id_);
    ending_ = {Blame::interrupted, left_to_another_text(id_, *lock_)};
  } else if (lock_->taken_over()) {
    warnings_.push_back(taken_over_text(id_, *lock_));
  }
}

std::vector<archive::JournalEntry> CheckpointJob::check_archive(KeptLock& lock) {
  const std::filesystem::path file = options_.archive / (id_ + ".h5");
  ArchivedAnalysis found = look_up(file, {provenance_, everything_, selection_, options_.replace});
  warnings_.insert(warnings_.end(), found.warnings.begin(), found.warnings.end());
  already_archived_ = found.complete;
  if (!found.there) return {};
  if (!found.complete) {
    add_to(found);
    return std::move(found.spectra);
  }
  note_failures(found.rows, file);
  const bool same_fit = found.provenance.fit_version == fit::kFitVersion &&
                        found.provenance.fit_options == fit::options_json(options_.fit);
  closing_ = id_ + ": already in " + printable(file.string());
  if (same_fit) {
    closing_ += ", nothing to do\n";
  } else {
    refit_file(file, options_.fit, 0, lock);
    closing_ += ", refitted with the options of this scan\n";
  }
  return {};
}

void CheckpointJob::add_to(const ArchivedAnalysis& found) {
  std::unordered_set<std::string> wanted(found.keys.begin(), found.keys.end());
  for (const Matrix& matrix : selection_.matrices) wanted.insert(matrix.key);
  selection_ = model::narrowed(everything_,
                               [&](const Matrix& matrix) { return wanted.contains(matrix.key); });
  const bool all = selection_.matrices.size() == everything_.matrices.size();
  provenance_.options = with_layers_added(found.provenance.options, provenance_.options, all);
  if (found.spectra.empty()) return;
  earlier_seconds_ = found.provenance.seconds;
  earlier_restarts_ = found.provenance.restarts + (found.failures ? 1 : 0);
  earlier_reseals_ = found.provenance.reseals;
  earlier_reseal_log_ = found.provenance.reseal_log;
}

void CheckpointJob::resume_from_journal() {
  if (const std::int64_t lost = journal_->discarded(); lost > 0) {
    warnings_.push_back(id_ + ": a scan that was broken off had finished " +
                        plural(lost, "matrix", "matrices") +
                        ", with other options or another wishart, or of files that have changed "
                        "since: they are computed anew");
  }
  if (note_done(journal_->take_entries(), "the journal") > 0) {
    warnings_.push_back(id_ + ": resuming from the journal, " + std::to_string(num_done()) +
                        " of " + std::to_string(selection_.matrices.size()) + " matrices are done");
  }
}

std::int64_t CheckpointJob::index_of(const std::string& key) const {
  const std::vector<Matrix>& matrices = selection_.matrices;
  const auto matrix = std::lower_bound(
      matrices.begin(), matrices.end(), key,
      [](const Matrix& one, const std::string& name) { return natural_less(one.key, name); });
  return matrix == matrices.end() || matrix->key != key ? -1 : matrix - matrices.begin();
}

std::int64_t CheckpointJob::note_done(std::vector<archive::JournalEntry>&& entries,
                                      const std::string& from) {
  std::int64_t kept = 0;
  std::vector<std::string> dropped;
  for (archive::JournalEntry& entry : entries) {
    const std::int64_t index = index_of(entry.key);
    if (index < 0) continue;
    const Matrix& matrix = selection_.matrices[static_cast<std::size_t>(index)];
    std::string fault = contradiction(shape_row(matrix), entry.spectrum);
    LayerRow row;
    if (fault.empty()) {
      row = fit::layer_row(matrix, entry.spectrum, options_.fit);
      fault = contradiction(row, entry.spectrum);
    }
    if (fault.empty()) {
      finished_.keep(index, std::move(entry.spectrum), std::move(row));
      ++kept;
    } else {
      dropped.push_back(std::move(fault));
    }
  }
  release(entries);
  if (!dropped.empty()) {
    warnings_.push_back(id_ + ": " + from + " contradicts " +
                        plural(std::ssize(dropped), "matrix, which is", "matrices, which are") +
                        " computed again: " + dropped.front());
  }
  return kept;
}

void CheckpointJob::make_plan(const Layout& layout) {
  plan::PlanOptions plan_options = plan_options_of(options_);
  plan_options.ranks = layout.ranks;
  plan_options.paying_bytes = layout.paying_bytes;
  if (plan_options.memory_per_rank_bytes == 0) {
    // Of everything, like the plan: what is wanted of it does not change how it is computed.
    plan_options.memory_per_rank_bytes =
        plan::usable_bytes(layout.memory, plan::rank_zero_bytes(everything_.matrices));
  }
  // Plan all matrices, done or not: then a resumed job computes each one in the same way, and gets
  // the same bits, as an uninterrupted job.
  plan::Plan whole;
  try {
    whole = plan_within(everything_.matrices, selection_.matrices, plan_options);
  } catch (const Error& error) {
    if (error.blame() != Blame::resource || options_.memory_per_rank_bytes > 0) throw;
    throw Error(error.blame(),
                error.what() + memory_advice(selection_.matrices, plan_options, host_memory()));
  }
  plan_.tree = std::move(whole.tree);
  const std::int64_t left = num_matrices() - num_done();
  todo_.reserve(static_cast<std::size_t>(left));
  plan_.items.reserve(static_cast<std::size_t>(left));
  ways_.resize(selection_.matrices.size());
  for (plan::PlanItem& item : whole.items) {
    const auto index = static_cast<std::size_t>(item.matrix);
    ways_[index] = item.way;
    if (finished_.contains(item.matrix)) {
      done_flops_ += item.cost_flops;
      continue;
    }
    // From here on, items and matrices have the same index: the order in which they are assigned.
    todo_index_.push_back(item.matrix);
    item.matrix = static_cast<std::int64_t>(todo_.size());
    todo_.push_back(selection_.matrices[index]);
    plan_.total_flops += item.cost_flops;
    plan_.items.push_back(item);
  }
}

WorkOrder CheckpointJob::work_order() const {
  WorkOrder order;
  order.left_to_another = left_to_another();
  order.nothing_to_do = already_archived_ || order.left_to_another;
  if (order.nothing_to_do) return order;
  order.root = catalogue_.root.string();
  order.files = catalogue_.files;
  order.matrices = todo_;
  for (const plan::PlanItem& item : plan_.items) order.ways.push_back(item.way);
  for (const Matrix& matrix : todo_) {
    // The earlier row of an adapted matrix need not know this adapter, even if the sum is the same.
    const bool known = earlier_ && adapter_rank(matrix.tensor) < 0;
    order.known_hashes.push_back(known ? earlier_->hash_of(matrix) : std::string());
  }
  order.resolve = options_.resolve;
  order.calibrate = worth_calibrating();
  order.fit = options_.fit;
  return order;
}

bool CheckpointJob::worth_calibrating() const noexcept {
  constexpr double kWorthSeconds = 10;
  double seconds = 0;
  for (const plan::PlanItem& item : plan_.items) seconds += item.seconds * item.way.team_size;
  return seconds / layout_.ranks >= kWorthSeconds;
}

void CheckpointJob::start_work(double gflops) {
  rates_ = rates_of(gflops);
  item_seconds_ = plan::item_seconds(plan_, todo_, rates_);
  predicted_seconds_ = plan::forecast(plan_, item_seconds_).makespan_seconds;
  work_start_ = std::chrono::steady_clock::now();
  work_end_ = work_start_;
}

std::pair<Matrix, double> CheckpointJob::shortest_left() const {
  std::optional<std::size_t> shortest;
  for (std::size_t i = 0; i < todo_.size(); ++i) {
    if (finished_.contains(todo_index_[i])) continue;
    if (!shortest || item_seconds_[i] < item_seconds_[*shortest]) shortest = i;
  }
  require(shortest.has_value(), "no matrix is left");
  return {todo_[*shortest], item_seconds_[*shortest]};
}

void CheckpointJob::take(std::vector<Result>&& results) {
  work_end_ = std::chrono::steady_clock::now();
  std::vector<archive::JournalEntry> lasting;
  std::vector<LayerRow> rows;
  std::vector<std::int64_t> indices;
  for (Result& result : results) {
    const Matrix& matrix = todo_[static_cast<std::size_t>(result.item)];
    const std::int64_t index = todo_index_[static_cast<std::size_t>(result.item)];
    if (result.unchanged) fill_unchanged(matrix, result);
    busy_seconds_ += result.spectrum.seconds * result.spectrum.team_size;
    if (result.row.fit_seconds > 0) busy_seconds_ += result.row.fit_seconds;
    if (is_lasting(result.spectrum)) {
      lasting.push_back({matrix.key, std::move(result.spectrum)});
      rows.push_back(std::move(result.row));
      indices.push_back(index);
    } else {  // failed because of memory or the disk: not in the journal, so the next run retries
      finished_.keep(index, std::move(result.spectrum), std::move(result.row));
    }
  }
  journal_->append(lasting);
  for (std::size_t i = 0; i < lasting.size(); ++i) {
    finished_.keep(indices[i], std::move(lasting[i].spectrum), std::move(rows[i]));
  }
}

void CheckpointJob::fill_unchanged(const Matrix& matrix, Result& result) const {
  const double seconds = result.spectrum.seconds;
  result.spectrum = earlier_->spectrum_of(matrix.key);
  result.spectrum.seconds = seconds;
  const Provenance& earlier = earlier_->provenance();
  if (earlier.fit_version == fit::kFitVersion &&
      earlier.fit_options == fit::options_json(options_.fit)) {
    result.row = earlier_->row_of(matrix.key);  // fitting again would give the same
    fit::describe(result.row, matrix);  // names, places and storage may differ for equal values
    result.row.seconds = seconds;
    result.row.fit_seconds = kNan;
    result.row.same_as = result.spectrum.same_as;
  } else {
    result.row = fit::layer_row(matrix, result.spectrum, options_.fit);
  }
}

void CheckpointJob::flush(bool now) {
  lock_->beat();
  const auto time = std::chrono::steady_clock::now();
  if (!now && time - last_flush_ < kFlushInterval) return;
  journal_->flush(seconds_since(start_));
  last_flush_ = time;
}

std::filesystem::path CheckpointJob::finish(const archive::ChunkFilter& filter) {
  std::optional<KeptLock> kept;
  kept.emplace(*lock_);
  kept->beat(true);
  CheckpointRecord record;
  record.provenance = provenance_;
  Provenance& provenance = record.provenance;
  provenance.mpi_layout = layout_text(layout_);
  provenance.created = utc_now();
  provenance.seconds = seconds_since(start_) + journal_->earlier_seconds() + earlier_seconds_;
  provenance.restarts = journal_->runs() + earlier_restarts_;
  provenance.reseals = earlier_reseals_;
  provenance.reseal_log = earlier_reseal_log_;
  if (!todo_.empty()) {
    const double working = std::chrono::duration<double>(work_end_ - work_start_).count();
    provenance.predicted_seconds = predicted_seconds_;
    provenance.working_seconds = working;
    provenance.busy_share = working > 0 ? busy_seconds_ / (working * layout_.ranks) : kNan;
  }
  record.files = catalogue_.files;
  record.skipped = selection_.skipped;
  release(todo_);  // of a million matrices, about a gigabyte that the tables need now
  release(plan_);

  finished_.move_to(record);
  std::int64_t unchanged = 0;
  for (std::size_t i = 0; i < record.layers.size(); ++i) {
    record.layers[i].predicted_seconds =
        plan::cost_seconds(selection_.matrices[i], ways_[i], rates_);
    if (!record.layers[i].same_as.empty()) ++unchanged;
  }
  fit::recommend(record.layers);
  record.summary = fit::summarize(record.layers, options_.selection.weightwatcher);
  const std::string since =
      earlier_ ? earlier_->provenance().checkpoint_id : "an earlier checkpoint";
  file_ = archive::write_archive(options_.archive, record, filter, [&] { kept->beat(true); });
  note_failures(record.layers, file_);
  kept->beat(true);  // what was written may have taken long to flush: the journal must be ours
  journal_->remove();
  kept.reset();
  lock_.reset();
  closing_ = id_ + ": " + plural(std::ssize(record.layers), "matrix", "matrices") + " (" +
             count_fits(record.layers).text() + "), " +
             (unchanged > 0 ? std::to_string(unchanged) + " unchanged since " + since + ", " : "") +
             std::to_string(record.skipped.size()) + " tensors skipped, in " +
             rounded(provenance.seconds, 3) + " s\n  archive: " + printable(file_.string()) + "\n";
  return file_;
}

void CheckpointJob::note_failures(const std::vector<LayerRow>& rows,
                                  const std::filesystem::path& archive) {
  if (rows.empty() && selection_.matrices.empty()) {
    ending_ = nothing_analysed(id_, selection_.skipped);
    return;
  }
  const auto file_of = [&](const std::string& key) -> std::string {
    const std::int64_t index = index_of(key);
    if (index < 0) return {};
    const Tensor* tensor = &selection_.matrices[static_cast<std::size_t>(index)].tensor;
    while (!tensor->parts.empty()) tensor = &tensor->parts.front();
    return catalogue_.files.at(static_cast<std::size_t>(tensor->file)).name;
  };
  ending_ = ending_of(id_, rows, file_of, archive);
}

}  // namespace wishart::job
