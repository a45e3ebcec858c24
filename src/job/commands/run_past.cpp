#include "commands/run_past.hpp"

#include <utility>

#include "wishart/archive/choice.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"

namespace wishart::job {

bool is_history(const archive::Reader::Run& run) { return run.places.size() > 1; }

analysis::History history_of(const archive::Reader& archive, std::int64_t window) {
  analysis::HistoryBuilder builder(window);
  for (const std::string& id : archive.ids()) {
    builder.add(archive.read(id, archive::Parts::without_spectra));
  }
  return builder.take();
}

void RunPast::pass(CheckpointRecord record) {
  if (!first) first = record;
  before = std::move(record);
}

RunPast past_of(const archive::Reader& archive, const std::string& id) {
  RunPast past;
  try {
    const archive::Reader::Run run = archive.run_of(id);
    if (!is_history(run)) return past;
    const std::string before = archive::previous_of(archive, id).id;
    if (before.empty()) return past;
    const std::string& first = run.places.front().name;
    past.before = archive.read(before, archive::Parts::without_spectra);
    past.first =
        first == before ? past.before : archive.read(first, archive::Parts::without_spectra);
  } catch (const SystemFailure&) {
    throw;
  } catch (const Error& error) {
    if (error.blame() != Blame::input && error.blame() != Blame::resource) throw;
    return {};
  }
  return past;
}

Pasts::Pasts(const std::vector<Analysed>& all) {
  for (const Analysed& one : all) {
    if (run_of_.contains(one.checkpoint)) continue;
    const archive::Reader::Run run = archive::Reader::run_among(all, one.checkpoint);
    for (const TrainingPlace& place : run.places) {
      run_of_.emplace(place.name, runs_.size());
      runs_with_[place.name].push_back(runs_.size());
    }
    if (!run.places.empty()) runs_.emplace_back();
  }
}

analysis::Past Pasts::of(const std::string& id) const {
  const auto found = run_of_.find(id);
  if (found == run_of_.end()) return {};
  const OfRun& run = runs_[found->second];
  return {run.before.get(), run.first.get()};
}

void Pasts::pass(CheckpointRecord record) {
  const auto found = runs_with_.find(record.provenance.checkpoint_id);
  if (found == runs_with_.end()) return;
  const auto kept = std::make_shared<const CheckpointRecord>(std::move(record));
  for (const std::size_t run : found->second) {
    runs_[run].before = kept;
    if (!runs_[run].first) runs_[run].first = kept;
  }
}

Concluded concluded(const archive::Reader& archive, const std::string& id) {
  Concluded result{archive.read(id, archive::Parts::without_spectra), past_of(archive, id)};
  analysis::conclude(result.record, result.past.past());
  return result;
}

}  // namespace wishart::job
