/// @file
/// Files written by PyTorch itself, compared with their contents according to numpy
/// (tools/make-torch).

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include <catch2/catch.hpp>
#include <sys/wait.h>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/file.hpp"

#include "numbers/file_reader.hpp"
#include "support/places.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::TempFolder;

namespace {

/// Without PyTorch returns false and prints a line that makes CTest skip the program.
bool make_files(const std::filesystem::path& folder) {
  const std::string command = "/usr/bin/python3 '" + wishart::test::in_source("tools/make-torch") +
                              "' '" + folder.string() + "'";
  const int status = std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe,cert-env33-c)
  REQUIRE(WIFEXITED(status));
  constexpr int kMissing = 77;
  if (WEXITSTATUS(status) == kMissing) {
    std::cout << "skipped: python3-torch is not installed\n";
    return false;
  }
  REQUIRE(WEXITSTATUS(status) == 0);
  return true;
}

/// Name -> dtype, as the generator has written them.
std::map<std::string, Dtype> expected_dtypes(const std::filesystem::path& file) {
  std::map<std::string, Dtype> dtypes;
  std::istringstream lines(read_text_file(file, 1 << 20));
  for (std::string name, dtype; lines >> name >> dtype;) {
    REQUIRE(dtype_from_name(dtype));
    dtypes[name] = *dtype_from_name(dtype);
  }
  return dtypes;
}

/// The elements as bytes: of floats their values as float64, of others what is stored.
std::string elements(const Catalogue& catalogue, const Tensor& tensor) {
  if (has_weights(tensor)) {
    std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
    FileReader(catalogue.root, catalogue.files).read_elements(tensor, 0, values);
    const auto bytes = std::as_bytes(std::span(values));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  REQUIRE(tensor.is_dense());
  const SourceFile& source = catalogue.files[static_cast<std::size_t>(tensor.file)];
  std::string bytes(static_cast<std::size_t>(tensor.size_bytes), '\0');
  InputFile(catalogue.root / source.name)
      .read(tensor.offset_bytes, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

/// Compares a checkpoint with the arrays of the same name; returns how many tensors there were.
std::size_t compare(const std::filesystem::path& checkpoint) {
  const auto dtypes = expected_dtypes(checkpoint.string() + ".dtypes");
  const Catalogue ours = open_checkpoint(checkpoint);
  const Catalogue expected = open_checkpoint(checkpoint.string() + ".npz");
  std::vector<std::string> names;
  for (const Tensor& tensor : ours.tensors) names.push_back(tensor.name);
  std::vector<std::string> expected_names;
  for (const Tensor& tensor : expected.tensors) expected_names.push_back(tensor.name);
  REQUIRE(names == expected_names);
  for (std::size_t i = 0; i < ours.tensors.size(); ++i) {
    CAPTURE(names[i]);
    CHECK(ours.tensors[i].dtype == dtypes.at(names[i]));
    CHECK(ours.tensors[i].shape == expected.tensors[i].shape);
    CHECK(elements(ours, ours.tensors[i]) == elements(expected, expected.tensors[i]));
  }
  return ours.tensors.size();
}

}  // namespace

TEST_CASE("files of PyTorch are read as numpy reads their tensors", "[.torch]") {
  const TempFolder folder;
  if (!make_files(folder.path())) return;
  std::size_t checkpoints = 0;
  std::size_t tensors = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (!entry.is_directory()) continue;
    CAPTURE(entry.path().filename().string());
    tensors += compare(entry.path());
    ++checkpoints;
  }
  CHECK(checkpoints >= 36);
  CHECK(tensors >= 280);
  CHECK(open_checkpoint(folder / "trainer").training.step == 700);
  const Catalogue tied = open_checkpoint(folder / "tied");
  REQUIRE(tied.aliases.size() == 1);
  CHECK(tied.aliases[0] == std::pair<std::string, std::string>("head.weight", "embed.weight"));
  const Catalogue others = open_checkpoint(folder / "others");
  REQUIRE(others.warnings.size() == 2);
  CHECK(
      others.warnings[0].ends_with("tensor 'sparse' is built by torch._utils._rebuild_sparse_"
                                   "tensor. It is not a dense tensor and is skipped"));
  CHECK(
      others.warnings[1].ends_with("tensor 'quantised' is built by torch._utils._rebuild_"
                                   "qtensor. It is not a dense tensor and is skipped"));
}
