/// @file
/// HDF5 files of Keras: names and places of datasets, and damaged files. tests/data/keras.h5 was
/// written by h5py 3.7 with its defaults.

#include <numeric>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/file.hpp"

#include "formats/hdf5/keras_file.hpp"
#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/places.hpp"
#include "support/temp_folder.hpp"
#include "torch_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;
using wishart::test::TempFolder;

namespace {

std::string sample() { return read_text_file(wishart::test::data_file("keras.h5"), 1 << 20); }

std::string refusal(const std::string& bytes, const std::string& name = "m.h5") {
  const TempFolder folder;
  const auto path = folder.write(name, bytes);
  std::string text = error_of([&] { static_cast<void>(read_keras_file(path)); });
  if (text.starts_with(path.string())) text.replace(0, path.string().size(), "F");
  return text;
}

/// An archive is HDF5 too, and its name ends like that of Keras weights.
std::filesystem::path kept_archive(const std::string& version) {
  return wishart::test::data_file("archive-v" + version + ".h5");
}

/// tests/data/keras-chunks.h5, by h5py 3.7: elements 0, 1, 2, ... in chunks.
std::string chunked() {
  return read_text_file(wishart::test::data_file("keras-chunks.h5"), 1 << 20);
}

/// The sample with the first `from` replaced by `to`.
std::string changed(const std::string& from, const std::string& to) {
  std::string bytes = sample();
  const std::size_t at = bytes.find(from);
  REQUIRE(at != std::string::npos);
  return bytes.replace(at, to.size(), to);
}

std::string with_byte(std::size_t at, char value) {
  std::string bytes = sample();
  bytes[at] = value;
  return bytes;
}

void check_sample(const Catalogue& catalogue) {
  CHECK(catalogue.format == "keras");
  REQUIRE(catalogue.tensors.size() == 4);
  CHECK(catalogue.tensors[0].name == "dense.dense.bias");
  CHECK(catalogue.tensors[0].dtype == Dtype::f16);
  CHECK(catalogue.tensors[1].name == "dense.dense.kernel");
  CHECK(catalogue.tensors[1].shape == std::vector<std::int64_t>{2, 3});
  CHECK(catalogue.tensors[2].name == "ordered.w");
  FileReader reader(catalogue.root, catalogue.files);
  std::vector<double> values(6);
  reader.read_elements(catalogue.tensors[1], 0, values);
  CHECK(values == std::vector<double>{0, 1, 2, 3, 4, 5});
  values.resize(4);
  reader.read_elements(catalogue.tensors[2], 0, values);
  CHECK(values == std::vector<double>{0, 1, 2, 3});
  CHECK(catalogue.tensors[3].name == "packed");
  REQUIRE(catalogue.left_out.size() == 1);
  CHECK(catalogue.left_out[0].tensor.name == "dense.dense.big");
  CHECK(catalogue.left_out[0].detail == "its elements are not little-endian numbers");
}

}  // namespace

TEST_CASE("Keras datasets are read in place as tensors", "[checkpoint][keras]") {
  const TempFolder folder;
  folder.write("a/m.h5", sample());
  check_sample(open_checkpoint(folder / "a"));
  folder.write("b/m.keras",
               test::zip_bytes({{"config.json", "{}"}, {"model.weights.h5", sample()}}));
  check_sample(open_checkpoint(folder / "b"));
}

TEST_CASE("Keras: what is refused", "[checkpoint][keras]") {
  const std::string size = std::to_string(sample().size());
  CHECK(refusal("") == "F: HDF5: expected an HDF5 file, found a different signature");
  CHECK(refusal(std::string(100, 'x')) ==
        "F: HDF5: expected an HDF5 file, found a different signature");
  CHECK(refusal(with_byte(8, 4)) == "F: HDF5: expected a superblock of version 0 to 3, found 4");
  CHECK(refusal(with_byte(13, 4)) ==
        "F: HDF5: expected addresses and lengths of 8 bytes, found 4 and 8");
  CHECK(refusal(with_byte(31, 1)) ==
        "F: HDF5: its base address 72057594037927936 is outside the file");
  CHECK(refusal(with_byte(71, 1)) ==
        "F: HDF5: expected 6 bytes at address 72057594037928032, the file has " + size +
            ". It is damaged or truncated: copy it again");
  CHECK(refusal(changed("HEAP", "XXXX")) == "F: HDF5: expected the names of a group, found none");
  CHECK(refusal(changed("TREE", "XXXX")) ==
        "F: HDF5: expected the list of a group at address 136, found none");
  CHECK(refusal(sample().substr(0, 1000)).find("It is damaged or truncated: copy it again") !=
        std::string::npos);
  CHECK(refusal(test::zip_bytes({{"config.json", "{}"}}), "m.keras") ==
        "F: expected model.weights.h5 in the Keras archive, found none");
}

