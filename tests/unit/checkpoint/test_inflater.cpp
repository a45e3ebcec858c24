/// @file
/// Compressed bytes by position, compressed NumPy arrays, and data with false sizes.

#include <numeric>

#include <catch2/catch.hpp>
#include <zlib.h>

#include "wishart/checkpoint/catalogue.hpp"

#include "bytes/inflater.hpp"
#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"
#include "torch_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;
using wishart::test::little;
using wishart::test::TempFolder;

namespace {

/// Compresses with zlib, without a header.
std::string deflated(const std::string& data) {
  z_stream state{};
  REQUIRE(deflateInit2(&state, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&state, data.size()) + 64, '\0');
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  state.avail_in = static_cast<uInt>(data.size());
  state.next_out = reinterpret_cast<Bytef*>(out.data());
  state.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&state, Z_FINISH) == Z_STREAM_END);
  const std::size_t used = state.total_out;
  deflateEnd(&state);
  return out.substr(0, used);
}

/// Bytes that hardly repeat.
std::string noise(std::size_t count) {
  std::string bytes;
  std::uint64_t state = 1;
  while (bytes.size() < count) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    bytes += static_cast<char>(state >> 60U);
  }
  return bytes;
}

std::string npy(const std::string& shape, const std::string& data, const char* order = "False") {
  const std::string header =
      std::string("{'descr': '<f4', 'fortran_order': ") + order + ", 'shape': " + shape + ", }\n";
  return std::string("\x93NUMPY\x01\0", 8) + little(static_cast<std::uint16_t>(header.size())) +
         header + data;
}

std::string floats(std::int64_t count) {
  std::string bytes;
  for (std::int64_t i = 0; i < count; ++i) bytes += little(static_cast<float>(i));
  return bytes;
}

test::ZipMember packed(const std::string& name, const std::string& data) {
  return {name, deflated(data), static_cast<std::int64_t>(data.size())};
}

/// The error of opening the archive and reading its first array.
std::string refusal(const test::ZipMember& member) {
  const TempFolder folder;
  const auto path = folder.write("m.npz", test::zip_bytes({member}));
  std::string text = error_of([&] {
    const Catalogue catalogue = open_checkpoint(path);
    std::vector<double> values(static_cast<std::size_t>(catalogue.tensors[0].num_elements));
    FileReader(catalogue.root, catalogue.files).read_elements(catalogue.tensors[0], 0, values);
  });
  if (text.starts_with(path.string())) text.replace(0, path.string().size(), "F");
  return text;
}

}  // namespace

TEST_CASE("compressed bytes are read at any position, in any order", "[checkpoint][inflater]") {
  const TempFolder folder;
  const std::string data = noise(400'000);
  const std::string stored = deflated(data);
  const InputFile file(folder.write("f", "front" + stored + "behind"));
  Inflater inflater({5, std::ssize(stored), std::ssize(data)});
  const auto at = [&](std::int64_t offset, std::size_t count) {
    std::string bytes(count, '\0');
    inflater.read(file, offset, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  };
  CHECK(at(0, data.size()) == data);
  CHECK(at(0, 10) == data.substr(0, 10));
  CHECK(at(10, 5) == data.substr(10, 5));
  CHECK(at(300'000, 100'000) == data.substr(300'000));
  CHECK(at(299'999, 3) == data.substr(299'999, 3));
  CHECK(at(400'000, 0).empty());
  CHECK(error_of([&] { static_cast<void>(at(399'999, 2)); }, Blame::bug) ==
        "decompressed bytes outside the data were requested. This is a bug in wishart");
}

TEST_CASE("compressed NumPy arrays are read in both orders", "[checkpoint][inflater]") {
  const TempFolder folder;
  constexpr std::int64_t kRows = 300;
  constexpr std::int64_t kCols = 250;
  const std::string data = floats(kRows * kCols);
  folder.write("m.npz", test::zip_bytes({packed("a.npy", npy("(300, 250)", data)),
                                         packed("b.npy", npy("(250, 300)", data, "True")),
                                         {"c.npy", npy("(300, 250)", data)}}));
  const Catalogue catalogue = open_checkpoint(folder / "m.npz");
  REQUIRE(catalogue.tensors.size() == 3);
  CHECK(storage_text(catalogue.tensors[0]) == "F32");
  FileReader reader(catalogue.root, catalogue.files);
  // Panels from the last to the first, of two arrays in turn.
  int compared = 0;
  for (std::int64_t row = kRows - 100; row >= 0; row -= 100) {
    std::vector<double> expected(100 * kCols);
    std::iota(expected.begin(), expected.end(), static_cast<double>(row * kCols));
    std::vector<double> values(expected.size());
    reader.read_rectangle(catalogue.tensors[0], {row, row + 100, 0, kCols}, values);
    CHECK(values == expected);
    // b is a transposed.
    std::vector<double> columns(expected.size());
    reader.read_rectangle(catalogue.tensors[1], {0, kCols, row, row + 100}, columns);
    bool equal = true;
    for (std::int64_t i = 0; i < 100; ++i) {
      for (std::int64_t j = 0; j < kCols; ++j) {
        equal = equal && columns[static_cast<std::size_t>(j * 100 + i)] ==
                             expected[static_cast<std::size_t>(i * kCols + j)];
      }
    }
    CHECK(equal);
    ++compared;
  }
  CHECK(compared == 3);
}

TEST_CASE("compressed arrays with false sizes are refused", "[checkpoint][inflater]") {
  const std::string array = npy("(20, 10)", floats(200));
  const std::string good = deflated(array);
  const auto size = static_cast<std::int64_t>(array.size());
  CHECK(refusal({"w.npy", good, size}) == "nothing was thrown");
  CHECK(refusal({"w.npy", good, size + 1}) ==
        "F: array 'w': expected 800 bytes of data for shape 20 x 10, found 801");
  const std::string more = npy("(20, 11)", floats(200));  // says 880 bytes, holds 800
  CHECK(refusal({"w.npy", deflated(more), static_cast<std::int64_t>(more.size()) + 80}) ==
        "F: the compressed data at byte 38 end after " + std::to_string(more.size()) +
            " decompressed bytes, expected " + std::to_string(more.size() + 80) +
            ". Copy it again");
  CHECK(refusal({"w.npy", good.substr(0, good.size() - 20), size})
            .starts_with("F: the compressed data at byte 38 end after "));
  CHECK(refusal({"w.npy", std::string(200, '\xff'), size}) ==
        "F: the compressed data at byte 38 are damaged after 0 decompressed bytes. Copy it again");
  CHECK(refusal({"w.npy", "", size}) ==
        "F: the compressed data at byte 38 end after 0 decompressed bytes, expected " +
            std::to_string(size) + ". Copy it again");
  CHECK(refusal({"w.npy", "x", 4'000'000'000}) ==
        "F: zip archive: member 'w.npy' claims 4000000000 bytes, but its 1 compressed bytes cannot "
        "hold that many");
}

TEST_CASE("any byte of a compressed array may be wrong", "[checkpoint][inflater]") {
  const std::string array = npy("(20, 10)", floats(200));
  const std::string good = deflated(array);
  int refused = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    const std::string text = refusal({"w.npy", bad, static_cast<std::int64_t>(array.size())});
    REQUIRE_FALSE(text.starts_with("another blame"));
    refused += text != "nothing was thrown" ? 1 : 0;
  }
  CHECK(refused > 20);
}
