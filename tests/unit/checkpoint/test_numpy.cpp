/// @file
/// NumPy arrays: headers, orders, archives, and refusals.

#include <array>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "formats/numpy/numpy_file.hpp"
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

std::string npy(const std::string& header, const std::string& data, int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  bytes += version == 1 ? little(static_cast<std::uint16_t>(header.size()))
                        : little(static_cast<std::uint32_t>(header.size()));
  return bytes + header + data;
}

std::string dict(const std::string& descr, const std::string& shape, const char* order = "False") {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }   \n";
}

std::string floats(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += little(static_cast<float>(i));
  return bytes;
}

std::string refusal(const std::string& bytes, const std::string& name = "a.npy") {
  const TempFolder folder;
  const auto path = folder.write(name, bytes);
  std::string text = error_of([&] { static_cast<void>(read_numpy_file(path)); });
  if (text.starts_with(path.string())) text.replace(0, path.string().size(), "F");
  return text;
}

}  // namespace

TEST_CASE("an array is read in both orders", "[checkpoint][numpy]") {
  const TempFolder folder;
  folder.write("w/layers.0.weight.npy", npy(dict("'<f4'", "(2, 3)"), floats(6)));
  folder.write("w/layers.1.weight.npy", npy(dict("'<f4'", "(2, 3)", "True"), floats(6), 2));
  const Catalogue catalogue = open_checkpoint(folder / "w");
  CHECK(catalogue.format == "numpy");
  REQUIRE(catalogue.tensors.size() == 2);
  CHECK(catalogue.tensors[0].name == "layers.0.weight");
  CHECK(catalogue.tensors[1].shape == std::vector<std::int64_t>{2, 3});
  FileReader reader(catalogue.root, catalogue.files);
  std::array<double, 6> values{};
  reader.read_elements(catalogue.tensors[0], 0, values);
  CHECK(values == std::array{0.0, 1.0, 2.0, 3.0, 4.0, 5.0});
  reader.read_elements(catalogue.tensors[1], 0, values);
  CHECK(values == std::array{0.0, 2.0, 4.0, 1.0, 3.0, 5.0});
}

TEST_CASE("arrays of an archive are named after its members", "[checkpoint][numpy]") {
  const TempFolder folder;
  folder.write("m.npz", test::zip_bytes({{"fc.weight.npy", npy(dict("'<f4'", "(2, 3)"), floats(6))},
                                         {"readme.txt", "x"},
                                         {"n.npy", npy(dict("'<i8'", "()"), std::string(8, 'x'))},
                                         {"b.npy", npy(dict("'|V2'", "(2,)"), "abcd")}}));
  const Catalogue catalogue = open_checkpoint(folder / "m.npz");
  REQUIRE(catalogue.tensors.size() == 2);
  CHECK(catalogue.tensors[0].name == "fc.weight");
  CHECK(catalogue.tensors[1].name == "n");
  CHECK(catalogue.tensors[1].dtype == Dtype::i64);
  CHECK(catalogue.tensors[1].shape.empty());
  REQUIRE(catalogue.left_out.size() == 1);
  CHECK(
      catalogue.left_out[0].detail ==
      "elements of NumPy type '|V2' are not supported. If they are bfloat16, save them as float32");
  FileReader reader(catalogue.root, catalogue.files);
  std::array<double, 2> values{};
  reader.read_rectangle(catalogue.tensors[0], {1, 2, 1, 3}, values);
  CHECK(values == std::array{4.0, 5.0});
}

TEST_CASE("the state of an optimizer in an archive is not read", "[checkpoint][numpy]") {
  const TempFolder folder;
  const std::string array = npy(dict("'<f4'", "(2, 3)"), floats(6));
  folder.write("m.npz", test::zip_bytes({{"params/mlp/kernel.npy", array},
                                         {"opt_state/0/mu/params/mlp/kernel.npy", array},
                                         {"opt_state-0-nu-mlp-kernel.npy", array},
                                         {"opt_state.0.mu.npy", array},
                                         {"opt_state_encoder/kernel.npy", array}}));
  const Catalogue catalogue = open_checkpoint(folder / "m.npz");
  REQUIRE(catalogue.tensors.size() == 2);
  CHECK(catalogue.tensors[0].name == "opt_state_encoder/kernel");
  CHECK(catalogue.tensors[1].name == "params/mlp/kernel");
}

