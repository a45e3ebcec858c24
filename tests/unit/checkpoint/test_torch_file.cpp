/// @file
/// Files of torch.save: tensors as views of storages, wrappers around the weights, broken archives.

#include <numeric>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "formats/torch/torch_file.hpp"
#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/places.hpp"
#include "support/temp_folder.hpp"
#include "torch_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::bytes_of;
using wishart::test::error_of;
using wishart::test::little;
using wishart::test::PickleText;
using wishart::test::shared_folder;
using wishart::test::state_dict_pickle;
using wishart::test::TempFolder;
using wishart::test::torch_legacy;
using wishart::test::torch_zip;
using wishart::test::TorchText;
using wishart::test::zip_bytes;

namespace {

std::vector<double> values_of(const Catalogue& catalogue, const std::string& name) {
  FileReader reader(catalogue.root, catalogue.files);
  for (const Tensor& tensor : catalogue.tensors) {
    if (tensor.name != name) continue;
    std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
    reader.read_elements(tensor, 0, values);
    return values;
  }
  return {};
}

std::vector<double> counted(std::size_t count) {
  std::vector<double> values(count);
  std::iota(values.begin(), values.end(), 0.0);
  return values;
}

/// `values` of a 6 x 4 transpose of 4 x 6 elements 0, 1, 2, ...
void check_transposed(const std::vector<double>& values) {
  REQUIRE(values.size() == 24);
  for (std::size_t i = 0; i < 24; ++i) CHECK(values[i] == static_cast<double>(i / 4 + i % 4 * 6));
}

/// `count` floats 0, 1, 2, ...
std::string floats(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0F);
  return bytes_of(std::span<const float>(values));
}

TorchText dense(const std::string& name, const std::string& key = "0") {
  return {name, "FloatStorage", key, 24, 0, {4, 6}, {6, 1}};
}

std::string refusal(const TempFolder& folder, const std::string& bytes) {
  folder.write("m.pt", bytes);
  std::string text = error_of([&] { static_cast<void>(open_checkpoint(folder / "m.pt")); });
  const std::string path = (folder / "m.pt").string();
  if (text.starts_with(path)) text.replace(0, path.size(), "F");
  return text;
}

std::string refusal_of(const TorchText& tensor) {
  const TempFolder folder;
  return refusal(folder, torch_zip(state_dict_pickle({tensor}), {{"0", floats(24)}}));
}

}  // namespace

TEST_CASE("views of one storage are read by their strides", "[checkpoint][torch]") {
  const bool legacy = GENERATE(false, true);
  const std::vector<TorchText> tensors{dense("a"),
                                       {"t", "FloatStorage", "0", 24, 0, {6, 4}, {1, 6}},
                                       {"slice", "FloatStorage", "0", 24, 8, {2, 3}, {6, 1}},
                                       {"expanded", "FloatStorage", "0", 24, 2, {3, 2}, {0, 1}},
                                       {"cube", "FloatStorage", "0", 24, 0, {3, 2, 4}, {2, 1, 6}},
                                       {"scalar", "FloatStorage", "0", 24, 5, {}, {}},
                                       {"empty", "FloatStorage", "0", 24, 0, {0, 6}, {6, 1}}};
  const TempFolder folder;
  const std::string pickle = state_dict_pickle(tensors, legacy);
  const std::vector<test::ZipMember> storages{{"0", floats(24)}};
  std::string bytes = torch_zip(pickle, storages);
  if (legacy) bytes = torch_legacy(pickle, storages);
  folder.write("m.pt", bytes);
  const Catalogue catalogue = open_checkpoint(folder / "m.pt");
  CHECK(catalogue.format == "torch");
  REQUIRE(catalogue.tensors.size() == tensors.size());
  CHECK(values_of(catalogue, "a") == counted(24));
  check_transposed(values_of(catalogue, "t"));
  CHECK(values_of(catalogue, "slice") == std::vector<double>{8, 9, 10, 14, 15, 16});
  CHECK(values_of(catalogue, "expanded") == std::vector<double>{2, 3, 2, 3, 2, 3});
  CHECK(values_of(catalogue, "scalar") == std::vector<double>{5});
  const std::vector<double> cube = values_of(catalogue, "cube");
  for (std::size_t i = 0; i < 24; ++i) {
    CHECK(cube[i] == static_cast<double>(i / 8 * 2 + i / 4 % 2 + i % 4 * 6));
  }
}

