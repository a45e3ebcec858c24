#include "scan/archived/earlier_checkpoint.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "scan/archived/checkpoint_id.hpp"
#include "scan/archived/same_analysis.hpp"
#include "scan/archived/stored_spectrum.hpp"

namespace wishart::job {
namespace {

/// How many files are read: before the id in natural order, and most recently changed.
constexpr std::size_t kNearest = 4;
constexpr std::size_t kLatest = 4;

/// Ids that are worth a look because of their names, best first.
std::vector<std::string> nearest(const std::vector<std::string>& ids,
                                 const Provenance& provenance) {
  const std::string& own = provenance.checkpoint_id;
  std::vector<std::string> found;
  if (provenance.analysis == AnalysisKind::adapter_on_base) {
    const std::string base = plain_name(provenance.base_path);
    if (std::binary_search(ids.begin(), ids.end(), base, natural_less)) found.push_back(base);
  }
  auto at = std::lower_bound(ids.begin(), ids.end(), own, natural_less);
  for (std::size_t i = 0; i < kNearest && at != ids.begin(); ++i) {
    if (*--at != (found.empty() ? "" : found.front())) found.push_back(*at);
  }
  return found;
}

/// Ids whose files have changed last. Asks for every file of the archive.
std::vector<std::string> latest(const std::filesystem::path& archive,
                                const std::vector<std::string>& ids) {
  std::vector<std::pair<std::filesystem::file_time_type, std::string>> by_time;
  for (const std::string& id : ids) {
    std::error_code code;
    const auto time = std::filesystem::last_write_time(archive / (id + ".h5"), code);
    if (!code) by_time.emplace_back(time, id);
  }
  const auto count = static_cast<std::ptrdiff_t>(std::min(kLatest, by_time.size()));
  std::partial_sort(by_time.begin(), by_time.begin() + count, by_time.end(), std::greater<>());
  std::vector<std::string> found;
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    found.push_back(by_time[static_cast<std::size_t>(i)].second);
  }
  return found;
}

/// True if layers of both may have the same values: they are the same kind of analysis against the
/// same base, or one is the base of the other, an adapter.
bool has_same_layers(const Provenance& earlier, const Provenance& own) {
  if (own.analysis == AnalysisKind::adapter_on_base && earlier.analysis == AnalysisKind::weights) {
    return earlier.checkpoint_identity == own.base_identity;
  }
  return earlier.analysis == own.analysis && earlier.base_identity == own.base_identity;
}

/// The folder that contains a checkpoint and its siblings.
std::filesystem::path run_of(const std::string& path) {
  return std::filesystem::path(path).parent_path();
}

}  // namespace

bool is_by_this_program(const Provenance& provenance) {
  return provenance.program_version == build_info().version &&
         provenance.program_commit == build_info().commit;
}

EarlierCheckpoint::EarlierCheckpoint(CheckpointRecord record) : record_(std::move(record)) {
  for (std::size_t i = 0; i < record_.layers.size(); ++i) {
    by_key_.emplace(record_.layers[i].key, i);
  }
}

std::string EarlierCheckpoint::hash_of(const Matrix& matrix) const {
  const auto found = by_key_.find(matrix.key);
  if (found == by_key_.end()) return {};
  const LayerRow& row = record_.layers[found->second];
  // What is said of an adapter does not apply to the same values without it.
  const bool alike = row.has_esd && row.adapter.adapter_rank < 0 && row.rows == matrix.rows &&
                     row.cols == matrix.cols && row.num_evals == matrix.num_values() &&
                     row.w_norm == matrix.w_norm;
  return alike ? row.hash : std::string();
}

const LayerRow& EarlierCheckpoint::row_of(const std::string& key) const {
  return record_.layers[by_key_.at(key)];
}

Spectrum EarlierCheckpoint::spectrum_of(const std::string& key) const {
  const std::size_t at = by_key_.at(key);
  StoredSpectrum part = record_.spectra[at];
  Spectrum spectrum = restored(record_.layers[at], std::move(part), record_.traps);
  if (spectrum.same_as.empty()) spectrum.same_as = record_.provenance.checkpoint_id;
  return spectrum;
}

std::optional<EarlierCheckpoint> find_earlier(const std::filesystem::path& archive,
                                              const Provenance& own, const std::string& before) {
  std::filesystem::path chosen;
  bool of_same_run = false;
  // Of those that serve, the first; better, the first of the same run.
  const auto look_at = [&](const std::vector<std::string>& ids) {
    for (const std::string& id : ids) {
      if (of_same_run) return;
      try {
        const std::filesystem::path file = archive / (id + ".h5");
        if (file == chosen) continue;
        const Provenance provenance = archive::read_provenance(file);
        const bool serves = is_by_this_program(provenance) && has_same_layers(provenance, own) &&
                            same_settings(provenance, own);
        if (!serves) continue;
        if (provenance.reseals > 0) continue;  // another program may have changed its numbers
        of_same_run = run_of(provenance.checkpoint_path) == run_of(own.checkpoint_path);
        if (chosen.empty() || of_same_run) chosen = file;
      } catch (const Error&) {
        // A damaged neighbour does not affect this checkpoint; `verify` reports it.
      }
    }
  };
  // To list ten thousand checkpoints for each of them would take longer than to compute small ones.
  if (!before.empty() && own.analysis != AnalysisKind::adapter_on_base) look_at({before});
  if (!of_same_run) {
    std::vector<std::string> ids = archive::list_checkpoints(archive, Blame::resource);
    std::erase(ids, own.checkpoint_id);
    look_at(nearest(ids, own));
    if (!of_same_run) look_at(latest(archive, ids));
  }
  if (chosen.empty()) return std::nullopt;
  try {
    return EarlierCheckpoint(archive::read_archive(chosen));
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace wishart::job
