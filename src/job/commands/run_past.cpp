#include "commands/run_past.hpp"

#include "wishart/archive/choice.hpp"
#include "wishart/core/error.hpp"

namespace wishart::job {

bool is_history(const archive::Reader& archive) {
  return archive.models().size() > 1 && archive.run().size() == archive.models().size();
}

RunPast past_of(const archive::Reader& archive, const std::string& id) {
  RunPast past;
  try {
    if (!is_history(archive)) return past;
    const std::string before = archive::previous_of(archive, id).id;
    if (before.empty()) return past;
    const std::string& first = archive.run().front().name;
    past.before = archive.read(before, archive::Parts::without_spectra);
    past.first =
        first == before ? past.before : archive.read(first, archive::Parts::without_spectra);
  } catch (const Error& error) {
    if (error.blame() != Blame::input && error.blame() != Blame::resource) throw;
    return {};
  }
  return past;
}

}  // namespace wishart::job
