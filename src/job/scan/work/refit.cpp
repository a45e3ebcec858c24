#include "scan/work/refit.hpp"

#include <algorithm>
#include <memory>
#include <ostream>
#include <thread>
#include <utility>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/choice.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/fit/metrics.hpp"
#include "wishart/fit/recommend.hpp"
#include "wishart/fit/summary.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/record/mode.hpp"

#include "scan/archived/fresh_index.hpp"
#include "scan/locks/lock_taker.hpp"
#include "scan/machine/in_threads.hpp"

namespace wishart::job {
namespace {

/// Fits every layer. Layers are independent of each other, so their order does not matter.
/// They are given up if the lock is lost.
void refit_layers(CheckpointRecord& record, const fit::FitOptions& options, int threads,
                  KeptLock& lock) {
  in_threads(
      record.layers.size(), threads,
      [&](std::size_t i) {
        record.layers[i] = fit::refitted_row(record.layers[i], record.spectra[i], options);
      },
      [&] { lock.beat(); });
}

}  // namespace

std::size_t refit_file(const std::filesystem::path& file, fit::FitOptions options, int threads,
                       KeptLock& lock) {
  CheckpointRecord record = archive::read_archive(file);
  archive::check_own_id(file, record);
  options.weightwatcher = is_compat(record.provenance);
  if (threads == 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  threads =
      std::clamp(threads, 1, static_cast<int>(std::max<std::size_t>(record.layers.size(), 1)));
  refit_layers(record, options, threads, lock);
  fit::recommend(record.layers);
  record.summary = fit::summarize(record.layers, options.weightwatcher);
  record.provenance.fit_options = fit::options_json(options);
  record.provenance.fit_version = fit::kFitVersion;
  archive::replace_archive(file, record, archive::filter_here(), [&] { lock.beat(true); });
  return record.layers.size();
}

CommandResult refit_archive(const RefitOptions& options, std::ostream& err) {
  const archive::Reader archive(options.archive);
  if (archive.packed()) archive::check_is_folder(options.archive);  // throws
  CommandResult result;
  std::vector<std::filesystem::path> files;
  if (!options.checkpoint.empty() || !std::filesystem::is_directory(options.archive)) {
    const archive::Choice choice = archive::choose(archive, options.checkpoint);
    files.push_back(archive.file_of(choice.id));
    if (!choice.note.empty()) result.notes.push_back(choice.note);
  } else {
    for (const std::string& id : archive.ids()) files.push_back(archive.file_of(id));
    if (files.empty()) {
      throw Error(Blame::input, printable(options.archive.string()) +
                                    ": holds no archive. Run `wishart scan` into it first");
    }
  }
  FirstEnding ending("checkpoint");
  std::vector<std::string> told;  // files that are damaged
  LockTaker locks({options.wait_for_lock_seconds, line_teller(err), {}});
  for (const auto& file : files) {
    const std::unique_ptr<archive::CheckpointLock> lock = locks.take_of_file(file);
    const std::string id = file.stem().string();
    if (!lock->held()) {
      result.text += skipped_text(id);
      ending.add({Blame::interrupted, left_to_another_text(id, *lock)});
      continue;
    }
    if (lock->taken_over()) result.text += taken_over_text(id, *lock) + "\n";
    try {
      KeptLock kept(*lock);
      const std::size_t layers = refit_file(file, options.fit, options.threads, kept);
      result.text += printable(id) + ": " +
                     plural(static_cast<std::int64_t>(layers), "matrix", "matrices") +
                     " refitted\n";
    } catch (const Error& error) {
      // As in a scan, a bad file does not stop the others.
      if (files.size() == 1 || error.blame() != Blame::input) throw;
      ending.add(Ending(error));
      told.push_back(printable(file.string()));
      result.text += one_line(describe(error)) + "\n";
    }
  }
  if (std::filesystem::is_directory(options.archive)) {
    FreshIndex index = refreshed_index(options.archive);
    for (std::string& text : index.unreadable) {
      const auto was_told = [&](const std::string& file) { return text.starts_with(file + ":"); };
      if (std::none_of(told.begin(), told.end(), was_told)) result.notes.push_back(std::move(text));
    }
    if (!index.failure.empty()) result.notes.push_back(std::move(index.failure));
  }
  result.ending = ending.ending();
  return result;
}

}  // namespace wishart::job
