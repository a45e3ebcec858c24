#include "formats/torch/torch_archive.hpp"

#include <algorithm>

#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"

#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::string_view kPickleName = "/data.pkl";

}  // namespace

TorchArchive::TorchArchive(const InputFile& file, ByteRange slice, std::string place)
    : place_(std::move(place)),
      directory_(file, slice, place_),
      root_(find_root()),
      pickle_(read_pickle(), place_) {}

std::string TorchArchive::find_root() const {
  const auto& entries = directory_.entries();
  const auto pickle = std::find_if(entries.begin(), entries.end(), [](const ZipEntry& entry) {
    return entry.name.ends_with(kPickleName) &&
           entry.name.find('/') == entry.name.size() - kPickleName.size();
  });
  if (pickle == entries.end()) {
    throw Error(Blame::input, place_ +
                                  ": expected a data.pkl in the zip archive, found none. It is "
                                  "not a file of torch.save");
  }
  std::string root = pickle->name.substr(0, pickle->name.size() - kPickleName.size());
  if (directory_.find(root + "/constants.pkl") != nullptr) {
    throw Error(Blame::input, place_ +
                                  ": is a TorchScript program, expected a state dict. Save "
                                  "model.state_dict() instead");
  }
  if (const ZipEntry* order = directory_.find(root + "/byteorder")) {
    if (directory_.read(*order, 16) != "little") {
      throw Error(Blame::input, place_ + ": is big-endian, which is not supported");
    }
  }
  return root;
}

std::string TorchArchive::read_pickle() {
  std::string bytes =
      directory_.read(*directory_.find(root_ + std::string(kPickleName)), Pickle::kMaxBytes);
  hash_ = hash_hex(directory_.hash() + hash_hex(bytes));
  return bytes;
}

Tensor TorchArchive::tensor(const TorchTensor& tensor, std::int32_t file) {
  const ByteRange range = storage(tensor);
  return placed(tensor, file, range.offset_bytes, range.size_bytes, place_);
}

ByteRange TorchArchive::storage(const TorchTensor& tensor) {
  const auto [found, is_new] = ranges_.try_emplace(tensor.storage_key);
  if (is_new) {
    const ZipEntry* entry = directory_.find(root_ + "/data/" + tensor.storage_key);
    if (entry == nullptr) {
      throw Error(Blame::input, place_ + ": tensor " + in_quotes(tensor.name) + ": its storage " +
                                    in_quotes(tensor.storage_key, 60) + " is not in the file");
    }
    found->second = directory_.data(*entry);
  }
  if (found->second.size_bytes != tensor.storage_bytes) {
    throw Error(Blame::input, place_ + ": tensor " + in_quotes(tensor.name) + ": expected " +
                                  std::to_string(tensor.storage_bytes) + " bytes in storage " +
                                  in_quotes(tensor.storage_key, 60) + ", found " +
                                  std::to_string(found->second.size_bytes));
  }
  return found->second;
}

}  // namespace wishart::checkpoint
