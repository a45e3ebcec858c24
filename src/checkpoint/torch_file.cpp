#include "torch_file.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <tuple>

#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/text.hpp"

#include "json_scanner.hpp"
#include "torch_legacy.hpp"
#include "torch_tree.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::string_view kPickleName = "/data.pkl";

/// A zip archive of torch.save, its pickle read.
struct TorchZip {
  ZipDirectory directory;
  std::string root;  ///< what the names of its members begin with
  Pickle pickle;
  std::string hash;
};

TorchZip open_zip(const InputFile& file, ByteRange slice, const std::string& place) {
  ZipDirectory directory(file, slice, place);
  const auto& entries = directory.entries();
  const auto pickle = std::find_if(entries.begin(), entries.end(), [](const ZipEntry& entry) {
    return entry.name.ends_with(kPickleName) &&
           entry.name.find('/') == entry.name.size() - kPickleName.size();
  });
  if (pickle == entries.end()) {
    throw Error(Blame::input, place +
                                  ": expected a data.pkl in the zip archive, found none. It is "
                                  "not a file of torch.save");
  }
  std::string root = pickle->name.substr(0, pickle->name.size() - kPickleName.size());
  if (directory.find(root + "/constants.pkl") != nullptr) {
    throw Error(Blame::input, place +
                                  ": is a TorchScript program, expected a state dict. Save "
                                  "model.state_dict() instead");
  }
  if (const ZipEntry* order = directory.find(root + "/byteorder")) {
    if (directory.read(*order, 16) != "little") {
      throw Error(Blame::input, place + ": was written on a big-endian machine, which is not read");
    }
  }
  std::string bytes = directory.read(*pickle, Pickle::kMaxBytes);
  std::string hash = hash_hex(directory.hash() + hash_hex(bytes));
  Pickle tree(std::move(bytes), place);
  return {std::move(directory), std::move(root), std::move(tree), std::move(hash)};
}

/// Places tensors, asking each storage's place once.
class ZipStorages {
public:
  ZipStorages(const TorchZip& zip, std::string place) : zip_(zip), place_(std::move(place)) {}

  Tensor tensor(const TorchTensor& tensor, std::int32_t file) {
    const ByteRange range = storage(tensor);
    return placed(tensor, file, range.offset_bytes, range.size_bytes, place_);
  }

private:
  ByteRange storage(const TorchTensor& tensor) {
    const auto [found, is_new] = ranges_.try_emplace(tensor.storage_key);
    if (is_new) {
      const ZipEntry* entry = zip_.directory.find(zip_.root + "/data/" + tensor.storage_key);
      if (entry == nullptr) {
        throw Error(Blame::input, place_ + ": tensor " + in_quotes(tensor.name) + ": its storage " +
                                      in_quotes(tensor.storage_key, 60) + " is not in the file");
      }
      found->second = zip_.directory.data(*entry);
    }
    if (found->second.size_bytes != tensor.storage_bytes) {
      throw Error(Blame::input, place_ + ": tensor " + in_quotes(tensor.name) + ": expected " +
                                    std::to_string(tensor.storage_bytes) + " bytes in storage " +
                                    in_quotes(tensor.storage_key, 60) + ", found " +
                                    std::to_string(found->second.size_bytes));
    }
    return found->second;
  }

  const TorchZip& zip_;
  std::string place_;
  std::map<std::string, ByteRange> ranges_;
};

/// Takes out tensors that are another one's elements once more, in the same order.
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

[[noreturn]] void refuse_head(const std::string& place, const std::string& head) {
  if (head.size() > 262 && head.substr(257, 5) == "ustar") {
    throw Error(Blame::input, place +
                                  ": is a tar file of a PyTorch before 0.1.10, which is not "
                                  "read. Load it and save it again");
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
    const TorchZip zip = open_zip(input, {0, file.source.size_bytes}, place);
    file.source.header_hash = zip.hash;
    tree = read_torch_tree(zip.pickle);
    ZipStorages storages(zip, place);
    for (const TorchTensor& tensor : tree.tensors) {
      file.tensors.push_back(storages.tensor(tensor, 0));
    }
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
  file.warnings = std::move(tree.warnings);
  return file;
}

Tensor read_torch_slice(const InputFile& file, ByteRange slice, std::int32_t index,
                        const std::string& name, const std::string& place) {
  const TorchZip zip = open_zip(file, slice, place);
  std::vector<std::string> warnings;
  const std::optional<TorchTensor> tensor =
      torch_tensor(zip.pickle, zip.pickle.top(), name, warnings);
  if (!tensor) {
    throw Error(Blame::input,
                place + ": expected one tensor for " + in_quotes(name) + ", found something else");
  }
  return ZipStorages(zip, place).tensor(*tensor, index);
}

}  // namespace wishart::checkpoint
