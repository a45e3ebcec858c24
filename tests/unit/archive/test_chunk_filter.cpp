/// @file
/// Chunks are filtered as HDF5 itself filters them, whoever does it.

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>
#include <hdf5.h>

#include "wishart/archive/archive.hpp"

#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;

namespace {

/// The stored bytes of a dataset of one chunk that HDF5 filters.
std::vector<std::byte> by_hdf5(const RawChunk& chunk) {
  const auto width = static_cast<hsize_t>(chunk.element_bytes);
  const hsize_t count = chunk.bytes.size() / width;
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1 << 16, false);
  const hid_t file = H5Fcreate("in-memory", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  const hid_t type = H5Tcreate(H5T_OPAQUE, width);
  const hid_t space = H5Screate_simple(1, &count, nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 1, &count);
  H5Pset_shuffle(creation);
  H5Pset_deflate(creation, 4);
  H5Pset_fletcher32(creation);
  const hid_t data = H5Dcreate2(file, "x", type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  REQUIRE(H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, chunk.bytes.data()) >= 0);
  REQUIRE(H5Fflush(file, H5F_SCOPE_LOCAL) >= 0);
  const hsize_t first = 0;
  hsize_t size = 0;
  REQUIRE(H5Dget_chunk_storage_size(data, &first, &size) >= 0);
  std::vector<std::byte> stored(size);
  std::uint32_t left_out = 1;
  REQUIRE(H5Dread_chunk(data, H5P_DEFAULT, &first, &left_out, stored.data()) >= 0);
  CHECK(left_out == 0);
  H5Dclose(data);
  H5Pclose(creation);
  H5Sclose(space);
  H5Tclose(type);
  H5Fclose(file);
  H5Pclose(access);
  return stored;
}

RawChunk chunk_of(std::int64_t element_bytes, std::size_t count, int kind) {
  RawChunk chunk{element_bytes,
                 std::vector<std::byte>(count * static_cast<std::size_t>(element_bytes))};
  std::uint64_t state = 7;
  for (std::size_t i = 0; i < chunk.bytes.size(); ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const auto random = static_cast<std::byte>(state >> 56U);
    chunk.bytes[i] = kind == 0   ? std::byte{0}
                     : kind == 1 ? random
                                 : static_cast<std::byte>(i / 100);
  }
  return chunk;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a filtered chunk has the bytes that HDF5 would write", "[chunk_filter]") {
  std::int64_t compared = 0;
  for (const std::int64_t width : {1, 3, 8, 1001}) {
    for (const std::size_t count : {1U, 2U, 255U, 4096U}) {
      for (int kind = 0; kind < 3; ++kind) {
        CAPTURE(width, count, kind);
        const RawChunk chunk = chunk_of(width, count, kind);
        CHECK(filtered(chunk) == by_hdf5(chunk));
        ++compared;
      }
    }
  }
  CHECK(compared == 4 * 4 * 3);
}

TEST_CASE("an archive has the same bytes whatever number of chunks is filtered at a time",
          "[chunk_filter]") {
  const test::TempFolder temp;
  CheckpointRecord record;
  record.provenance.checkpoint_id = "one";
  for (int i = 0; i < 40; ++i) {
    LayerRow row;
    row.layer_id = i;
    row.key = "layer." + std::to_string(i);
    record.layers.push_back(row);
    StoredSpectrum spectrum;
    for (int k = 1; k <= 5000; ++k) spectrum.sigma.push_back(std::sqrt(k + i));
    record.spectra.push_back(spectrum);
  }
  const std::string alone = bytes_of(write_archive(temp.path(), record));
  for (const std::size_t at_once : {2U, 5U, 100U}) {
    ChunkFilter filter = filter_here();
    filter.at_once = at_once;
    std::size_t most = 0;
    const auto run = filter.run;
    filter.run = [&](std::span<const RawChunk> chunks) {
      most = std::max(most, chunks.size());
      return run(chunks);
    };
    CHECK(bytes_of(write_archive(temp.path(), record, filter)) == alone);
    CHECK(most > 1);
    CHECK(most <= at_once);
  }
  CHECK(read_archive(temp / "one.h5").spectra.at(39).sigma == record.spectra.at(39).sigma);
}

TEST_CASE("what a filter throws leaves the archive as it was", "[chunk_filter]") {
  const test::TempFolder temp;
  CheckpointRecord record;
  record.provenance.checkpoint_id = "one";
  const std::string before = bytes_of(write_archive(temp.path(), record));
  record.layers.emplace_back();
  record.spectra.push_back({{1, 2, 3}, {}, {}, {}});
  ChunkFilter failing{1, [](std::span<const RawChunk>) -> std::vector<std::vector<std::byte>> {
                        throw Error(Blame::resource, "no memory");
                      }};
  CHECK_THROWS_WITH(write_archive(temp.path(), record, failing), "no memory");
  CHECK(bytes_of(temp / "one.h5") == before);
}
