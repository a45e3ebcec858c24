#include <algorithm>
#include <span>
#include <string>

#include "wishart/archive/archive.hpp"
#include "wishart/core/text.hpp"

#include "content.hpp"
#include "disk.hpp"
#include "memory_file.hpp"
#include "provenance.hpp"
#include "seal.hpp"
#include "series.hpp"
#include "table.hpp"

namespace wishart::archive {
namespace {

/// Writes the series `of(spectrum)` of all spectra, one after the other.
template <class T, class Of>
void write_ragged(const Place& place, hid_t root, const char* path,
                  const std::vector<StoredSpectrum>& spectra, Of of, ContentHashes& hashes,
                  const ChunkFilter& filter) {
  write_series(
      place, root, path, static_cast<std::int64_t>(spectra.size()),
      [&](std::int64_t i) -> std::span<const T> {
        return of(spectra[static_cast<std::size_t>(i)]);
      },
      hashes, filter);
}

void write_integers(const Place& place, hid_t root, const char* path,
                    const std::vector<std::int64_t>& values, ContentHashes& hashes,
                    const ChunkFilter& filter) {
  write_series(
      place, root, path, 1, [&](std::int64_t) -> std::span<const std::int64_t> { return values; },
      hashes, filter);
}

/// Writes where the part of each spectrum begins in a ragged series, and the end of the last.
template <class Of>
void write_offsets(const Place& place, hid_t root, const char* path,
                   const std::vector<StoredSpectrum>& spectra, Of of, ContentHashes& hashes,
                   const ChunkFilter& filter) {
  std::vector<std::int64_t> offsets{0};
  for (const StoredSpectrum& spectrum : spectra) {
    offsets.push_back(offsets.back() + static_cast<std::int64_t>(of(spectrum).size()));
  }
  write_integers(place, root, path, offsets, hashes, filter);
}

void write_spectra(const Place& place, hid_t root, const std::vector<StoredSpectrum>& spectra,
                   ContentHashes& hashes, const ChunkFilter& filter) {
  const auto sigma = [](const StoredSpectrum& s) -> const auto& { return s.sigma; };
  const auto view_min = [](const StoredSpectrum& s) -> const auto& { return s.view_sigma_min; };
  const auto view_max = [](const StoredSpectrum& s) -> const auto& { return s.view_sigma_max; };
  const auto view_loss = [](const StoredSpectrum& s) -> const auto& { return s.view_rank_loss; };
  const Handle group = new_group(place, root, "spectra");
  write_ragged<double>(place, root, "spectra/sigma", spectra, sigma, hashes, filter);
  write_offsets(place, root, "spectra/offset", spectra, sigma, hashes, filter);
  write_ragged<double>(place, root, "spectra/view_sigma_min", spectra, view_min, hashes, filter);
  write_ragged<double>(place, root, "spectra/view_sigma_max", spectra, view_max, hashes, filter);
  write_ragged<std::int64_t>(place, root, "spectra/view_rank_loss", spectra, view_loss, hashes,
                             filter);
  write_offsets(place, root, "spectra/view_offset", spectra, view_min, hashes, filter);
}

/// True if a layer was put in random order by a version that knows the table.
bool has_trap_table(const CheckpointRecord& record) {
  return !record.traps.empty() ||
         std::any_of(record.layers.begin(), record.layers.end(),
                     [](const LayerRow& row) { return row.weights.traps_left_out >= 0; });
}

}  // namespace

Handle new_group(const Place& file, hid_t location, const std::string& name) {
  const Place place = file.at("/" + name);
  const Handle creation = place.own(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  place.check(H5Pset_obj_track_times(creation.get(), false));
  return place.own(H5Gcreate2(location, name.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
                   H5Gclose);
}

void check_record(const CheckpointRecord& record) {
  require(is_checkpoint_id(record.provenance.checkpoint_id),
          "write_archive needs a checkpoint id that is_checkpoint_id accepts");
  require(record.spectra.size() == record.layers.size(),
          "write_archive needs one spectrum for each layer");
  for (const StoredSpectrum& spectrum : record.spectra) {
    require(spectrum.view_sigma_min.size() == spectrum.view_sigma_max.size() &&
                spectrum.view_sigma_min.size() == spectrum.view_rank_loss.size(),
            "write_archive needs the same number of views in all parts of a spectrum");
  }
}

void write_content(const Place& place, hid_t location, const CheckpointRecord& record,
                   const ChunkFilter& filter) {
  ContentHashes hashes;
  write_attributes(place, location, record.provenance, hashes);
  const std::vector<std::int64_t> rows =
      write_table(place, location, "layers", record.layers, hashes, filter);
  if (has_trap_table(record)) write_table(place, location, kTraps, record.traps, hashes, filter);
  write_table(place, location, "skipped", record.skipped, hashes, filter);
  write_table(place, location, "summary", record.summary, hashes, filter);
  write_table(place, location, "files", record.files, hashes, filter);
  write_spectra(place, location, record.spectra, hashes, filter);
  std::vector<std::int64_t> spectra;
  for (const StoredSpectrum& spectrum : record.spectra) {
    spectra.push_back(series_hash(std::span(spectrum.sigma)));
  }
  const Handle group = new_group(place, location, "hashes");
  write_integers(place, location, "hashes/layers", rows, hashes, filter);
  write_integers(place, location, "hashes/sigma", spectra, hashes, filter);
  write_hashes(place, location, hashes);
}

void write_sealed(const Place& place, MemoryFile& file, const std::filesystem::path& path,
                  const BeforeReplacing& before) {
  const std::span<const std::byte> bytes = file.close(place);
  const std::string seal = seal_of(bytes);
  replace_file(path, {bytes, std::as_bytes(std::span(seal))}, before);
}

void check_own_id(const std::filesystem::path& file, const CheckpointRecord& record) {
  const std::string& id = record.provenance.checkpoint_id;
  if (is_checkpoint_id(id)) return;
  throw Error(Blame::input, shown(file) + ": holds the checkpoint '" + printable(id) +
                                "', which is not a valid id. It was not written by wishart");
}

std::filesystem::path write_archive(const std::filesystem::path& folder,
                                    const CheckpointRecord& record, const ChunkFilter& filter,
                                    const BeforeReplacing& before) {
  std::filesystem::path path = folder / (record.provenance.checkpoint_id + ".h5");
  replace_archive(path, record, filter, before);
  return path;
}

void replace_archive(const std::filesystem::path& path, const CheckpointRecord& record,
                     const ChunkFilter& filter, const BeforeReplacing& before) {
  check_record(record);
  const QuietHdf5 quiet;
  const Place place(Place::Access::writing, shown(path));
  MemoryFile file(place, path);
  write_content(place, file.get(), record, filter);
  write_sealed(place, file, path, before);
}

}  // namespace wishart::archive
