#include "dataset.hpp"

#include <algorithm>
#include <utility>

#include "wishart/archive/chunk_filter.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "stored_object.hpp"

namespace wishart::archive {
namespace {

/// More than any archive needs: a million matrices with 8192 singular values each.
constexpr std::int64_t kMaxDatasetBytes = std::int64_t{64} << 30U;

/// The largest compression ratio of deflate (zlib, "Technical Details"). A dataset that declares
/// more bytes than this times those stored is not valid.
constexpr std::int64_t kMaxDeflateRatio = 1032;

/// The largest element and the largest chunk that are read: a row has texts of up to a megabyte.
constexpr std::int64_t kMaxElementBytes = std::int64_t{64} << 20U;

/// By how much deflate may enlarge what it cannot compress: a 1000th, and the frame (zlib,
/// compressBound); with the checksum behind it. Other libraries are given more room.
constexpr hsize_t kMostGrowth = 64;
constexpr hsize_t kGrowthBytes = 1024;

/// The most chunks that are looked at one by one: of 128 MiB of singular values.
constexpr hsize_t kMostLookedAt = 512;

std::int64_t element_bytes(const Place& place, hid_t type) {
  const std::size_t size = H5Tget_size(type);
  if (size == 0) place.fail();
  return narrow<std::int64_t>(size, "size of an element of a dataset");
}

/// What the stored bytes of a dataset are checked against.
struct Sizes {
  std::int64_t element = 0;  ///< bytes
  std::int64_t whole = 0;    ///< bytes of all elements, as declared
  std::int64_t file = 0;     ///< bytes of the file
};

Sizes checked_sizes(const Dataset& opened) {
  const Place& place = opened.place;
  Sizes sizes;
  sizes.element = element_bytes(place, opened.type.get());
  sizes.file = file_bytes(place, opened.dataset.get());
  if (sizes.element > kMaxElementBytes) {
    place.refuse("declares elements of " + std::to_string(sizes.element) +
                 " bytes, expected at most " + human_bytes(kMaxElementBytes));
  }
  const std::optional<std::int64_t> bytes = checked_product(opened.count, sizes.element);
  if (!bytes || *bytes > kMaxDatasetBytes) {
    place.refuse("declares " + std::to_string(opened.count) + " elements of " +
                 std::to_string(sizes.element) + " bytes, expected at most " +
                 human_bytes(kMaxDatasetBytes));
  }
  sizes.whole = *bytes;
  return sizes;
}

/// @param stored  bytes of the dataset in the file, as it says
void check_stored(const Place& place, const Sizes& sizes, std::int64_t stored) {
  if (sizes.whole / kMaxDeflateRatio > stored || (stored == 0 && sizes.whole > 0)) {
    place.refuse("declares " + std::to_string(sizes.whole) + " bytes, but stores only " +
                 std::to_string(stored) + ". The archive is incomplete");
  }
  if (stored > sizes.file) {
    place.refuse("stores " + std::to_string(stored) + " bytes, the whole file has " +
                 std::to_string(sizes.file) + ". The archive is damaged");
  }
}

/// Checks that the bytes [at, at + length) of the file are there.
void check_inside(const Place& place, const Sizes& sizes, haddr_t at, std::uint64_t length) {
  const auto size = static_cast<std::uint64_t>(sizes.file);
  if (at <= size && length <= size - at) return;
  place.refuse("stores " + std::to_string(length) + " bytes at byte " + std::to_string(at) +
               ", the whole file has " + std::to_string(sizes.file) + ". The archive is damaged");
}

/// Elements that are stored one after the other, in the file or in the header of the dataset.
void check_plain(const Dataset& opened, const Sizes& sizes, bool in_header, std::int64_t stored) {
  check_stored(opened.place, sizes, stored);
  if (stored != sizes.whole) {
    opened.place.refuse("declares " + std::to_string(sizes.whole) + " bytes, but stores " +
                        std::to_string(stored) + ". The archive is damaged");
  }
  if (in_header || stored == 0) return;
  check_inside(opened.place, sizes, H5Dget_offset(opened.dataset.get()),
               static_cast<std::uint64_t>(stored));
}

/// Looks at the size and the place of each chunk, unless there are many: HDF5 1.10 goes through all
/// of them for each. Of many, check_stored knows the sum, and HDF5 itself does not read beyond the
/// end of the file.
void check_each_chunk(const Dataset& opened, const Sizes& sizes, hsize_t count) {
  if (count > kMostLookedAt) return;
  const auto step = static_cast<hsize_t>(opened.chunk_count);
  const hsize_t whole = step * static_cast<hsize_t>(sizes.element);
  for (hsize_t first = 0; first < static_cast<hsize_t>(opened.count); first += step) {
    unsigned mask = 0;
    haddr_t at = 0;
    hsize_t stored = 0;
    opened.place.check(
        H5Dget_chunk_info_by_coord(opened.dataset.get(), &first, &mask, &at, &stored));
    if (stored == 0 || stored > whole + whole / kMostGrowth + kGrowthBytes) {
      opened.place.refuse("stores the chunk of element " + std::to_string(first) + " in " +
                          std::to_string(stored) + " bytes, expected at most its own " +
                          std::to_string(whole) + ". The archive is damaged");
    }
    check_inside(opened.place, sizes, at, stored);
  }
}

/// Sets the elements of a chunk. Returns how many chunks there must be.
hsize_t checked_chunks(Dataset& opened, const Sizes& sizes, hid_t creation) {
  const Place& place = opened.place;
  hsize_t chunk = 0;
  if (place.check(H5Pget_chunk(creation, 1, &chunk)) != 1 || chunk == 0) {
    place.refuse("has chunks that are not of one dimension");
  }
  const std::optional<std::int64_t> bytes =
      std::in_range<std::int64_t>(chunk)
          ? checked_product(static_cast<std::int64_t>(chunk), sizes.element)
          : std::nullopt;
  if (!bytes || *bytes > kMaxElementBytes) {
    place.refuse("declares chunks of " + std::to_string(chunk) + " elements of " +
                 std::to_string(sizes.element) + " bytes, expected at most " +
                 human_bytes(kMaxElementBytes));
  }
  opened.chunk_count = static_cast<std::int64_t>(chunk);
  const hsize_t expected =
      opened.count == 0 ? 0 : (static_cast<hsize_t>(opened.count) - 1) / chunk + 1;
  // Before they are counted one by one: each takes room in the file.
  if (expected > static_cast<hsize_t>(sizes.file)) {
    place.refuse("declares " + std::to_string(expected) + " chunks, the whole file has " +
                 std::to_string(sizes.file) + " bytes. The archive is incomplete");
  }
  return expected;
}

void check_chunk_count(const Dataset& opened, hsize_t expected) {
  hsize_t found = 0;
  opened.place.check(H5Dget_num_chunks(opened.dataset.get(), opened.space.get(), &found));
  if (found != expected) {
    opened.place.refuse("has " + std::to_string(found) + " chunks, expected " +
                        std::to_string(expected) + ". The archive is incomplete");
  }
}

/// Checks what is stored, so that reading allocates no more than a multiple of the file.
void check_stored_elements(Dataset& opened, hid_t creation) {
  const Sizes sizes = checked_sizes(opened);
  const H5D_layout_t layout = H5Pget_layout(creation);
  const hsize_t chunks = layout == H5D_CHUNKED ? checked_chunks(opened, sizes, creation) : 0;
  const auto stored =
      narrow<std::int64_t>(H5Dget_storage_size(opened.dataset.get()), "bytes stored of a dataset");
  if (layout != H5D_CHUNKED) return check_plain(opened, sizes, layout == H5D_COMPACT, stored);
  check_stored(opened.place, sizes, stored);
  check_chunk_count(opened, chunks);
  check_each_chunk(opened, sizes, chunks);
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
  check_links(place, location, path);
  Handle dataset = place.own(H5Dopen2(location, path.c_str(), H5P_DEFAULT), H5Dclose);
  // Before its extent is asked for: that of a view is found out from the files that it names.
  const Handle creation = place.own(H5Dget_create_plist(dataset.get()), H5Pclose);
  check_storage(place, creation.get());
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
  Dataset opened{place, std::move(dataset), std::move(type), std::move(space),
                 static_cast<std::int64_t>(extent)};
  check_stored_elements(opened, creation.get());
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
