#include "dataset.hpp"

#include <algorithm>
#include <utility>

#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

namespace wishart::archive {
namespace {

/// More than any archive needs: a million matrices with 8192 singular values each.
constexpr std::int64_t kMaxDatasetBytes = std::int64_t{64} << 30U;

/// The largest compression ratio of deflate (zlib, "Technical Details"). A dataset that declares
/// more bytes than this times those stored is not valid.
constexpr std::int64_t kMaxDeflateRatio = 1032;

std::int64_t element_bytes(const Place& place, hid_t type) {
  const std::size_t size = H5Tget_size(type);
  if (size == 0) place.fail();
  return narrow<std::int64_t>(size, "size of an element of a dataset");
}

void check_presence(const Place& place, hid_t location, const std::string& path) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    if (place.check(H5Lexists(location, path.substr(0, end).c_str(), H5P_DEFAULT)) == 0) {
      place.refuse(
          "is missing. The archive was changed or is incomplete: scan the checkpoint again");
    }
  }
}

void check_sizes(const Dataset& opened, std::int64_t element) {
  const std::optional<std::int64_t> bytes = checked_product(opened.count, element);
  if (!bytes || *bytes > kMaxDatasetBytes) {
    opened.place.refuse("declares " + std::to_string(opened.count) + " elements of " +
                        std::to_string(element) + " bytes, expected at most " +
                        human_bytes(kMaxDatasetBytes));
  }
  const auto stored = static_cast<std::int64_t>(H5Dget_storage_size(opened.dataset.get()));
  if (*bytes / kMaxDeflateRatio > stored || (stored == 0 && *bytes > 0)) {
    opened.place.refuse("declares " + std::to_string(*bytes) + " bytes, but stores only " +
                        std::to_string(stored) + ". The archive is incomplete");
  }
}

void check_chunks(Dataset& opened) {
  const Place& place = opened.place;
  const Handle creation = place.own(H5Dget_create_plist(opened.dataset.get()), H5Pclose);
  if (H5Pget_layout(creation.get()) != H5D_CHUNKED) return;
  hsize_t chunk = 0;
  place.check(H5Pget_chunk(creation.get(), 1, &chunk));
  hsize_t found = 0;
  place.check(H5Dget_num_chunks(opened.dataset.get(), opened.space.get(), &found));
  opened.chunk_count = narrow<std::int64_t>(chunk, "elements of a chunk");
  const hsize_t expected =
      opened.count == 0 ? 0 : (static_cast<hsize_t>(opened.count) - 1) / chunk + 1;
  if (found != expected) {
    place.refuse("has " + std::to_string(found) + " chunks, expected " + std::to_string(expected) +
                 ". The archive is incomplete");
  }
}

}  // namespace

Dataset create_dataset(const Place& file, hid_t location, const std::string& path, Handle type,
                       std::int64_t count) {
  const Place place = file.at("/" + path);
  const auto extent = static_cast<hsize_t>(count);
  Handle space = place.own(H5Screate_simple(1, &extent, nullptr), H5Sclose);
  const Handle creation = place.own(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  const std::int64_t fitting = kChunkBytes / element_bytes(place, type.get());
  const std::int64_t chunk_count = std::max<std::int64_t>(std::min(fitting, count), 1);
  const auto chunk = static_cast<hsize_t>(chunk_count);
  place.check(H5Pset_chunk(creation.get(), 1, &chunk));
  // The checksum comes last, so it covers the bytes on disk and is verified before they are
  // decompressed.
  place.check(H5Pset_shuffle(creation.get()));
  place.check(H5Pset_deflate(creation.get(), kDeflateLevel));
  place.check(H5Pset_fletcher32(creation.get()));
  place.check(H5Pset_obj_track_times(creation.get(), false));  // same record, same bytes
  Handle dataset = place.own(H5Dcreate2(location, path.c_str(), type.get(), space.get(),
                                        H5P_DEFAULT, creation.get(), H5P_DEFAULT),
                             H5Dclose);
  return {place, std::move(dataset), std::move(type), std::move(space), count, chunk_count};
}

Dataset open_dataset(const Place& file, hid_t location, const std::string& path) {
  const Place place = file.at("/" + path);
  check_presence(place, location, path);
  Handle dataset = place.own(H5Dopen2(location, path.c_str(), H5P_DEFAULT), H5Dclose);
  Handle type = place.own(H5Dget_type(dataset.get()), H5Tclose);
  Handle space = place.own(H5Dget_space(dataset.get()), H5Sclose);
  if (H5Sget_simple_extent_ndims(space.get()) != 1) {
    place.refuse("has " + std::to_string(H5Sget_simple_extent_ndims(space.get())) +
                 " dimensions, expected 1");
  }
  hsize_t extent = 0;
  place.check(H5Sget_simple_extent_dims(space.get(), &extent, nullptr));
  if (!std::in_range<std::int64_t>(extent)) {
    place.refuse("declares " + std::to_string(extent) + " elements");
  }
  const std::int64_t element = element_bytes(place, type.get());
  Dataset opened{place, std::move(dataset), std::move(type), std::move(space),
                 static_cast<std::int64_t>(extent)};
  check_sizes(opened, element);
  check_chunks(opened);
  return opened;
}

Slab slab(const Dataset& dataset, std::int64_t first, std::int64_t count) {
  const auto start = static_cast<hsize_t>(first);
  const auto extent = static_cast<hsize_t>(count);
  const Place& place = dataset.place;
  Slab out{place.own(H5Screate_simple(1, &extent, nullptr), H5Sclose),
           place.own(H5Scopy(dataset.space.get()), H5Sclose)};
  place.check(
      H5Sselect_hyperslab(out.stored.get(), H5S_SELECT_SET, &start, nullptr, &extent, nullptr));
  return out;
}

}  // namespace wishart::archive
