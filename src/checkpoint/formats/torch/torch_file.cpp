#include "formats/torch/torch_file.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <tuple>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "formats/torch/torch_archive.hpp"
#include "formats/torch/torch_legacy.hpp"
#include "formats/torch/torch_tree.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

/// Removes tensors that share all elements of another tensor, in the same order.
void find_shared(TorchFile& file) {
  using Key = std::tuple<std::int64_t, Dtype, std::vector<std::int64_t>, std::vector<std::int64_t>>;
  std::map<Key, std::string> first;
  std::vector<Tensor> kept;
  for (Tensor& tensor : file.tensors) {
    const auto strides =
        tensor.extents.empty() ? std::vector<std::int64_t>{} : tensor.extents[0].strides;
    const auto [found, is_new] =
        first.try_emplace({tensor.offset_bytes, tensor.dtype, tensor.shape, strides}, tensor.name);
    if (!is_new && tensor.num_elements > 0) {
      file.aliases.emplace_back(tensor.name, found->second);
    } else {
      kept.push_back(std::move(tensor));
    }
  }
  file.tensors = std::move(kept);
}

std::string first_bytes(const InputFile& file, std::int64_t size) {
  std::string head(static_cast<std::size_t>(std::min<std::int64_t>(size, 512)), '\0');
  file.read(0, std::as_writable_bytes(std::span(head)));
  return head;
}

/// A checkpoint of MindSpore is a message of Protocol Buffers (mindspore,
/// ccsrc/utils/checkpoint.proto): its first field, 1, is a message whose first field, 1, is the
/// name of a tensor.
bool is_mindspore(const std::string& head) {
  constexpr char kFieldOne = '\x0a';
  if (head.empty() || head[0] != kFieldOne) return false;
  std::size_t at = 1;
  while (at < head.size() && at < 10 && (static_cast<unsigned char>(head[at]) & 0x80U) != 0) ++at;
  return at + 1 < head.size() && head[at + 1] == kFieldOne;
}

[[noreturn]] void refuse_head(const std::string& place, const std::string& head) {
  if (head.size() > 262 && head.substr(257, 5) == "ustar") {
    throw Error(Blame::input, place +
                                  ": is a tar file from PyTorch before 0.1.10, which is not "
                                  "supported. Load it and save it with a newer version");
  }
  if (is_mindspore(head)) {
    throw Error(Blame::input, place +
                                  ": is a checkpoint of MindSpore, which is not supported. Convert "
                                  "it with mindspore.ckpt_to_safetensors");
  }
  throw Error(Blame::input,
              place +
                  ": expected a file of torch.save, found neither a zip archive nor its "
                  "pickles");
}

}  // namespace

TorchFile read_torch_file(const std::filesystem::path& path) {
  const InputFile input(path);
  const std::string place = printable(path.string());
  TorchFile file;
  file.source.name = path.filename().string();
  file.source.size_bytes = input.size_bytes();
  file.source.mtime_ns = input.mtime_ns();
  const std::string head = first_bytes(input, file.source.size_bytes);
  TorchTree tree;
  if (head.starts_with(std::string_view("PK\x03\x04", 4))) {
    TorchArchive zip(input, {0, file.source.size_bytes}, place);
    file.source.header_hash = zip.hash();
    tree = read_torch_tree(zip.pickle());
    for (const TorchTensor& tensor : tree.tensors) file.tensors.push_back(zip.tensor(tensor, 0));
  } else if (is_torch_legacy(head)) {
    LegacyTorch legacy = read_torch_legacy(input, place);
    file.source.header_hash = legacy.hash;
    tree = std::move(legacy.tree);
    for (const TorchTensor& tensor : tree.tensors) {
      const ByteRange range = legacy.storages.at(tensor.storage_key);
      file.tensors.push_back(placed(tensor, 0, range.offset_bytes, range.size_bytes, place));
    }
  } else {
    refuse_head(place, head);
  }
  if (file.tensors.size() == 1 && file.tensors[0].name.empty()) {
    file.tensors[0].name = path.stem().string();
  }
  if (file.tensors.empty()) {
    throw Error(Blame::input, place + ": expected tensors in its state dict, found none");
  }
  find_shared(file);
  file.step = tree.step;
  file.facts = std::move(tree.facts);
  file.warnings = std::move(tree.warnings);
  return file;
}

Tensor read_torch_slice(const InputFile& file, ByteRange slice, std::int32_t index,
                        const std::string& name, const std::string& place) {
  TorchArchive zip(file, slice, place);
  std::vector<std::string> warnings;
  const std::optional<TorchTensor> tensor =
      torch_tensor(zip.pickle(), zip.pickle().top(), name, warnings);
  if (!tensor) {
    throw Error(Blame::input,
                place + ": expected one tensor for " + in_quotes(name) + ", found something else");
  }
  return zip.tensor(*tensor, index);
}

namespace {

constexpr std::string_view kEndings[] = {".pt", ".bin", ".pth", ".ckpt", ".th"};

Weights read_weights(const std::filesystem::path& path) {
  TorchFile file = read_torch_file(path);
  Weights weights = take_weights(file);
  weights.names = std::move(file.aliases);
  weights.names.insert(weights.names.end(), file.facts.begin(), file.facts.end());
  weights.step = file.step;
  weights.warnings = std::move(file.warnings);
  return weights;
}

}  // namespace

const Format& torch_format() {
  static constexpr Format kFormat{.name = "torch",
                                  .endings = kEndings,
                                  .index = "pytorch_model.bin.index.json",
                                  .usual = "pytorch_model.bin",
                                  .any_name = true,
                                  .read_file = read_weights};
  return kFormat;
}

}  // namespace wishart::checkpoint
