#include "formats/hdf5/keras_file.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "bytes/zip_directory.hpp"
#include "formats/common/not_read.hpp"
#include "formats/common/weight_names.hpp"
#include "formats/hdf5/h5_tree.hpp"
#include "text/json_scanner.hpp"

// Names: Keras 2, saving/hdf5_format.py (model_weights, optimizer_weights); Keras 3,
// src/saving/saving_lib.py (layers/NAME/vars/N; class ShardedH5IOStore).

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
  if (weights == nullptr && directory.find("model.weights.json") != nullptr) {
    throw Error(Blame::input,
                place +
                    ": the Keras archive holds weights in shards, which are not read "
                    "from an archive. Unpack it (unzip), and name model.weights.json");
  }
  if (weights == nullptr) {
    throw Error(Blame::input,
                place + ": expected model.weights.h5 in the Keras archive, found none");
  }
  return directory.data(*weights);
}

/// An attribute of the root of all archives (docs/archive-format.md).
constexpr std::string_view kArchiveMark = "wishart";

}  // namespace

bool is_wishart_archive(const std::filesystem::path& path) {
  try {
    const InputFile input(path);
    return has_root_attribute(input, {0, input.size_bytes()}, printable(path.string()),
                              kArchiveMark);
  } catch (const SystemFailure&) {
    throw;
  } catch (const Error&) {
    return false;  // told when it is read
  }
}

KerasFile read_keras_file(const std::filesystem::path& path, bool shard) {
  const InputFile input(path);
  const std::string place = printable(path.string());
  KerasFile file;
  file.source.name = path.filename().string();
  file.source.size_bytes = input.size_bytes();
  file.source.mtime_ns = input.mtime_ns();
  const ByteRange range = hdf5_range(input, file.source.size_bytes, place);
  if (has_root_attribute(input, range, place, kArchiveMark)) {
    throw Error(Blame::input, place + std::string(kIsArchive));
  }
  Hdf5Tree tree = read_hdf5_tree(input, range, place);
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
  if (!shard && file.tensors.empty() && file.left_out.empty()) {
    throw Error(Blame::input, place + ": expected Keras weights, found none");
  }
  return file;
}

namespace {

constexpr std::string_view kMapEnding = ".weights.json";
constexpr std::string_view kEndings[] = {".h5", ".keras", kMapEnding};
constexpr std::int64_t kMaxMapBytes = std::int64_t{64} << 20;

/// The shard of each group of variables, whose name has dots for slashes.
using ShardMap = std::map<std::string, std::string>;

/// Reads `weight_map`: `/layers/dense/vars` -> `model_00000.weights.h5`.
ShardMap read_shard_map(const std::filesystem::path& path) {
  const std::string text = read_text_file(path, kMaxMapBytes);
  ShardMap shards;
  bool has_map = false;
  JsonScanner scanner(text, printable(path.string()), JsonDialect::strict);
  scanner.read_object([&](const std::string& key) {
    if (key != "weight_map") return scanner.skip_value();
    has_map = true;
    scanner.read_object([&](std::string group) {
      std::string file = scanner.read_string();
      if (file.empty() || file.find_first_of("/\\") != std::string::npos || file[0] == '.' ||
          !file.ends_with(".h5")) {
        scanner.fail("the name of a shard in the same folder", in_quotes(file, 100));
      }
      if (group.starts_with('/')) group.erase(0, 1);
      std::replace(group.begin(), group.end(), '/', '.');
      shards[group] = std::move(file);
    });
  });
  scanner.finish();
  if (!has_map || shards.empty()) scanner.fail("a weight_map with shards", "none");
  return shards;
}

/// Throws if a tensor is in another shard than the map says.
void check_shard(const ShardMap& map, const Tensor& tensor, const std::string& shard,
                 const std::string& place) {
  const std::size_t dot = tensor.name.rfind('.');
  const auto found = dot == std::string::npos ? map.end() : map.find(tensor.name.substr(0, dot));
  if (found == map.end() || found->second == shard) return;
  throw Error(Blame::input, place + ": tensor " + in_quotes(tensor.name) + " is in " +
                                printable(shard) + ", expected it in " + printable(found->second) +
                                ". The shards are of different checkpoints");
}

Weights read_shards(const std::filesystem::path& path) {
  const std::string place = printable(path.string());
  const ShardMap map = read_shard_map(path);
  std::set<std::string, decltype(&natural_less)> names(&natural_less);
  for (const auto& [group, shard] : map) names.insert(shard);
  Weights weights;
  const InputFile index(path);
  weights.files.push_back({path.filename().string(), index.size_bytes(), index.mtime_ns(), ""});
  for (const std::string& name : names) {
    const std::filesystem::path shard = path.parent_path() / name;
    if (!is_there(shard)) {
      throw Error(Blame::input, printable(shard.string()) + ": no such file, expected by " +
                                    printable(path.filename().string()) +
                                    ". Copy the folder again");
    }
    KerasFile file = read_keras_file(shard, true);
    const auto number = narrow<std::int32_t>(weights.files.size(), "the number of files");
    weights.files.push_back(std::move(file.source));
    for (Tensor& tensor : file.tensors) {
      check_shard(map, tensor, name, place);
      shift_files(tensor, number);
      weights.tensors.push_back(std::move(tensor));
    }
    std::move(file.left_out.begin(), file.left_out.end(), std::back_inserter(weights.left_out));
  }
  if (weights.tensors.empty() && weights.left_out.empty()) {
    throw Error(Blame::input, place + ": expected Keras weights, found none");
  }
  return weights;
}

Weights read_weights(const std::filesystem::path& path) {
  if (path.filename().string().ends_with(kMapEnding)) return read_shards(path);
  KerasFile file = read_keras_file(path);
  return take_weights(file);
}

/// A map of shards stands for the shards.
FolderContent classify(const std::vector<std::string>& names) {
  FolderContent content = classify_files(keras_format(), names);
  const auto is_map = [](const std::string& name) { return name.ends_with(kMapEnding); };
  const auto maps = std::count_if(content.weights.begin(), content.weights.end(), is_map);
  if (maps == 0) return content;
  const auto map = std::find_if(content.weights.begin(), content.weights.end(), is_map);
  const std::string stem = map->substr(0, map->size() - kMapEnding.size()) + "_";
  const std::string chosen = *map;
  std::erase_if(content.weights, [&](const std::string& name) {
    return !is_map(name) && name.starts_with(stem) && name.ends_with(".weights.h5");
  });
  if (content.weights.size() > 1) return content;  // several checkpoints
  content.kind = FolderContent::Kind::files;
  content.weights = {chosen};
  content.loose = false;
  return content;
}

}  // namespace

const Format& keras_format() {
  static constexpr Format kFormat{.name = "keras",
                                  .endings = kEndings,
                                  .any_name = true,
                                  .classify = classify,
                                  .read_file = read_weights};
  return kFormat;
}

}  // namespace wishart::checkpoint