TEST_CASE("scales of layers that Keras has quantised are no matrices", "[checkpoint][keras]") {
  // tests/data/keras-int8.h5, by h5py 3.7: layers.dense has a kernel of int8 and a scale of 2 x 3.
  const TempFolder folder;
  folder.write("m.weights.h5", read_text_file(wishart::test::data_file("keras-int8.h5"), 1 << 20));
  CHECK(error_of([&] { static_cast<void>(open_checkpoint(folder.path())); }) ==
        folder.path().string() +
            ": quantised tensor 'layers.dense.vars.0': codes and scales of a layer that Keras has "
            "quantised, which is not read: 'layers.dense.vars.0' (I8, 4 x 3), "
            "'layers.dense.vars.1' (F32, 3), 'layers.dense.vars.2' (F32, 2 x 3)");
  OpenOptions options;
  options.allow_unknown = true;
  const Catalogue catalogue = open_checkpoint(folder.path(), options);
  REQUIRE(catalogue.tensors.size() == 1);
  CHECK(catalogue.tensors[0].name == "layers.dense_1.vars.0");
  REQUIRE(catalogue.left_out.size() == 3);
  CHECK(catalogue.left_out[0].reason == "quantised-not-read");
}

TEST_CASE("chunked datasets are read in place", "[checkpoint][keras]") {
  const TempFolder folder;
  folder.write("m.h5", chunked());
  const Catalogue catalogue = open_checkpoint(folder / "m.h5");
  REQUIRE(catalogue.tensors.size() == 3);
  CHECK(catalogue.tensors[0].name == "cube");
  CHECK(catalogue.tensors[0].extents.size() == 4);
  CHECK(catalogue.tensors[1].name == "many");  // their index has two levels
  CHECK(catalogue.tensors[1].extents.size() == 100);
  CHECK(catalogue.tensors[2].name == "w");
  CHECK(catalogue.tensors[2].extents.size() == 9);
  FileReader reader(catalogue.root, catalogue.files);
  for (const Tensor& tensor : catalogue.tensors) {
    CAPTURE(tensor.name);
    std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
    std::vector<double> expected(values.size());
    std::iota(expected.begin(), expected.end(), 0.0);
    reader.read_elements(tensor, 0, values);
    CHECK(values == expected);
  }
  REQUIRE(catalogue.left_out.size() == 2);
  CHECK(catalogue.left_out[0].tensor.name == "empty");
  CHECK(catalogue.left_out[0].detail == "nothing has been written to it");
  CHECK(catalogue.left_out[1].tensor.name == "part");
  CHECK(catalogue.left_out[1].detail == "not all of its chunks have been written");
}

TEST_CASE("Keras: any byte may be wrong", "[checkpoint][keras]") {
  const std::string whole = GENERATE(sample(), chunked());
  const TempFolder folder;
  int refused = 0;
  for (std::size_t at = 0; at < std::min<std::size_t>(whole.size(), 12000); at += 3) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    const auto path = folder.write("m.h5", bytes);
    try {
      static_cast<void>(read_keras_file(path));
    } catch (const Error& error) {
      REQUIRE(error.blame() == Blame::input);
      ++refused;
    }
  }
  CHECK(refused > 10);
}

TEST_CASE("an archive of wishart is no checkpoint", "[keras]") {
  for (const std::string version : {"1", "2", "3"}) {
    const TempFolder folder;
    const auto file = folder.path() / "checkpoint-1.h5";
    std::filesystem::copy_file(kept_archive(version), file);
    const std::string text = ": is an archive of wishart, expected a checkpoint";
    for (const auto& path : {file, folder.path()}) {
      CAPTURE(path);
      CHECK(error_of([&] { (void)open_checkpoint(path); }) == path.string() + text);
      CHECK(error_of([&] { (void)find_checkpoints(path); }) == path.string() + text);
    }
    std::filesystem::copy_file(file, folder.path() / "index.h5");
    CHECK(error_of([&] { (void)find_checkpoints(folder.path()); }) ==
          folder.path().string() + text);
    CHECK(error_of([&] { (void)open_checkpoint(folder.path()); }) == folder.path().string() + text);
  }
  // In the folder of the run that it is of, or beside weights.
  const TempFolder run;
  run.write("checkpoint-1/model.weights.h5", sample());
  std::filesystem::create_directory(run / "archive");
  std::filesystem::copy_file(kept_archive("3"), run / "archive/checkpoint-1.h5");
  CHECK(find_checkpoints(run.path()) == std::vector<std::filesystem::path>{run / "checkpoint-1"});
  std::filesystem::copy_file(kept_archive("3"), run / "checkpoint-1/old.h5");
  CHECK(error_of([&] {
          (void)open_checkpoint(run / "checkpoint-1/old.h5");
        }).find("is an archive of wishart") != std::string::npos);
  CHECK(open_checkpoint(run / "checkpoint-1/model.weights.h5").tensors.size() == 4);
}
