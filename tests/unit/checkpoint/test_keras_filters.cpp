/// @file
/// HDF5 chunks stored with gzip and shuffle, and damaged ones. tests/data/keras-filters.h5 was
/// written by h5py 3.7: elements 0, 1, 2, ... in each dataset.

#include <numeric>

#include <catch2/catch.hpp>
#include <zlib.h>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/file.hpp"

#include "bytes/filtered_chunks.hpp"
#include "formats/hdf5/keras_file.hpp"
#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/places.hpp"
#include "support/temp_folder.hpp"
#include "torch_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;
using wishart::test::little;
using wishart::test::TempFolder;

namespace {

std::string sample() {
  return read_text_file(wishart::test::data_file("keras-filters.h5"), 1 << 20);
}

/// The places and lengths of the chunks of datasets `gzip` and `large`.
constexpr std::int64_t kGzip = 4428;
constexpr std::uint32_t kGzipBytes = 100;
constexpr std::int64_t kLarge = 17616;
constexpr std::uint32_t kLargeBytes = 1497;

std::string with_text(std::string bytes, const std::string& from, const std::string& to) {
  const std::size_t at = bytes.find(from);
  REQUIRE(at != std::string::npos);
  REQUIRE(bytes.find(from, at + 1) == std::string::npos);
  return bytes.replace(at, to.size(), to);
}

/// An entry of the index: stored bytes, mask, origin in a matrix, address.
std::string entry(std::uint32_t stored, std::uint32_t mask, std::uint64_t row, std::uint64_t col,
                  std::int64_t address) {
  return little(stored) + little(mask) + little(row) + little(col) + little(std::uint64_t{0}) +
         little(address);
}

void read_everything(const Catalogue& catalogue) {
  FileReader reader(catalogue.root, catalogue.files);
  for (const Tensor& tensor : catalogue.tensors) {
    if (!has_weights(tensor) || tensor.num_elements > 10'000) continue;
    std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
    reader.read_elements(tensor, 0, values);
  }
}

/// The error of opening this file and reading everything in it.
std::string refusal(const std::string& bytes) {
  const TempFolder folder;
  const auto path = folder.write("m.h5", bytes);
  std::string text = error_of([&] { read_everything(open_checkpoint(path)); });
  if (text.starts_with(path.string())) text.replace(0, path.string().size(), "F");
  return text;
}

std::string compressed(const std::string& data) {
  uLongf size = compressBound(data.size());
  std::string out(size, '\0');
  REQUIRE(compress2(reinterpret_cast<Bytef*>(out.data()), &size,
                    reinterpret_cast<const Bytef*>(data.data()), data.size(), 6) == Z_OK);
  out.resize(size);
  return out;
}

}  // namespace

TEST_CASE("chunks stored with gzip and shuffle are read", "[checkpoint][keras]") {
  const TempFolder folder;
  folder.write("m.h5", sample());
  const Catalogue catalogue = open_checkpoint(folder / "m.h5");
  std::vector<std::string> names;
  int compared = 0;
  FileReader reader(catalogue.root, catalogue.files);
  for (const Tensor& tensor : catalogue.tensors) {
    CAPTURE(tensor.name);
    names.push_back(tensor.name);
    const std::int64_t rows = tensor.shape[0];
    const std::int64_t cols = tensor.shape[1];
    for (const Block& block : {Block{0, rows, 0, cols}, Block{1, rows - 1, 1, cols - 1},
                               Block{rows - 1, rows, 0, cols}, Block{0, rows, 2, 3}}) {
      const std::int64_t width = block.col_end - block.col_begin;
      std::vector<double> values(
          static_cast<std::size_t>((block.row_end - block.row_begin) * width));
      reader.read_rectangle(tensor, block, values);
      for (std::int64_t i = 0; i < std::ssize(values); ++i, ++compared) {
        const std::int64_t at = (block.row_begin + i / width) * cols + block.col_begin + i % width;
        REQUIRE(values[static_cast<std::size_t>(i)] == static_cast<double>(at));
      }
    }
  }
  CHECK(names == std::vector<std::string>{"both", "gzip", "halves", "large", "masked", "shuffled"});
  CHECK(compared > 9000);
}

TEST_CASE("each chunk may skip filters", "[checkpoint][keras]") {
  const TempFolder folder;
  folder.write("m.h5", sample());
  const Catalogue catalogue = open_checkpoint(folder / "m.h5");
  const Tensor& masked = catalogue.tensors[4];
  REQUIRE(masked.name == "masked");
  REQUIRE(masked.extents.size() == 4);
  for (std::size_t mask = 0; mask < 4; ++mask) {
    CAPTURE(mask);
    const FilteredChunk& chunk = masked.extents[mask].chunk;
    CHECK(chunk.shuffled_bytes == ((mask & 1U) == 0 ? 4 : 0));
    CHECK(chunk.deflated == ((mask & 2U) == 0));
  }
}

TEST_CASE("datasets with other filters are left out, with the filter's name",
          "[checkpoint][keras]") {
  const TempFolder folder;
  const Catalogue catalogue = open_checkpoint(folder.write("m.h5", sample()));
  std::vector<std::string> found;
  for (const LeftOut& one : catalogue.left_out) {
    CHECK(one.reason == "encoding-not-read");
    found.push_back(one.tensor.name + ": " + one.detail);
  }
  const std::string remedy =
      ". Rewrite it with h5py without filters, or with gzip and shuffle only";
  CHECK(
      found ==
      std::vector<std::string>{
          "x-checksum: its chunks are stored with Fletcher's checksum, which is not supported" +
              remedy,
          "x-late: not all of its chunks have been written",
          "x-lzf: its chunks are stored with LZF, which is not supported" + remedy,
          "x-offset: its chunks are stored with scale-offset, which is not supported" + remedy,
          "x-order: its chunks are stored with gzip and shuffle in an unsupported order" + remedy});
}

TEST_CASE("Keras: chunks with false sizes", "[checkpoint][keras]") {
  const std::string gzip = entry(kGzipBytes, 0, 0, 0, kGzip);
  const std::string large = entry(kLargeBytes, 0, 0, 0, kLarge);
  CHECK(refusal(sample()) == "nothing was thrown");
  CHECK(refusal(with_text(sample(), large, entry(14, 0, 0, 0, kLarge))) ==
        "F: HDF5: dataset 'large': a chunk claims 16384 bytes, but its 14 compressed bytes cannot "
        "hold that many");
  CHECK(refusal(with_text(sample(), large, entry(15, 0, 0, 0, kLarge)))
            .starts_with("F: the compressed data at byte 17616 end after "));
  CHECK(refusal(with_text(sample(), large, entry(~0U, 0, 0, 0, kLarge))) ==
        "F: HDF5: expected 4294967295 bytes at address 17616, the file has " +
            std::to_string(sample().size()) + ". It is damaged or truncated: copy it again");
  CHECK(refusal(with_text(sample(), gzip, entry(kGzipBytes, 1, 0, 0, kGzip))) ==
        "F: HDF5: dataset 'gzip': expected chunks of 160 bytes, found one of 100");
  CHECK(refusal(with_text(sample(), gzip, entry(0, 0, 0, 0, kGzip))) ==
        "F: HDF5: dataset 'gzip': a chunk claims 160 bytes, but its 0 compressed bytes cannot hold "
        "that many");
  CHECK(refusal(with_text(sample(), gzip, entry(kGzipBytes, 0, 0, 0, kGzip + 1))) ==
        "F: HDF5: dataset 'gzip': two chunks overlap at byte 4429");
  std::string damaged = sample();
  damaged[kGzip] = 'x';  // the header of zlib
  damaged[kGzip + 1] = 'x';
  CHECK(
      refusal(damaged) ==
      "F: the compressed data at byte 4428 are damaged after 0 decompressed bytes. Copy it again");
  damaged = sample();
  damaged[kGzip + kGzipBytes - 1] ^= 1;  // the checksum
  CHECK(refusal(damaged) ==
        "F: the compressed data at byte 4428 are damaged after 160 decompressed bytes. Copy it "
        "again");
  CHECK(refusal(with_text(sample(), gzip, entry(kGzipBytes - 2, 0, 0, 0, kGzip))) ==
        "F: the compressed data at byte 4428 are damaged after 160 decompressed bytes. Copy it "
        "again");
  damaged = sample();
  const std::string more = compressed(std::string(164, 'a'));
  REQUIRE(more.size() < kGzipBytes);
  damaged.replace(kGzip, more.size(), more);
  CHECK(refusal(damaged) ==
        "F: the compressed data at byte 4428 continue after 160 decompressed bytes, expected their "
        "end. "
        "Copy it again");
}

TEST_CASE("Keras: filters and chunks that do not fit their dataset", "[checkpoint][keras]") {
  // Shuffle is the first filter of `halves` alone that has elements of 2 bytes.
  const std::string halves = std::string("shuffle\0", 8) + little(std::uint32_t{2});
  CHECK(refusal(with_text(sample(), halves, std::string("shuffle\0", 8) + '\3')) ==
        "F: HDF5: dataset 'halves': expected a shuffle of elements of 2 bytes, found 3");
  // Rows and columns of the chunks of `large`, and the bytes of an element.
  const auto chunk = [](std::uint32_t rows, std::uint32_t cols) {
    return little(rows) + little(cols) + little(std::uint32_t{4});
  };
  const TempFolder folder;
  const Catalogue catalogue = open_checkpoint(
      folder.write("m.h5", with_text(sample(), chunk(64, 64), chunk(1U << 20U, 32))));
  REQUIRE_FALSE(catalogue.left_out.empty());
  CHECK(catalogue.left_out[0].tensor.name == "large");
  CHECK(catalogue.left_out[0].detail ==
        "its chunks have 134217728 bytes before gzip and shuffle, those of at most 67108864 are "
        "read");
}

TEST_CASE("Keras: any byte of a file with filters may be wrong", "[checkpoint][keras]") {
  const std::string whole = sample();
  const TempFolder folder;
  int refused = 0;
  for (std::size_t at = 0; at < 20000; at += 7) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (at % 2 == 0 ? 0x55 : 1));
    const auto path = folder.write("m.h5", bytes);
    try {
      read_everything(open_checkpoint(path));
    } catch (const Error& error) {
      REQUIRE(error.blame() == Blame::input);
      ++refused;
    }
  }
  CHECK(refused > 200);
}

