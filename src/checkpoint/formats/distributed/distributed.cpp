#include "formats/distributed/distributed.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "bytes/open_files.hpp"
#include "bytes/paths.hpp"
#include "formats/common/weight_names.hpp"
#include "formats/torch/torch_file.hpp"
#include "formats/torch/torch_tree.hpp"
#include "numbers/tiling.hpp"
#include "text/json_scanner.hpp"
#include "text/name_budget.hpp"

namespace wishart::checkpoint {
namespace {

namespace fs = std::filesystem;
using Kind = Pickle::Kind;

constexpr std::string_view kMetadata = ".metadata";

/// Where the bytes of a chunk are: PyTorch, distributed/checkpoint/filesystem.py, _StorageInfo.
struct ChunkPlace {
  std::string file;
  ByteRange range;
  bool transformed = false;
};

/// The content of `.metadata` (distributed/checkpoint/metadata.py, Metadata).
class MetadataReader {
public:
  MetadataReader(const Pickle& pickle, std::string place, NameBudget& names)
      : p_(pickle), place_(std::move(place)) {
    const PickleRef state = state_of(p_.top());
    tensors_ = p_.value(state, "state_dict_metadata");
    const PickleRef storage = p_.value(state, "storage_data");
    if (p_.kind(tensors_) != Kind::dict || p_.kind(storage) != Kind::dict) {
      fail(
          "expected state_dict_metadata and storage_data, found neither or only one. It is not the "
          ".metadata of "
          "torch.distributed.checkpoint");
    }
    const std::vector<PickleRef> pairs = p_.items(storage);
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      std::string key = chunk_key(pairs[i]);
      names.take_name(key.size());
      places_[std::move(key)] = pairs[i + 1];
    }
  }

  [[nodiscard]] std::vector<PickleRef> tensors() const { return p_.items(tensors_); }

  /// A tensor, still without the places of its elements; nothing for other entries.
  [[nodiscard]] std::optional<Tensor> tensor(std::string_view name, PickleRef node) const {
    if (!p_.name(node).ends_with(".TensorStorageMetadata")) return std::nullopt;
    const PickleRef state = state_of(node);
    Tensor tensor;
    tensor.name = name;
    const std::string dtype = dtype_of(p_.value(state, "properties"));
    const std::optional<Dtype> known =
        dtype.starts_with("torch.") ? torch_dtype(dtype.substr(6)) : std::nullopt;
    if (!known)
      fail("tensor " + in_quotes(name) + " has the dtype " + in_quotes(dtype, 60) +
           ", which is not supported");
    tensor.dtype = *known;
    const auto shape = pickle_integers(p_, p_.value(state, "size"));
    if (!shape) fail("tensor " + in_quotes(name) + " has no size");
    tensor.shape = *shape;
    std::optional<std::int64_t> count = 1;
    for (const std::int64_t size : tensor.shape) {
      if (size < 0) fail("tensor " + in_quotes(name) + " has a negative size");
      count = count ? checked_product(*count, size) : std::nullopt;
    }
    const auto bytes = count ? checked_product(*count, dtype_bits(tensor.dtype) / 8) : std::nullopt;
    if (!bytes) fail("tensor " + in_quotes(name) + " is too large");
    tensor.num_elements = *count;
    tensor.size_bytes = *bytes;
    return tensor;
  }
  [[nodiscard]] std::vector<PickleRef> chunks(PickleRef tensor) const {
    return p_.items(p_.value(state_of(tensor), "chunks"));
  }
  /// Origin and size of a chunk, as an extent that has no place yet.
  [[nodiscard]] Extent extent(const Tensor& tensor, PickleRef chunk) const {
    const PickleRef state = state_of(chunk);
    const auto offsets = pickle_integers(p_, p_.value(state, "offsets"));
    const auto sizes = pickle_integers(p_, p_.value(state, "sizes"));
    if (!offsets || !sizes || offsets->size() != tensor.shape.size() ||
        sizes->size() != tensor.shape.size()) {
      fail("tensor " + in_quotes(tensor.name) +
           ": a chunk does not have one offset and one size for each "
           "dimension");
    }
    return {*offsets, *sizes, {}, 0, 0};
  }
  [[nodiscard]] ChunkPlace place(const Tensor& tensor, const Extent& extent) const {
    const auto found = places_.find(key_text(tensor.name, extent.origin));
    if (found == places_.end()) {
      fail("tensor " + in_quotes(tensor.name) + ": its chunk at " +
           printable(shape_text(extent.origin), 100) + " is in no file");
    }
    const PickleRef state = state_of(found->second);
    ChunkPlace result;
    result.file = p_.text(p_.value(state, "relative_path"));
    const auto offset = p_.integer(p_.value(state, "offset"));
    const auto length = p_.integer(p_.value(state, "length"));
    if (!is_inner_path(result.file)) {
      fail("tensor " + in_quotes(tensor.name) + ": expected a file below the folder, found " +
           in_quotes(result.file));
    }
    if (!offset || !length || *offset < 0 || *length < 0) {
      fail("tensor " + in_quotes(tensor.name) + ": its chunk has no entry in " +
           in_quotes(result.file));
    }
    result.range = {*offset, *length};
    result.transformed = !p_.items(p_.value(state, "transform_descriptors"), 1).empty();
    return result;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Blame::input, place_ + ": " + what);
  }

private:
  /// The state of an object: a dict, or the second element of (None, slots).
  [[nodiscard]] PickleRef state_of(PickleRef object) const {
    const PickleRef state = p_.state(object);
    const std::vector<PickleRef> both = p_.items(state, 3);
    return p_.kind(state) == Kind::tuple && both.size() == 2 ? both[1] : state;
  }
  /// A dtype such as `torch.float32`: the first element of the properties tuple, or their `dtype`.
  [[nodiscard]] std::string dtype_of(PickleRef properties) const {
    const PickleRef state = p_.state(properties);
    if (p_.kind(state) == Kind::tuple) {
      const std::vector<PickleRef> fields = p_.items(state, 1);
      return fields.empty() ? std::string() : p_.name(fields[0]);
    }
    return p_.name(p_.value(state, "dtype"));
  }
  static std::string key_text(std::string_view name, const std::vector<std::int64_t>& origin) {
    std::string key(name);
    for (const std::int64_t offset : origin) key += '\n' + std::to_string(offset);
    return key;
  }
  /// MetadataIndex: name and offset; its `index` is only a hint.
  [[nodiscard]] std::string chunk_key(PickleRef index) const {
    const PickleRef state = state_of(index);
    const auto origin = pickle_integers(p_, p_.value(state, "offset"));
    return key_text(p_.text(p_.value(state, "fqn")), origin.value_or(std::vector<std::int64_t>{}));
  }