TEST_CASE("elements that are not numbers are left out", "[checkpoint][numpy]") {
  const auto [descr, shown] = GENERATE(
      table<std::string, std::string>({{"'|O'", "'|O'"},
                                       {"'<U3'", "'<U3'"},
                                       {"'>f4'", "'>f4'"},
                                       {"[('a', '<f4'), ('b', '<f4', (2,))]", "'[...]'"}}));
  const TempFolder folder;
  const NumpyFile file =
      read_numpy_file(folder.write("a.npy", npy(dict(descr, "(2,)"), "anything")));
  REQUIRE(file.left_out.size() == 1);
  CHECK(file.left_out[0].detail == "elements of NumPy type " + shown + " are not supported");
}

TEST_CASE("NumPy: what is refused", "[checkpoint][numpy]") {
  CHECK(refusal("\x93NUMP") == "F: expected a NumPy array, found a different signature");
  CHECK(refusal("") == "F: expected a NumPy array, found a different signature");
  CHECK(refusal(npy("", "", 4)) == "F: expected a NumPy array of version 1 to 3, found 4");
  CHECK(refusal(std::string("\x93NUMPY\x02\0\xff\xff\xff\xff", 12)) ==
        "F: expected a header of at most 1 MiB in the 12 bytes of the array, found 4294967295 "
        "bytes");
  const auto header = [](const std::string& text) { return refusal(npy(text, "")); };
  CHECK(header("x") == "F: header: expected '{', found 'x'");
  CHECK(header("{'descr': '<f4'") == "F: header: expected '}', found its end");
  CHECK(header("{'descr': <f4") == "F: header: expected a type, found '<f4'");
  CHECK(header("{'descr': ''}") == "F: header: expected a type, found an empty one");
  CHECK(header("{'descr': [[]") == "F: header: expected ']', found its end");
  CHECK(header("{'name': 1}") ==
        "F: header: expected descr, fortran_order and shape, each once, found 'name'");
  CHECK(header("{'fortran_order': 1}") == "F: header: expected True or False, found '1}'");
  CHECK(header("{'shape': (-1,)}") ==
        "F: header: expected a shape of at most 64 sizes, found '-1,)}'");
  CHECK(header("{'shape': (99999999999999999999,)}") ==
        "F: header: expected a shape of at most 64 sizes, found '99999999999999999999'");
  CHECK(header("{'shape': ()}") ==
        "F: header: expected descr, fortran_order and shape, found only some of them");
  CHECK(header(dict("'<f4'", "()") + "os.system()") ==
        "F: header: expected nothing after it, found 'os.system()'");
  CHECK(refusal(npy(dict("'<f4'", "(2, 3)"), floats(5))) ==
        "F: expected 24 bytes of data for shape 2 x 3, found 20");
  CHECK(refusal(npy(dict("'<f4'", "(2, 3)"), floats(7))) ==
        "F: expected 24 bytes of data for shape 2 x 3, found 28");
  CHECK(refusal(npy(dict("'<f4'", "(4611686018427387904, 4)"), "")) ==
        "F: an array of shape 4611686018427387904 x 4 is too large");
  CHECK(refusal(npy(dict("'<f4'", "(4611686018427387904,)"), "")) ==
        "F: expected more than 2^63 bytes of data for shape 4611686018427387904, found 0");
  CHECK(refusal(test::zip_bytes({{"x.txt", "x"}}), "a.npz") ==
        "F: expected NumPy arrays, found none");
  CHECK(refusal(test::zip_bytes({{"x.npy", "x"}}), "a.npz") ==
        "F: array 'x': expected a NumPy array, found a different signature");
}
