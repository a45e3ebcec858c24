/// @file
/// Writes what wishart reads from a checkpoint, for comparison with other programs.
///
///     cli_elements CHECKPOINT FOLDER
///
/// FOLDER/names has a line for each weight: its name, a tab, its shape with `x` between sizes. The
/// elements of the weight of line k, counted from 0, are in FOLDER/k as float64, row-major.

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/checkpoint/element_reader.hpp"

using namespace wishart;

namespace {

std::string shape_of(const Tensor& tensor) {
  std::string text;
  for (const std::int64_t size : tensor.shape) {
    text += (text.empty() ? "" : "x") + std::to_string(size);
  }
  return text;
}

void write_elements(const std::filesystem::path& checkpoint, const std::filesystem::path& folder) {
  const checkpoint::Catalogue catalogue = checkpoint::open_checkpoint(checkpoint);
  const auto reader = checkpoint::make_reader(catalogue.root, catalogue.files);
  std::ofstream names(folder / "names");
  std::int64_t count = 0;
  for (const Tensor& tensor : catalogue.tensors) {
    if (!has_weights(tensor)) continue;
    std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
    reader->read_elements(tensor, 0, values);
    std::ofstream file(folder / std::to_string(count++), std::ios::binary);
    const auto bytes = std::as_bytes(std::span(values));
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    names << tensor.name << '\t' << shape_of(tensor) << '\n';
    if (!file || !names) throw std::filesystem::filesystem_error("cannot write", folder, {});
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "cli_elements CHECKPOINT FOLDER\n");
    return 2;
  }
  try {
    write_elements(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
