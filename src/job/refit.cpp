#include "refit.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/core/text.hpp"
#include "wishart/fit/metrics.hpp"
#include "wishart/fit/recommend.hpp"
#include "wishart/fit/summary.hpp"
#include "wishart/job/commands.hpp"

namespace wishart::job {
namespace {

/// Fits every layer; each is a function of its own row and spectrum, so the order does not matter.
void refit_layers(CheckpointRecord& record, const fit::FitOptions& options, int threads) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(threads));
  const auto work = [&](std::size_t thread) {
    try {
      for (std::size_t i = next++; i < record.layers.size(); i = next++) {
        record.layers[i] = fit::refitted_row(record.layers[i], record.spectra[i], options);
      }
    } catch (...) {
      errors[thread] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t t = 1; t < errors.size(); ++t) others.emplace_back(work, t);
    work(0);
  }
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace

std::size_t refit_file(const std::filesystem::path& file, fit::FitOptions options, int threads) {
  CheckpointRecord record = archive::read_archive(file);
  options.weightwatcher = record.provenance.mode == "weightwatcher";
  if (threads == 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  threads =
      std::clamp(threads, 1, static_cast<int>(std::max<std::size_t>(record.layers.size(), 1)));
  refit_layers(record, options, threads);
  fit::recommend(record.layers);
  record.summary = fit::summarize(record.layers, options.weightwatcher);
  record.provenance.fit_options = fit::options_json(options);
  record.provenance.fit_version = fit::kFitVersion;
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  archive::write_archive(folder, record);
  return record.layers.size();
}

std::string refit_archive(const RefitOptions& options) {
  std::vector<std::filesystem::path> files;
  if (!options.checkpoint.empty() || !std::filesystem::is_directory(options.archive)) {
    files.push_back(archive::resolve_checkpoint(options.archive, options.checkpoint));
  } else {
    for (const std::string& id : archive::list_checkpoints(options.archive)) {
      files.push_back(archive::resolve_checkpoint(options.archive, id));
    }
  }
  std::string text;
  for (const auto& file : files) {
    const std::size_t layers = refit_file(file, options.fit, options.threads);
    text += printable(file.stem().string()) + ": " + std::to_string(layers) +
            " matrices fitted again\n";
  }
  return text;
}

}  // namespace wishart::job