TEST_CASE("any block of any view agrees with the tensor read whole", "[checkpoint][torch]") {
  const TempFolder folder;
  folder.write("m.pt",
               torch_zip(state_dict_pickle(
                             {{"t", "FloatStorage", "0", 3000, 0, {50, 60}, {1, 50}},
                              {"cube", "FloatStorage", "0", 3000, 0, {5, 30, 20}, {20, 100, 1}}}),
                         {{"0", floats(3000)}}));
  const Catalogue catalogue = open_checkpoint(folder / "m.pt");
  FileReader reader(catalogue.root, catalogue.files);
  std::int64_t compared = 0;
  for (const Tensor& tensor : catalogue.tensors) {
    const std::vector<double> whole = values_of(catalogue, tensor.name);
    const std::int64_t width = tensor.shape.back();
    const std::int64_t height = tensor.num_elements / width;
    for (std::int64_t step = 0; step < 40; ++step) {
      const Block block{step % height, height - step * step % (height - step % height),
                        step * 3 % width, width - step * 7 % (width - step * 3 % width)};
      std::vector<double> out(static_cast<std::size_t>((block.row_end - block.row_begin) *
                                                       (block.col_end - block.col_begin)));
      reader.read_rectangle(tensor, block, out);
      std::size_t wrong = 0;
      std::size_t k = 0;
      for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
        for (std::int64_t j = block.col_begin; j < block.col_end; ++j) {
          if (out[k++] != whole[static_cast<std::size_t>(i * width + j)]) ++wrong;
        }
      }
      CHECK(wrong == 0);
      compared += static_cast<std::int64_t>(k);
      std::vector<double> run(static_cast<std::size_t>(tensor.num_elements - step * 31));
      reader.read_elements(tensor, step * 31, run);
      CHECK(std::equal(run.begin(), run.end(), whole.begin() + step * 31));
    }
  }
  CHECK(compared > 40'000);
}

TEST_CASE("names of one storage are one tensor", "[checkpoint][torch]") {
  const TempFolder folder;
  folder.write("m.pt", torch_zip(state_dict_pickle({dense("embed.weight"), dense("head.weight")}),
                                 {{"0", floats(24)}}));
  const Catalogue catalogue = open_checkpoint(folder / "m.pt");
  REQUIRE(catalogue.tensors.size() == 1);
  CHECK(catalogue.tensors[0].name == "embed.weight");
  CHECK(catalogue.aliases ==
        std::vector<std::pair<std::string, std::string>>{{"head.weight", "embed.weight"}});
}

TEST_CASE("weights are found inside the wrappers of trainers", "[checkpoint][torch]") {
  const TempFolder folder;
  PickleText pickle;
  pickle.raw("}(").text("global_step").integer(700).text("optimizer").raw("}").text("state");
  test::pickle_tensor(pickle, dense("", "1"));
  pickle.raw("s").text("args").global("argparse", "Namespace").raw(")\x81");
  pickle.text("state_dict").global("collections", "OrderedDict").raw(")R(");
  pickle.text("module.a.weight");
  test::pickle_tensor(pickle, dense(""));
  pickle.raw("uu");
  folder.write("m.pt", torch_zip(pickle.stop(), {{"0", floats(24)}, {"1", floats(24)}}));
  const Catalogue catalogue = open_checkpoint(folder / "m.pt");
  REQUIRE(catalogue.tensors.size() == 1);
  CHECK(catalogue.tensors[0].name == "a.weight");
  CHECK(catalogue.training.step == 700);
}

