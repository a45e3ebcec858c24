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

Concluded concluded(const archive::Reader& archive, const std::string& id) {
  Concluded result{archive.read(id, archive::Parts::without_spectra), past_of(archive, id)};
  analysis::conclude(result.record, result.past.past());
  return result;
}

}  // namespace wishart::job
