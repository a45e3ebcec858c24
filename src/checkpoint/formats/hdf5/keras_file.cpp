#include "formats/hdf5/keras_file.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "bytes/zip_directory.hpp"
#include "formats/hdf5/h5_tree.hpp"
#include "text/json_scanner.hpp"

// Names: Keras 2, saving/hdf5_format.py (model_weights, optimizer_weights); Keras 3,
// src/saving/saving_lib.py (layers/NAME/vars/N).

namespace wishart::checkpoint {
namespace {

/// The tensor's name, or empty for a dataset that is not a weight.
std::string name_of(std::string_view path) {
  constexpr std::string_view kWeights = "model_weights/";
  if (path.starts_with("optimizer_weights/") || path.starts_with("optimizer/")) return {};
  if (path.starts_with(kWeights)) path.remove_prefix(kWeights.size());
  if (path.ends_with(":0")) path.remove_suffix(2);
  std::string name(path);
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

/// Where the HDF5 file is: the whole file, or a member of the archive.
ByteRange hdf5_range(const InputFile& file, std::int64_t size_bytes, const std::string& place) {
  std::string head(static_cast<std::size_t>(std::min<std::int64_t>(size_bytes, 4)), '\0');
  file.read(0, std::as_writable_bytes(std::span(head)));
  if (!head.starts_with(std::string_view("PK\x03\x04", 4))) return {0, size_bytes};
  const ZipDirectory directory(file, {0, size_bytes}, place);
  const ZipEntry* weights = directory.find("model.weights.h5");
  if (weights == nullptr) {
    throw Error(Blame::input,
                place + ": expected model.weights.h5 in the Keras archive, found none");
  }
  return directory.data(*weights);
}

}  // namespace

KerasFile read_keras_file(const std::filesystem::path& path) {
  const InputFile input(path);
  const std::string place = printable(path.string());
  KerasFile file;
  file.source.name = path.filename().string();
  file.source.size_bytes = input.size_bytes();
  file.source.mtime_ns = input.mtime_ns();
  Hdf5Tree tree = read_hdf5_tree(input, hdf5_range(input, file.source.size_bytes, place), place);
  file.source.header_hash = tree.hash;
  for (Hdf5Dataset& dataset : tree.datasets) {
    Tensor tensor;
    tensor.name = name_of(dataset.path);
    if (tensor.name.empty()) continue;
    if (tensor.name.find('\0') != std::string::npos) {
      throw Error(Blame::input, place + ": dataset " + in_quotes(tensor.name, 100) +
                                    ": expected a name without NUL");
    }
    tensor.shape = std::move(dataset.shape);
    if (!dataset.problem.empty()) {
      tensor.dtype = dataset.dtype.value_or(Dtype::f32);
      tensor.stored_as = "HDF5";
      file.left_out.push_back({std::move(tensor), "encoding-not-read", dataset.problem});
      continue;
    }
    tensor.dtype = *dataset.dtype;
    tensor.offset_bytes = dataset.offset_bytes;
    tensor.size_bytes = dataset.size_bytes;
    tensor.extents = std::move(dataset.extents);
    tensor.num_elements = dataset.size_bytes / (dtype_bits(tensor.dtype) / 8);
    file.tensors.push_back(std::move(tensor));
  }
  if (file.tensors.empty() && file.left_out.empty()) {
    throw Error(Blame::input, place + ": expected Keras weights, found none");
  }
  return file;
}

namespace {

constexpr std::string_view kEndings[] = {".h5", ".keras"};

Weights read_weights(const std::filesystem::path& path) {
  KerasFile file = read_keras_file(path);
  return take_weights(file);
}

}  // namespace

const Format& keras_format() {
  static constexpr Format kFormat{
      .name = "keras", .endings = kEndings, .any_name = true, .read_file = read_weights};
  return kFormat;
}

}  // namespace wishart::checkpoint