TEST_CASE("float8 has a dtype of its own", "[checkpoint][torch]") {
  const TempFolder folder;
  PickleText pickle;
  pickle.raw("}").text("w").global("torch._utils", "_rebuild_tensor_v3").raw("((").text("storage");
  pickle.global("torch.storage", "UntypedStorage").text("0").text("cpu").integer(6).raw("tQ");
  pickle.integer(0).integers({2, 3}).integers({3, 1}).raw("\x89").global("collections",
                                                                         "OrderedDict");
  pickle.raw(")R").global("torch", "float8_e4m3fn").raw("tRs");
  folder.write("m.pt", torch_zip(pickle.stop(), {{"0", "\x38\x40\x44\xb8\x30\x7e"}}));
  const Catalogue catalogue = open_checkpoint(folder / "m.pt");
  CHECK(catalogue.tensors[0].dtype == Dtype::f8_e4m3);
  CHECK(values_of(catalogue, "w") == std::vector<double>{1, 2, 3, -1, 0.5, 448});
}

TEST_CASE("tensors that extend beyond their storage are refused", "[checkpoint][torch]") {
  TorchText tensor = dense("w");
  tensor.shape = {5, 6};
  CHECK(refusal_of(tensor) ==
        "F: tensor 'w' of shape 5 x 6 extends beyond its storage of 96 bytes");
  tensor = dense("w");
  tensor.offset = 1;
  CHECK(refusal_of(tensor) ==
        "F: tensor 'w' of shape 4 x 6 extends beyond its storage of 96 bytes");
  tensor.offset = -1;
  CHECK(refusal_of(tensor) == "F: tensor 'w' starts before the beginning of its storage");
  tensor = dense("w");
  tensor.strides = {INT64_MAX, 1};
  CHECK(refusal_of(tensor) ==
        "F: tensor 'w' of shape 4 x 6 extends beyond its storage of 96 bytes");
  tensor.strides = {-6, 1};
  CHECK(refusal_of(tensor) == "F: tensor 'w' has a negative size or stride");
  tensor = dense("w");
  tensor.shape = {INT64_MAX, INT64_MAX};
  tensor.strides = {0, 0};
  CHECK(refusal_of(tensor) ==
        "F: tensor 'w' of shape 9223372036854775807 x 9223372036854775807 "
        "extends beyond its storage of 96 bytes");
  tensor.shape = {INT64_MAX, 1};
  CHECK(refusal_of(tensor) ==
        "F: tensor 'w' of shape 9223372036854775807 x 1 repeats elements of its storage of 96 "
        "bytes, expected no "
        "more elements than are stored");
  tensor = dense("w");
  tensor.numel = 25;
  CHECK(refusal_of(tensor) == "F: tensor 'w': expected 100 bytes in storage '0', found 96");
  tensor = dense("w", "7");
  CHECK(refusal_of(tensor) == "F: tensor 'w': its storage '7' is not in the file");
  tensor = dense("w");
  tensor.strides = {1};
  CHECK(refusal_of(tensor) ==
        "F: tensor 'w': offset, size and stride are not the numbers of a tensor");
}

TEST_CASE("a tensor that is built in another way is refused by name", "[checkpoint][torch]") {
  TorchText tensor = dense("w");
  tensor.rebuild_module = "evil";
  tensor.rebuild = "make";
  CHECK(refusal_of(tensor) == "F: tensor 'w' is built by evil.make, which is not supported");
  tensor = dense("w");
  tensor.storage_class = "QInt8Storage";
  CHECK(refusal_of(tensor) ==
        "F: tensor 'w' is in a storage of class torch.QInt8Storage, which is not supported");
}

