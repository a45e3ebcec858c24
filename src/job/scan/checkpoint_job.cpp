#include "scan/checkpoint_job.hpp"

#include <algorithm>

#include "wishart/archive/archive.hpp"
#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/seconds.hpp"
#include "wishart/core/text.hpp"
#include "wishart/fit/metrics.hpp"
#include "wishart/fit/recommend.hpp"
#include "wishart/fit/summary.hpp"
#include "wishart/record/fit_counts.hpp"

#include "scan/failed_matrices.hpp"
#include "scan/libraries.hpp"
#include "scan/lock_texts.hpp"
#include "scan/planning.hpp"
#include "scan/refit.hpp"
#include "scan/stored_spectrum.hpp"

namespace wishart::job {
namespace {

constexpr std::chrono::seconds kFlushInterval{2};

/// A name for the archive file from the checkpoint's own: characters that are not plain become `_`.
std::string id_from(const std::filesystem::path& path) {
  std::string name = checkpoint::checkpoint_name(path);
  for (const char* ending : {".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".th"}) {
    if (name.ends_with(ending)) name.resize(name.size() - std::string_view(ending).size());
  }
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-' || c == '+' || c == '=';
    if (!plain) c = '_';
  }
  while (!name.empty() && name.front() == '.') name.erase(0, 1);
  return name.empty() ? "checkpoint" : name.substr(0, 200);
}

/// The id that `options` asks for, else one from the name of the checkpoint.
std::string checkpoint_id(const std::filesystem::path& path, const ScanOptions& options) {
  if (!options.id.empty()) return options.id;
  std::string id = id_from(path);
  if (!archive::is_checkpoint_id(id)) {
    throw Error(Blame::usage, printable(path.string()) + ": its name gives it the id '" + id +
                                  "', which is reserved for the archive's own file. Scan it with "
                                  "another name: --id NAME");
  }
  return id;
}

/// Options of an archive of schema version 1 as later ones keep them: `tolerance` shapes metrics,
/// not spectra, and has moved to the options of the fit.
std::string spectra_options(const Provenance& provenance) {
  std::string options = provenance.options;
  if (provenance.fit_version > 1) return options;
  const std::size_t begin = options.find(", \"tolerance\": ");
  if (begin == std::string::npos) return options;
  return options.erase(begin, options.find(',', begin + 1) - begin);
}

}  // namespace

CheckpointJob::CheckpointJob(const std::filesystem::path& path, const ScanOptions& options,
                             const Layout& layout)
    : options_(options),
      id_(checkpoint_id(std::filesystem::absolute(path), options)),
      path_(std::filesystem::absolute(path).lexically_normal().string()),
      catalogue_(
          checkpoint::open_checkpoint(path, {options.selection.base, options.selection.with_base})),
      selection_(model::select_matrices(catalogue_, selection_options_of(options.selection))),
      identity_(catalogue_.identity()),
      layout_(layout),
      warnings_(catalogue_.warnings),
      start_(std::chrono::steady_clock::now()),
      last_flush_(start_) {
  if (selection_.matrices.empty()) {
    warnings_.push_back(id_ +
                        ": no tensor of this checkpoint is a matrix to analyse; the archive "
                        "will hold the list of skipped tensors only");
  }
  take_lock();
  if (left_to_another()) return;
  check_archive();
  const std::string fingerprint =
      hash_hex(identity_ + options_.result_options_json() + std::string(build_info().version) +
               std::string(build_info().commit));
  if (already_archived_) {
    archive::remove_left_journal(options_.archive, id_, fingerprint);
    lock_.reset();
    return;
  }
  journal_ = std::make_unique<archive::Journal>(options_.archive, id_, fingerprint);
  resume_from_journal();
  make_plan(layout);
  if (options_.reuse && !todo_.empty()) {
    earlier_ = find_earlier(options_.archive, {id_, path_, options_.result_options_json()});
  }
}

void CheckpointJob::take_lock() {
  lock_ = std::make_unique<archive::CheckpointLock>(options_.archive, id_);
  if (!lock_->held()) {
    const std::string text = left_to_another_text(id_, *lock_);
    closing_ = text + "\n";
    ending_ = {Blame::interrupted, text};
  } else if (lock_->taken_over()) {
    warnings_.push_back(taken_over_text(id_, *lock_));
  }
}

void CheckpointJob::check_archive() {
  const std::filesystem::path file = options_.archive / (id_ + ".h5");
  if (!std::filesystem::exists(file)) return;
  CheckpointRecord old;
  try {
    old = archive::read_archive(file, archive::Parts::without_spectra);
  } catch (const Error& error) {
    warnings_.push_back(std::string(error.what()) + ". It is computed again and replaced");
    return;
  }
  const bool same_content = old.provenance.checkpoint_identity == identity_;
  if (!same_content && old.provenance.checkpoint_path != path_) {
    throw Error(Blame::usage, printable(file.string()) + ": holds another checkpoint, " +
                                  printable(old.provenance.checkpoint_path) + ", but " +
                                  printable(path_) +
                                  " has the same name. Choose another with --id");
  }
  if (!same_content || spectra_options(old.provenance) != options_.result_options_json()) return;
  already_archived_ = std::all_of(old.layers.begin(), old.layers.end(),
                                  [](const LayerRow& row) { return is_lasting(row); });
  if (!already_archived_) {
    if (is_by_this_program(old.provenance)) take_over(file);
    return;
  }
  note_failures(old.layers, file);
  const bool same_fit = old.provenance.fit_version == fit::kFitVersion &&
                        old.provenance.fit_options == fit::options_json(options_.fit);
  closing_ = id_ + ": already in " + printable(file.string());
  if (same_fit) {
    closing_ += ", nothing to do\n";
  } else {
    refit_file(file, options_.fit, 0, *lock_);
    closing_ += ", fitted again\n";
  }
}

void CheckpointJob::take_over(const std::filesystem::path& file) {
  CheckpointRecord old;
  try {
    old = archive::read_archive(file);
    for (std::size_t i = 0; i < old.layers.size(); ++i) {
      const LayerRow& row = old.layers[i];
      if (is_lasting(row)) note_done(row.key, restored(row, std::move(old.spectra[i])));
    }
  } catch (const Error& error) {
    warnings_.push_back(std::string(error.what()) + ". It is computed again and replaced");
    return;
  }
  earlier_seconds_ = old.provenance.seconds;
  earlier_restarts_ = old.provenance.restarts + 1;
  earlier_reseals_ = old.provenance.reseals;
  earlier_reseal_log_ = old.provenance.reseal_log;
  warnings_.push_back(id_ + ": " + std::to_string(done_.size()) + " of " +
                      std::to_string(selection_.matrices.size()) +
                      " matrices are taken over from " + printable(file.string()) +
                      ", the others had failed and are computed again");
}

void CheckpointJob::resume_from_journal() {
  std::int64_t found = 0;
  for (archive::JournalEntry& entry : journal_->take_entries()) {
    found += note_done(entry.key, std::move(entry.spectrum)) ? 1 : 0;
  }
  if (found > 0) {
    warnings_.push_back(id_ + ": going on from the journal, " + std::to_string(done_.size()) +
                        " of " + std::to_string(selection_.matrices.size()) + " matrices are done");
  }
}

const Matrix* CheckpointJob::matrix_of(const std::string& key) const {
  const std::vector<Matrix>& matrices = selection_.matrices;
  const auto matrix = std::lower_bound(
      matrices.begin(), matrices.end(), key,
      [](const Matrix& one, const std::string& name) { return natural_less(one.key, name); });
  return matrix == matrices.end() || matrix->key != key ? nullptr : &*matrix;
}

bool CheckpointJob::note_done(const std::string& key, Spectrum&& spectrum) {
  const Matrix* matrix = matrix_of(key);
  if (matrix == nullptr) return false;
  Done done;
  done.row = fit::layer_row(*matrix, spectrum, options_.fit);
  done.spectrum = std::move(spectrum);
  done_[key] = std::move(done);
  return true;
}

void CheckpointJob::make_plan(const Layout& layout) {
  plan::PlanOptions plan_options = plan_options_of(options_);
  plan_options.ranks = layout.ranks;
  if (plan_options.memory_per_rank_bytes == 0) {
    plan_options.memory_per_rank_bytes = layout.memory_per_rank_bytes;
  }
  // Planned over all matrices, done or not: a job that goes on does each in the way in which an
  // undisturbed one would, so that the bits are the same.
  plan::Plan whole = plan::make_plan(selection_.matrices, plan_options);
  plan_.tree = std::move(whole.tree);
  for (plan::PlanItem& item : whole.items) {
    const Matrix& matrix = selection_.matrices[static_cast<std::size_t>(item.matrix)];
    ways_[matrix.key] = item.way;
    if (done_.contains(matrix.key)) continue;
    // From here on items and matrices go by one index, the order of handing out.
    item.matrix = static_cast<std::int64_t>(todo_.size());
    todo_.push_back(matrix);
    plan_.total_flops += item.cost_flops;
    plan_.items.push_back(item);
  }
}

WorkOrder CheckpointJob::work_order() const {
  WorkOrder order;
  order.nothing_to_do = already_archived_ || left_to_another();
  if (order.nothing_to_do) return order;
  order.root = catalogue_.root.string();
  order.files = catalogue_.files;
  order.matrices = todo_;
  for (const plan::PlanItem& item : plan_.items) order.ways.push_back(item.way);
  for (const Matrix& matrix : todo_) {
    order.known_hashes.push_back(earlier_ ? earlier_->hash_of(matrix) : std::string());
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
  done_.reserve(selection_.matrices.size());
  rates_ = rates_of(gflops);
  predicted_seconds_ =
      plan::forecast(plan_, plan::item_seconds(plan_, todo_, rates_)).makespan_seconds;
  work_start_ = std::chrono::steady_clock::now();
  work_end_ = work_start_;
}

void CheckpointJob::take(std::vector<Result>&& results) {
  work_end_ = std::chrono::steady_clock::now();
  std::vector<archive::JournalEntry> lasting;
  std::vector<LayerRow> rows;
  for (Result& result : results) {
    const Matrix& matrix = todo_[static_cast<std::size_t>(result.item)];
    if (result.unchanged) fill_unchanged(matrix, result);
    busy_seconds_ += result.spectrum.seconds * result.spectrum.team_size;
    if (result.row.fit_seconds > 0) busy_seconds_ += result.row.fit_seconds;
    if (is_lasting(result.spectrum)) {
      lasting.push_back({matrix.key, std::move(result.spectrum)});
      rows.push_back(std::move(result.row));
    } else {  // for want of memory or for a bad disk: tried again by the next run
      done_[matrix.key] = {std::move(result.spectrum), std::move(result.row)};
    }
  }
  journal_->append(lasting);
  for (std::size_t i = 0; i < lasting.size(); ++i) {
    done_[lasting[i].key] = {std::move(lasting[i].spectrum), std::move(rows[i])};
  }
}

void CheckpointJob::fill_unchanged(const Matrix& matrix, Result& result) const {
  const double seconds = result.spectrum.seconds;
  result.spectrum = earlier_->spectrum_of(matrix.key);
  result.spectrum.seconds = seconds;
  const Provenance& earlier = earlier_->provenance();
  if (earlier.fit_version == fit::kFitVersion &&
      earlier.fit_options == fit::options_json(options_.fit)) {
    result.row = earlier_->row_of(matrix.key);  // a fit takes time, and would give the same
    result.row.seconds = seconds;
    result.row.same_as = result.spectrum.same_as;
    result.row.dtype = storage_text(matrix.tensor);  // the same values may be stored otherwise
  } else {
    result.row = fit::layer_row(matrix, result.spectrum, options_.fit);
  }
}

double CheckpointJob::seconds() const { return seconds_since(start_); }

void CheckpointJob::flush(bool now) {
  lock_->beat();
  const auto time = std::chrono::steady_clock::now();
  if (!now && time - last_flush_ < kFlushInterval) return;
  journal_->flush(seconds());
  last_flush_ = time;
}

std::filesystem::path CheckpointJob::finish() {
  lock_->beat(true);
  CheckpointRecord record;
  Provenance& provenance = record.provenance;
  provenance.checkpoint_id = id_;
  provenance.checkpoint_path = path_;
  provenance.checkpoint_identity = identity_;
  provenance.format = catalogue_.format;
  provenance.model_type = catalogue_.config.model_type;
  provenance.training = catalogue_.training;
  provenance.mode = options_.selection.weightwatcher ? "weightwatcher" : "corrected";
  provenance.options = options_.result_options_json();
  provenance.fit_options = fit::options_json(options_.fit);
  provenance.fit_version = fit::kFitVersion;
  provenance.program_version = build_info().version;
  provenance.program_commit = build_info().commit;
  provenance.compiler = std::string(build_info().compiler) + ", " + std::string(build_info().flags);
  provenance.libraries = libraries_text();
  provenance.mpi_layout = layout_text(layout_);
  provenance.created = utc_now();
  provenance.seconds = seconds() + journal_->earlier_seconds() + earlier_seconds_;
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

  std::int64_t unchanged = 0;
  std::int64_t id = 0;
  for (const Matrix& matrix : selection_.matrices) {
    const auto found = done_.find(matrix.key);
    require(found != done_.end(), "a matrix was not computed");
    Done& done = found->second;
    done.row.layer_id = id++;
    done.row.predicted_seconds = plan::cost_seconds(matrix, ways_.at(matrix.key), rates_);
    if (!done.row.same_as.empty()) ++unchanged;
    record.layers.push_back(done.row);
    record.spectra.push_back(stored(std::move(done.spectrum)));
  }
  fit::recommend(record.layers);
  record.summary = fit::summarize(record.layers, options_.selection.weightwatcher);
  const std::string since =
      earlier_ ? earlier_->provenance().checkpoint_id : "an earlier checkpoint";
  file_ = archive::write_archive(options_.archive, record);
  note_failures(record.layers, file_);
  journal_->remove();
  lock_.reset();
  closing_ = id_ + ": " + std::to_string(record.layers.size()) +
             (record.layers.size() == 1 ? " matrix (" : " matrices (") +
             count_fits(record.layers).text() + "), " +
             (unchanged > 0 ? std::to_string(unchanged) + " unchanged since " + since + ", " : "") +
             std::to_string(record.skipped.size()) + " tensors skipped, in " +
             rounded(provenance.seconds, 3) + " s\n  archive: " + printable(file_.string()) + "\n";
  return file_;
}

void CheckpointJob::note_failures(const std::vector<LayerRow>& rows,
                                  const std::filesystem::path& archive) {
  const auto file_of = [&](const std::string& key) -> std::string {
    const Matrix* matrix = matrix_of(key);
    if (matrix == nullptr) return {};
    const Tensor* tensor = &matrix->tensor;
    while (!tensor->parts.empty()) tensor = &tensor->parts.front();
    return catalogue_.files.at(static_cast<std::size_t>(tensor->file)).name;
  };
  ending_ = ending_of(id_, rows, file_of, archive);
}

std::string CheckpointJob::closing_text() const { return closing_; }

}  // namespace wishart::job