  const Pickle& p_;
  std::string place_;
  PickleRef tensors_ = Pickle::kNone;
  std::unordered_map<std::string, PickleRef> places_;
};

SourceFile source_of(const fs::path& root, const std::string& name) {
  const InputFile input(root / name);
  return {name, input.size_bytes(), input.mtime_ns(), ""};
}

/// A chunk whose file is known.
struct Pending {
  std::size_t tensor = 0;
  Extent extent;
  ChunkPlace place;
};

/// About what one takes beside its names.
constexpr std::size_t kPendingBytes = 256;

/// Reads the header of a chunk and adds it to the extents of its tensor.
void take_chunk(OpenFiles& files, const fs::path& root, Pending&& chunk, Tensor& tensor) {
  const auto index = static_cast<std::size_t>(chunk.extent.file);
  const SourceFile& source = files.source(index);
  const std::string place = printable((root / source.name).string());
  const ByteRange range = chunk.place.range;
  if (range.offset_bytes > source.size_bytes - range.size_bytes) {
    throw Error(Blame::input, place + ": expected " + std::to_string(range.size_bytes) +
                                  " bytes at byte " + std::to_string(range.offset_bytes) + " for " +
                                  in_quotes(tensor.name) + ", the file has " +
                                  std::to_string(source.size_bytes) + ". Copy it again");
  }
  Tensor stored = read_torch_slice(files.open(index), range, chunk.extent.file, tensor.name, place);
  if (stored.dtype != tensor.dtype || stored.shape != chunk.extent.size) {
    throw Error(Blame::input, place + ": tensor " + in_quotes(tensor.name) +
                                  ": expected a chunk of " + std::string(dtype_name(tensor.dtype)) +
                                  " of shape " + printable(shape_text(chunk.extent.size), 100) +
                                  ", found " + std::string(dtype_name(stored.dtype)) +
                                  " of shape " + printable(shape_text(stored.shape), 100));
  }
  Extent& extent = chunk.extent;
  extent.offset_bytes = stored.offset_bytes;
  if (stored.extents.empty()) {
    extent.strides.assign(extent.size.size(), 1);
    for (std::size_t d = extent.size.size(); d-- > 1;) {
      extent.strides[d - 1] = extent.strides[d] * extent.size[d];
    }
  } else {
    extent.strides = stored.extents[0].strides;
  }
  const bool dense = stored.extents.empty() && extent.size == tensor.shape;
  if (dense) {
    tensor.file = extent.file;
    tensor.offset_bytes = extent.offset_bytes;
  } else {
    tensor.extents.push_back(std::move(extent));
  }
}