TEST_CASE("broken archives are refused", "[checkpoint][torch]") {
  const TempFolder folder;
  const std::string good = torch_zip(state_dict_pickle({dense("w")}), {{"0", floats(24)}});
  CHECK(refusal(folder, good) == "nothing was thrown");
  CHECK(refusal(folder, good.substr(0, good.size() - 30)) ==
        "F: zip archive: it has no end record. The file is truncated: copy it again");
  CHECK(refusal(folder, "PK\x03\x04") ==
        "F: zip archive: it has no end record. The file is truncated: copy it again");
  CHECK(refusal(folder, "hello") ==
        "F: expected a file of torch.save, found neither a zip archive nor its pickles");
  CHECK(refusal(folder, "") ==
        "F: expected a file of torch.save, found neither a zip archive nor its pickles");
  CHECK(refusal(folder, std::string(257, 'x') + "ustar" + std::string(200, 'x')) ==
        "F: is a tar file from PyTorch before 0.1.10, which is not supported. Load it and save it "
        "with a newer version");
  CHECK(refusal(folder, zip_bytes({{"a/weights", "x"}})) ==
        "F: expected a data.pkl in the zip archive, found none. It is not a file of torch.save");
  const std::string pickle = state_dict_pickle({dense("w")});
  CHECK(refusal(folder, zip_bytes({{"a/data.pkl", pickle}, {"a/data.pkl", pickle}})) ==
        "F: zip archive: two members are named 'a/data.pkl'");
  CHECK(refusal(folder, zip_bytes({{"a/data.pkl", pickle}, {"a/byteorder", "big"}})) ==
        "F: is big-endian, which is not supported");
  CHECK(refusal(folder, zip_bytes({{"a/data.pkl", pickle}, {"a/constants.pkl", ""}})) ==
        "F: is a TorchScript program, expected a state dict. Save model.state_dict() instead");
  CHECK(refusal(folder, torch_zip(PickleText().raw("}").stop(), {})) ==
        "F: expected tensors in its state dict, found none");
}

TEST_CASE("numbers of a zip directory are not trusted", "[checkpoint][torch]") {
  const TempFolder folder;
  const std::string good = torch_zip(state_dict_pickle({dense("w")}), {{"0", floats(24)}});
  const std::size_t end = good.rfind("PK\x05\x06");
  const std::size_t last = good.rfind("PK\x01\x02");
  const auto changed = [&](std::size_t at, const std::string& bytes) {
    std::string text = good;
    text.replace(at, bytes.size(), bytes);
    return refusal(folder, text);
  };
  const std::string whole = std::to_string(good.size());
  CHECK(changed(end + 12, little(std::uint32_t{0x7FFFFFFF}))
            .ends_with("is not inside the archive of " + whole + " bytes"));
  CHECK(changed(end + 16, little(std::uint32_t{0x7FFFFFFF}))
            .ends_with("is not inside the archive of " + whole + " bytes"));
  CHECK(changed(end + 10, little(std::uint16_t{60000})).find("claims 60000 members in a ") !=
        std::string::npos);
  CHECK(changed(end + 10, little(std::uint16_t{0xFFFF})) ==
        "F: zip archive: its zip64 end record is outside the archive");
  CHECK(changed(last + 20, little(std::uint32_t{1000}))
            .find("F: zip archive: member 'archive/data/0' of 1000 bytes at byte ") == 0);
  CHECK(changed(last + 42, little(std::uint32_t{0})).find("runs past byte 0, where the next") !=
        std::string::npos);
  CHECK(changed(last + 10, little(std::uint16_t{8})) ==
        "F: zip archive: member 'archive/data/0' is compressed, expected it uncompressed. Save the "
        "file without compression");
  CHECK(changed(last + 42, little(std::uint32_t{0xFFFFFFFF})).find("runs past") !=
        std::string::npos);
  CHECK(changed(last, "XX") == "F: zip archive: member 2 of 3 is missing from its directory");
}

