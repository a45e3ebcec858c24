#include <algorithm>
#include <array>
#include <span>

#include "wishart/archive/archive.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/text.hpp"

#include "content.hpp"
#include "dataset.hpp"
#include "disk.hpp"
#include "hdf5_handle.hpp"
#include "provenance.hpp"
#include "series.hpp"
#include "table.hpp"

namespace wishart::archive {
namespace {

/// The most layers that a message names.
constexpr std::size_t kNamedLayers = 3;

/// The first bytes of an HDF5 file (HDF5 file format, II.A).
constexpr std::array<unsigned char, 8> kSignature{0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

/// Checks that `offsets` divides `size` values among `parts` layers.
void check_offsets(const Place& file, const char* path, const std::vector<std::int64_t>& offsets,
                   std::size_t parts, std::size_t size) {
  const Place place = file.at(path);
  if (offsets.size() != parts + 1) {
    place.refuse("has " + std::to_string(offsets.size()) + " offsets for " + std::to_string(parts) +
                 " layers, expected one more than the number of layers");
  }
  for (std::size_t i = 0; i < parts; ++i) {
    if (offsets[i] > offsets[i + 1]) {
      place.refuse("decreases from " + std::to_string(offsets[i]) + " to " +
                   std::to_string(offsets[i + 1]) + " after layer " + std::to_string(i));
    }
  }
  if (offsets.front() != 0 || offsets.back() != static_cast<std::int64_t>(size)) {
    place.refuse("runs from " + std::to_string(offsets.front()) + " to " +
                 std::to_string(offsets.back()) + ", expected 0 to " + std::to_string(size));
  }
}

template <class T>
std::vector<T> part(const std::vector<T>& values, const std::vector<std::int64_t>& offsets,
                    std::size_t i) {
  return {values.begin() + offsets[i], values.begin() + offsets[i + 1]};
}

/// Records in `check` in which layers a dataset was changed, from a hash of each layer as found and
/// as written.
void name_changed(ContentCheck& check, const std::string& dataset, const char* part,
                  const std::vector<LayerRow>& layers, const std::vector<std::int64_t>& found,
                  const std::vector<std::int64_t>& written) {
  std::vector<std::string> names;
  const bool comparable = found.size() == layers.size() && written.size() == layers.size();
  for (std::size_t i = 0; comparable && i < layers.size(); ++i) {
    if (found[i] != written[i]) names.push_back(printable(layers[i].key));
  }
  std::string text = "is not as written";
  if (!names.empty()) {
    const std::size_t count = names.size();
    names.resize(std::min(count, kNamedLayers));
    text += std::string(", ") + part + " of " + join(names, ", ");
    if (count > names.size()) text += " and " + std::to_string(count - names.size()) + " more";
  }
  check.differ(dataset, text);
}

std::vector<std::int64_t> written_hashes(const Place& place, hid_t root, const std::string& path,
                                         ContentCheck& check) {
  if (!check.expects("/" + path)) return {};
  return read_integers(place, root, path, &check);
}

std::vector<StoredSpectrum> read_spectra(const Place& place, hid_t root,
                                         const std::vector<LayerRow>& rows, ContentCheck& check) {
  const std::size_t layers = rows.size();
  const std::vector<double> sigma = read_reals(place, root, "spectra/sigma", nullptr);
  const auto integers = [&](const char* path) { return read_integers(place, root, path, &check); };
  const std::vector<std::int64_t> offset = integers("spectra/offset");
  const std::vector<double> view_min = read_reals(place, root, "spectra/view_sigma_min", &check);
  const std::vector<double> view_max = read_reals(place, root, "spectra/view_sigma_max", &check);
  const std::vector<std::int64_t> view_loss = integers("spectra/view_rank_loss");
  const std::vector<std::int64_t> view_offset = integers("spectra/view_offset");
  check_offsets(place, "/spectra/offset", offset, layers, sigma.size());
  for (const std::size_t size : {view_min.size(), view_max.size(), view_loss.size()}) {
    check_offsets(place, "/spectra/view_offset", view_offset, layers, size);
  }
  std::vector<StoredSpectrum> spectra(layers);
  for (std::size_t i = 0; i < layers; ++i) {
    spectra[i] = {part(sigma, offset, i), part(view_min, view_offset, i),
                  part(view_max, view_offset, i), part(view_loss, view_offset, i)};
  }
  const std::vector<std::int64_t> written = written_hashes(place, root, "hashes/sigma", check);
  if (!check.matches("/spectra/sigma", hash_hex(std::as_bytes(std::span(sigma))))) {
    std::vector<std::int64_t> found;
    found.reserve(spectra.size());
    for (const StoredSpectrum& one : spectra) found.push_back(series_hash(std::span(one.sigma)));
    name_changed(check, "/spectra/sigma", "the values", rows, found, written);
  }
  return spectra;
}

/// Reads the singular values of the chosen layers, and only their chunks from the file.
std::vector<StoredSpectrum> read_chosen(const Place& place, hid_t root,
                                        const std::vector<LayerRow>& rows,
                                        const std::vector<std::size_t>& chosen,
                                        ContentCheck& check) {
  const std::size_t layers = rows.size();
  const Dataset sigma = open_dataset(place, root, "spectra/sigma");
  const std::vector<std::int64_t> offset = read_integers(place, root, "spectra/offset", &check);
  check_offsets(place, "/spectra/offset", offset, layers, static_cast<std::size_t>(sigma.count));
  std::vector<std::int64_t> found = written_hashes(place, root, "hashes/sigma", check);
  const std::vector<std::int64_t> written = found;
  std::vector<StoredSpectrum> spectra(layers);
  for (const std::size_t i : chosen) {
    spectra.at(i).sigma = read_reals(sigma, offset[i], offset[i + 1] - offset[i]);
    if (i < found.size()) found[i] = series_hash(std::span(spectra[i].sigma));
  }
  if (found != written) {
    name_changed(check, "/spectra/sigma", "the values", rows, found, written);
  }
  return spectra;
}

/// Reads all but the spectra. With Parts::all, all hashes are read and checked too.
CheckpointRecord read_tables(const OpenCheckpoint& open, Parts parts, ContentCheck& check) {
  const Place& place = open.place;
  const hid_t location = open.group.get();
  CheckpointRecord record;
  record.provenance = read_attributes(place, location, check);
  record.files = read_table<SourceFile>(place, location, "files", check);
  RowHashes changed;
  record.layers = read_table<LayerRow>(place, location, "layers", check, &changed);
  if (H5Lexists(location, kTraps, H5P_DEFAULT) > 0) {
    record.traps = read_table<TrapRow>(place, location, kTraps, check);
  } else {
    check.miss(std::string("/") + kTraps);
  }
  record.skipped = read_table<SkippedRow>(place, location, "skipped", check);
  record.summary = read_table<SummaryRow>(place, location, "summary", check);
  std::vector<std::int64_t> written;
  if (changed || parts == Parts::all) {
    written = written_hashes(place, location, "hashes/layers", check);
  }
  if (changed) name_changed(check, "/layers", "the row", record.layers, *changed, written);
  return record;
}

/// HDF5 looks for its signature further on too, behind what another program may have put there.
void check_beginning(const Place& place, const InputFile& input) {
  std::array<unsigned char, kSignature.size()> found{};
  input.read(0, std::as_writable_bytes(std::span(found)));
  if (found == kSignature) return;
  place.refuse(
      "does not begin with HDF5 data, which come further on. It was not written by wishart");
}

}  // namespace

Handle opened_file(const Place& place, const std::filesystem::path& file) {
  // Not waited for, and better messages than HDF5's for a missing file, a folder, no permission.
  const InputFile input(file);
  // The same file, even if its name is given to another one in between, such as a FIFO. HDF5 asks
  // for the name that such a path stands for, which not every process may find out.
  std::filesystem::path path = "/proc/self/fd/" + std::to_string(input.descriptor());
  std::error_code unknown;
  if (std::filesystem::canonical(path, unknown).empty()) path = file;
  const htri_t is_hdf5 = H5Fis_hdf5(path.c_str());
  if (is_hdf5 == 0) place.disown("is not an HDF5 file, so not a wishart archive");
  place.check(is_hdf5);
  check_beginning(place, input);
  const Handle access = place.own(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // Archives are complete when they appear, by renaming, so reading needs no lock. Not every file
  // system has locks.
  place.check(H5Pset_file_locking(access.get(), false, true));
  place.check_memory();
  return place.own(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
}

CheckpointRecord read_checkpoint(const OpenCheckpoint& open, Parts parts, ContentCheck& check) {
  CheckpointRecord record = read_tables(open, parts, check);
  if (parts == Parts::all) {
    record.spectra = read_spectra(open.place, open.group.get(), record.layers, check);
  }
  return record;
}

CheckpointRecord read_checkpoint(const OpenCheckpoint& open, Parts parts) {
  ContentCheck check;
  CheckpointRecord record = read_checkpoint(open, parts, check);
  check.refuse_differences(open.place);
  return record;
}

CheckpointRecord read_checkpoint(const OpenCheckpoint& open, const ChooseLayers& choose) {
  ContentCheck check;
  CheckpointRecord record = read_tables(open, Parts::without_spectra, check);
  record.spectra =
      read_chosen(open.place, open.group.get(), record.layers, choose(record.layers), check);
  check.refuse_differences(open.place);
  return record;
}

CheckpointRecord read_archive(const std::filesystem::path& file, Parts parts) {
  const QuietHdf5 quiet;
  return read_checkpoint(opened_checkpoint(file), parts);
}

CheckpointRecord read_archive(const std::filesystem::path& file, const ChooseLayers& choose) {
  const QuietHdf5 quiet;
  return read_checkpoint(opened_checkpoint(file), choose);
}

Provenance read_provenance(const std::filesystem::path& file) {
  const QuietHdf5 quiet;
  const OpenCheckpoint open = opened_checkpoint(file);
  return read_attributes(open.place, open.group.get());
}

}  // namespace wishart::archive