/// accelerate and FSDP put `model.` before the names of the model.
void strip_outer_model(std::vector<Tensor>& tensors) {
  const auto begins = [&](std::string_view prefix) {
    return [prefix](const Tensor& tensor) { return tensor.name.starts_with(prefix); };
  };
  if (!std::all_of(tensors.begin(), tensors.end(), begins("model.")) ||
      std::none_of(tensors.begin(), tensors.end(), begins("model.model."))) {
    return;
  }
  for (Tensor& tensor : tensors) tensor.name.erase(0, 6);
}

}  // namespace

Weights read_distributed(const fs::path& root, const std::string& inside) {
  const fs::path folder = inside.empty() ? fs::path() : fs::path(inside);
  const std::string metadata_name = (folder / kMetadata).string();
  const std::string place = printable((root / metadata_name).string());
  Weights result;
  result.files.push_back(source_of(root, metadata_name));
  std::string bytes = read_text_file(root / metadata_name, Pickle::kMaxBytes);
  result.files.front().header_hash = hash_hex(bytes);
  const Pickle pickle(std::move(bytes), place);
  NameBudget budget(place, static_cast<std::int64_t>(pickle.size_bytes()));
  const MetadataReader metadata(pickle, place, budget);

  std::vector<Pending> pending;
  std::map<std::string, std::int32_t> file_index;
  const std::vector<PickleRef> pairs = metadata.tensors();
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    const std::string_view name = pickle.text(pairs[i]);
    budget.take_name(name.size());
    if (name.empty() || is_training_state(name)) continue;
    std::optional<Tensor> tensor = metadata.tensor(name, pairs[i + 1]);
    if (!tensor) continue;
    for (const PickleRef chunk : metadata.chunks(pairs[i + 1])) {
      // Tensors may share their chunks, and chunks the name of their file.
      budget.take_name(name.size() + kPendingBytes);
      Extent extent = metadata.extent(*tensor, chunk);
      if (std::find(extent.size.begin(), extent.size.end(), 0) != extent.size.end()) continue;
      ChunkPlace where = metadata.place(*tensor, extent);
      if (where.transformed) {
        metadata.fail("tensor " + in_quotes(name) +
                      " is stored compressed, which is not supported");
      }
      budget.take_name(where.file.size());
      file_index.emplace((folder / where.file).string(), 0);
      pending.push_back({result.tensors.size(), std::move(extent), std::move(where)});
    }
    result.tensors.push_back(std::move(*tensor));
  }
  if (result.tensors.empty()) metadata.fail("expected tensors of a model, found none");

  std::vector<std::string> names;
  names.reserve(file_index.size());
  for (const auto& [name, index] : file_index) names.push_back(name);
  std::sort(names.begin(), names.end(), natural_less);
  for (const std::string& name : names) {
    file_index[name] = narrow<std::int32_t>(result.files.size(), "the number of files");
    result.files.push_back(source_of(root, name));
  }
  OpenFiles files(root, result.files, 64);
  for (Pending& chunk : pending) {
    chunk.extent.file = file_index.at((folder / chunk.place.file).string());
    take_chunk(files, root, std::move(chunk), result.tensors[chunk.tensor]);
  }
  for (const Tensor& tensor : result.tensors) {
    const bool dense = tensor.extents.empty() && tensor.file > 0;
    if (tensor.num_elements > 0 && !dense) check_tiling(tensor, place);
  }
  strip_outer_model(result.tensors);
  return result;
}

namespace {

FolderContent classify(const std::vector<std::string>& names) {
  FolderContent content;
  if (has_name(names, kMetadata)) {
    content.kind = FolderContent::Kind::folder;
  } else if (std::any_of(names.begin(), names.end(),
                         [](const std::string& name) { return name.ends_with(".distcp"); })) {
    content.kind = FolderContent::Kind::incomplete;
    content.found = "no .metadata, which torch.distributed.checkpoint writes last";
  }
  return content;
}

/// accelerate, OLMo-core and NeMo put the weights into a folder of their own.
std::string find_inside(const fs::path& folder, const std::vector<std::string>& names) {
  std::string found;
  for (const char* inside : {"pytorch_model_fsdp_0", "model_and_optim", "weights"}) {
    if (has_name(names, inside) && is_there(folder / inside / kMetadata)) found = inside;
  }
  return found;
}

}  // namespace

const Format& distributed_format() {
  static constexpr Format kFormat{.name = "torch.distributed.checkpoint",
                                  .classify = classify,
                                  .find_inside = find_inside,
                                  .read_folder = read_distributed};
  return kFormat;
}

}  // namespace wishart::checkpoint