TEST_CASE("few bytes of chunks are cached, and each has its declared size", "[checkpoint][keras]") {
  constexpr std::int64_t kBytes = std::int64_t{6} << 20U;
  std::string stored;
  std::vector<FilteredChunk> chunks;
  for (const char value : {'a', 'b', 'c'}) {
    const std::string chunk = compressed(std::string(kBytes, value));
    chunks.push_back({{std::ssize(stored), std::ssize(chunk), kBytes}, true, 0});
    stored += chunk;
  }
  const TempFolder folder;
  const InputFile file(folder.write("chunks", stored));
  FilteredChunks held;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      const std::span<const std::byte> bytes = held.read(file, 0, chunks[i]);
      REQUIRE(std::ssize(bytes) == kBytes);
      CHECK(bytes.back() == static_cast<std::byte>('a' + i));
      CHECK(held.held_bytes() <= FilteredChunks::kHeldBytes);
    }
  }
  // The same bytes with another declared size are another chunk.
  FilteredChunk shorter = chunks.back();
  shorter.range.size_bytes = kBytes / 2;
  CHECK(error_of([&] {
          static_cast<void>(held.read(file, 0, shorter));
        }).find("continue after 3145728 decompressed bytes") != std::string::npos);
}

TEST_CASE("links of a group in a heap with two levels of blocks", "[checkpoint][keras]") {
  // tests/data/keras-deep-links.h5.z, by h5py 3.7 with track_order, as a stream of zlib: 165
  // datasets, each one float32 of its number, with names of 3500 letters. Blocks of more than
  // 64 KiB are not direct: the last links lie below a second indirect block.
  const std::string packed =
      read_text_file(wishart::test::data_file("keras-deep-links.h5.z"), 1 << 20);
  std::string h5(std::size_t{1} << 20, '\0');
  uLongf size = h5.size();
  REQUIRE(uncompress(reinterpret_cast<Bytef*>(h5.data()), &size,
                     reinterpret_cast<const Bytef*>(packed.data()), packed.size()) == Z_OK);
  h5.resize(size);
  const TempFolder folder;
  const Catalogue catalogue = open_checkpoint(folder.write("m.h5", h5));
  REQUIRE(catalogue.tensors.size() == 165);
  FileReader reader(catalogue.root, catalogue.files);
  for (std::size_t i = 0; i < 165; ++i) {
    const Tensor& tensor = catalogue.tensors[i];
    CHECK(tensor.name == "g." + std::to_string(i) + "-" + std::string(3500, 'x'));
    std::vector<double> value(1);
    reader.read_elements(tensor, 0, value);
    CHECK(value[0] == static_cast<double>(i));
  }
  // The second one, which is the last in the file, is damaged.
  const std::size_t second = h5.rfind("FHIB");
  REQUIRE(second != h5.find("FHIB"));
  h5[second] = 'X';
  CHECK(error_of([&] {
          static_cast<void>(open_checkpoint(folder.write("m.h5", h5)));
        }).find("expected a block of a fractal heap at address " + std::to_string(second)) !=
        std::string::npos);
}