TEST_CASE("broken old files are refused", "[checkpoint][torch]") {
  const TempFolder folder;
  const std::string pickle = state_dict_pickle({dense("w")}, true);
  const std::string good = torch_legacy(pickle, {{"0", floats(24)}});
  CHECK(refusal(folder, good) == "nothing was thrown");
  CHECK(refusal(folder, good.substr(0, good.size() - 4)) ==
        "F: storage '0': expected 24 elements, found a count of 24 and 92 bytes to the end of the "
        "file");
  CHECK(refusal(folder, torch_legacy(pickle, {{"0", floats(23)}})) ==
        "F: storage '0': expected 24 elements, found a count of 23 and 92 bytes to the end of the "
        "file");
  CHECK(refusal(folder, torch_legacy(pickle, {})) ==
        "F: tensor 'w': its storage '0' is not in the file");
  CHECK(refusal(folder, torch_legacy(pickle, {{"1", floats(24)}})) ==
        "F: storage '1' is listed, but no tensor refers to it");
  std::string huge = good;
  huge.replace(good.size() - 96 - 8, 8, little(INT64_MAX));
  CHECK(refusal(folder, huge).find("found a count of 9223372036854775807") != std::string::npos);
}

TEST_CASE("shards of PyTorch are read by their index", "[checkpoint][torch]") {
  const TempFolder folder;
  folder.write("m/pytorch_model-00001-of-00002.bin",
               torch_zip(state_dict_pickle({dense("a"), dense("tied")}), {{"0", floats(24)}}));
  folder.write("m/pytorch_model-00002-of-00002.bin",
               torch_zip(state_dict_pickle({dense("b")}), {{"0", floats(24)}}));
  folder.write("m/optimizer.pt", "x");
  folder.write("m/training_args.bin", "x");
  folder.write("m/pytorch_model.bin.index.json",
               R"({"weight_map":{"a":"pytorch_model-00001-of-00002.bin",
               "tied":"pytorch_model-00001-of-00002.bin","b":"pytorch_model-00002-of-00002.bin"}})");
  const Catalogue catalogue = open_checkpoint(folder / "m");
  CHECK(catalogue.tensors.size() == 2);
  CHECK(catalogue.aliases.size() == 1);
  CHECK(catalogue.files.size() == 2);
  CHECK(catalogue.warnings.empty());
  CHECK(values_of(catalogue, "b") == counted(24));
  // Without the index, the names say that there are two; then one is missing.
  std::filesystem::remove(folder / "m/pytorch_model.bin.index.json");
  CHECK(open_checkpoint(folder / "m").tensors.size() == 2);
  std::filesystem::remove(folder / "m/pytorch_model-00002-of-00002.bin");
  CHECK(error_of([&] { static_cast<void>(open_checkpoint(folder / "m")); }) ==
        (folder / "m").string() +
            ": pytorch_model-*-of-00002.bin: found 1 of 2 files, missing "
            "pytorch_model-00002-of-00002.bin. Copy the folder again");
}

TEST_CASE("files of real PyTorch have their known values", "[.shared][checkpoint][torch]") {
  const auto shared = wishart::test::shared_folder();
  if (!shared) return;
  for (const char* name : {"new.pt", "old.pt"}) {
    const Catalogue catalogue = open_checkpoint(*shared / "fixtures/formats" / name);
    CHECK(catalogue.tensors.size() == 6);
    CHECK(values_of(catalogue, "a.weight") == counted(24));
    CHECK(values_of(catalogue, "a.slice") == std::vector<double>{8, 9, 10, 14, 15, 16});
    check_transposed(values_of(catalogue, "a.t"));
    CHECK(values_of(catalogue, "bf") == std::vector<double>(15, 1.0));
  }
  CHECK(values_of(open_checkpoint(*shared / "fixtures/formats/mg.pt"), "weight").size() == 12);
}
