#include "checkpoint_job.hpp"

#include <algorithm>
#include <map>

#include "wishart/archive/archive.hpp"
#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/text.hpp"
#include "wishart/fit/metrics.hpp"
#include "wishart/fit/recommend.hpp"
#include "wishart/fit/summary.hpp"

#include "refit.hpp"

namespace wishart::job {
namespace {

constexpr std::chrono::seconds kFlushInterval{2};

/// A name for the archive file from the checkpoint's own: characters that are not plain become `_`.
std::string id_from(const std::filesystem::path& path) {
  std::filesystem::path last = path.lexically_normal();
  if (!last.has_filename()) last = last.parent_path();
  std::string name = last.filename().string();
  for (const char* ending : {".safetensors"}) {
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

/// What a row asks of the exit code.
int exit_code_of(const LayerRow& row) {
  if (row.status == "nonfinite") return static_cast<int>(Blame::numerics);
  return 0;
}

/// Of two exit codes the graver: input before resources before numerics.
int graver(int a, int b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
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

model::SelectionOptions selection_options(const SelectionArguments& arguments) {
  model::SelectionOptions options;
  options.weightwatcher = arguments.weightwatcher;
  options.pool = !arguments.no_pool;
  options.min_evals = arguments.min_evals;
  options.layers = arguments.layers;
  return options;
}

StoredSpectrum stored(Spectrum&& spectrum) {
  return {std::move(spectrum.sigma), std::move(spectrum.view_sigma_min),
          std::move(spectrum.view_sigma_max), std::move(spectrum.view_rank_loss)};
}

}  // namespace

CheckpointJob::CheckpointJob(const std::filesystem::path& path, const ScanOptions& options,
                             const Layout& layout)
    : options_(options),
      catalogue_(checkpoint::open_checkpoint(path)),
      selection_(model::select_matrices(catalogue_, selection_options(options.selection))),
      id_(options.id.empty() ? id_from(std::filesystem::absolute(path)) : options.id),
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
  check_archive();
  if (already_archived_) return;
  const std::string fingerprint =
      hash_hex(identity_ + options_.result_options_json() + std::string(build_info().version) +
               std::string(build_info().commit));
  journal_ = std::make_unique<archive::Journal>(options_.archive, id_, fingerprint);
  resume_from_journal();
  make_plan(layout);
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
  if (!same_content && old.provenance.checkpoint_path != catalogue_.root.string()) {
    throw Error(Blame::usage, printable(file.string()) + ": holds another checkpoint, " +
                                  printable(old.provenance.checkpoint_path) + ", but " +
                                  printable(catalogue_.root.string()) +
                                  " has the same name. Choose another with --id");
  }
  const bool same_options = spectra_options(old.provenance) == options_.result_options_json();
  const bool complete = std::none_of(old.layers.begin(), old.layers.end(), [](const LayerRow& row) {
    return row.status == "error";  // a full disk or a broken network may have passed
  });
  already_archived_ = same_content && same_options && complete;
  if (!already_archived_) return;
  for (const LayerRow& row : old.layers) {
    archived_exit_code_ = graver(archived_exit_code_, exit_code_of(row));
  }
  const bool same_fit = old.provenance.fit_version == fit::kFitVersion &&
                        old.provenance.fit_options == fit::options_json(options_.fit);
  closing_ = id_ + ": already in " + printable(file.string());
  if (same_fit) {
    closing_ += ", nothing to do\n";
  } else {
    refit_file(file, options_.fit, 0);
    closing_ += ", fitted again\n";
  }
}

void CheckpointJob::resume_from_journal() {
  std::map<std::string, const Matrix*> by_key;
  for (const Matrix& matrix : selection_.matrices) by_key[matrix.key] = &matrix;
  for (archive::JournalEntry& entry : journal_->take_entries()) {
    const auto found = by_key.find(entry.key);
    if (found == by_key.end()) continue;
    Done done;
    done.row = fit::layer_row(*found->second, entry.spectrum, options_.fit);
    done.spectrum = std::move(entry.spectrum);
    done_[entry.key] = std::move(done);
  }
  if (!done_.empty()) {
    warnings_.push_back(id_ + ": going on from the journal, " + std::to_string(done_.size()) +
                        " of " + std::to_string(selection_.matrices.size()) + " matrices are done");
  }
}

void CheckpointJob::make_plan(const Layout& layout) {
  std::vector<Matrix> left;
  for (const Matrix& matrix : selection_.matrices) {
    if (!done_.contains(matrix.key)) left.push_back(matrix);
  }
  plan::PlanOptions plan_options;
  plan_options.ranks = layout.ranks;
  plan_options.method = options_.method;
  plan_options.team_size = options_.team_size;
  plan_options.memory_per_rank_bytes = options_.memory_per_rank_bytes > 0
                                           ? options_.memory_per_rank_bytes
                                           : layout.memory_per_rank_bytes;
  plan_ = plan::make_plan(left, plan_options);
  // From here on items and matrices go by one index, the order of handing out.
  todo_.clear();
  for (std::size_t i = 0; i < plan_.items.size(); ++i) {
    todo_.push_back(std::move(left[static_cast<std::size_t>(plan_.items[i].matrix)]));
    plan_.items[i].matrix = static_cast<std::int64_t>(i);
  }
}

WorkOrder CheckpointJob::work_order() const {
  WorkOrder order;
  order.nothing_to_do = already_archived_;
  if (already_archived_) return order;
  order.format = catalogue_.format;
  order.root = catalogue_.root.string();
  order.files = catalogue_.files;
  order.matrices = todo_;
  order.method = options_.method;
  order.panel_bytes = plan::PlanOptions{}.panel_bytes;
  order.fit = options_.fit;
  return order;
}

void CheckpointJob::take(Result&& result) {
  const Matrix& matrix = todo_[static_cast<std::size_t>(result.command.item)];
  archive::JournalEntry entry{matrix.key, std::move(result.spectrum)};
  // What failed for want of memory or for a bad disk is tried again by the next run.
  const bool lasting = entry.spectrum.status != SpectrumStatus::failed ||
                       entry.spectrum.exit_code == static_cast<int>(Blame::numerics);
  if (lasting) journal_->append(entry);
  done_[entry.key] = {std::move(entry.spectrum), std::move(result.row)};
}

double CheckpointJob::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void CheckpointJob::flush(bool now) {
  const auto time = std::chrono::steady_clock::now();
  if (!now && time - last_flush_ < kFlushInterval) return;
  journal_->flush(seconds());
  last_flush_ = time;
}

std::filesystem::path CheckpointJob::finish() {
  CheckpointRecord record;
  Provenance& provenance = record.provenance;
  provenance.checkpoint_id = id_;
  provenance.checkpoint_path = catalogue_.root.string();
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
  provenance.libraries = build_info().libraries;
  provenance.mpi_layout = layout_text(layout_);
  provenance.created = utc_now();
  provenance.seconds = seconds() + journal_->earlier_seconds();
  provenance.restarts = journal_->runs();
  record.files = catalogue_.files;
  record.skipped = selection_.skipped;

  std::int64_t failed = 0;
  std::int64_t id = 0;
  for (const Matrix& matrix : selection_.matrices) {
    const auto found = done_.find(matrix.key);
    require(found != done_.end(), "a matrix was not computed");
    Done& done = found->second;
    done.row.layer_id = id++;
    if (done.row.status != "success") ++failed;
    record.layers.push_back(done.row);
    record.spectra.push_back(stored(std::move(done.spectrum)));
  }
  fit::recommend(record.layers);
  record.summary = fit::summarize(record.layers, options_.selection.weightwatcher);
  file_ = archive::write_archive(options_.archive, record);
  journal_->remove();
  closing_ = id_ + ": " + std::to_string(record.layers.size()) + " matrices, " +
             std::to_string(failed) + " without a fit, " + std::to_string(record.skipped.size()) +
             " tensors skipped, in " + rounded(provenance.seconds, 3) +
             " s\n  archive: " + printable(file_.string()) + "\n";
  return file_;
}

int CheckpointJob::exit_code() const {
  int code = archived_exit_code_;
  for (const auto& [key, done] : done_) code = graver(code, done.spectrum.exit_code);
  return code;
}

std::string CheckpointJob::closing_text() const { return closing_; }

}  // namespace wishart::job
