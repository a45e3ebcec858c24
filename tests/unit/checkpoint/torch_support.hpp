#pragma once

/// @file
/// torch.save files for tests, written byte by byte: pickles, zip archives, old files.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace wishart::test {

template <class T>
std::string little(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

/// Opcodes of a pickle, appended one after the other.
struct PickleText {
  std::string bytes = std::string("\x80\x02", 2);

  PickleText& raw(std::string_view more) {
    bytes += more;
    return *this;
  }
  PickleText& text(std::string_view value) {
    return raw("X").raw(little(static_cast<std::uint32_t>(value.size()))).raw(value);
  }
  PickleText& integer(std::int64_t value) { return raw("\x8a\x08").raw(little(value)); }
  PickleText& global(std::string_view module, std::string_view name) {
    return raw("c").raw(module).raw("\n").raw(name).raw("\n");
  }
  PickleText& integers(const std::vector<std::int64_t>& values) {
    raw("(");
    for (const std::int64_t value : values) integer(value);
    return raw("t");
  }
  [[nodiscard]] std::string stop() const { return bytes + "."; }
};

/// A tensor of a torch.save file: a view of storage `key`.
struct TorchText {
  std::string name;
  std::string storage_class = "FloatStorage";
  std::string key = "0";
  std::int64_t numel = 0;
  std::int64_t offset = 0;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  std::string rebuild_module = "torch._utils";
  std::string rebuild = "_rebuild_tensor_v2";
};

inline void pickle_tensor(PickleText& pickle, const TorchText& tensor, bool legacy = false) {
  pickle.global(tensor.rebuild_module, tensor.rebuild).raw("((").text("storage");
  pickle.global("torch", tensor.storage_class).text(tensor.key).text("cpu").integer(tensor.numel);
  if (legacy) pickle.raw("N");
  pickle.raw("tQ").integer(tensor.offset).integers(tensor.shape).integers(tensor.strides);
  pickle.raw("\x89").global("collections", "OrderedDict").raw(")RtR");
}

/// The pickle of a dict of tensors.
inline std::string state_dict_pickle(const std::vector<TorchText>& tensors, bool legacy = false) {
  PickleText pickle;
  pickle.raw("}(");
  for (const TorchText& tensor : tensors) {
    pickle.text(tensor.name);
    pickle_tensor(pickle, tensor, legacy);
  }
  return pickle.raw("u").stop();
}

struct ZipMember {
  std::string name;
  std::string data;
  std::int64_t inflated_bytes = -1;  ///< as declared, if `data` are deflated
};

/// A zip archive as torch.save writes it: sizes in the directory only.
inline std::string zip_bytes(const std::vector<ZipMember>& members) {
  std::string bytes;
  std::string directory;
  for (const ZipMember& member : members) {
    const auto offset = static_cast<std::uint32_t>(bytes.size());
    const auto size = static_cast<std::uint32_t>(member.data.size());
    const auto name_bytes = static_cast<std::uint16_t>(member.name.size());
    bytes += "PK\x03\x04" + std::string(22, '\0') + little(name_bytes) + little<std::uint16_t>(3) +
             member.name + "FB_" + member.data;
    const bool deflated = member.inflated_bytes >= 0;
    const auto whole = deflated ? static_cast<std::uint32_t>(member.inflated_bytes) : size;
    directory += "PK\x01\x02" + std::string(6, '\0') + little<std::uint16_t>(deflated ? 8 : 0) +
                 std::string(8, '\0') + little(size) + little(whole) + little(name_bytes) +
                 std::string(12, '\0') + little(offset) + member.name;
  }
  const auto begin = static_cast<std::uint32_t>(bytes.size());
  const auto count = static_cast<std::uint16_t>(members.size());
  bytes += directory;
  bytes += "PK\x05\x06" + std::string(4, '\0') + little(count) + little(count) +
           little(static_cast<std::uint32_t>(directory.size())) + little(begin) +
           std::string(2, '\0');
  return bytes;
}

/// A torch.save file of this pickle and these storages, whose names are their keys.
inline std::string torch_zip(const std::string& pickle, const std::vector<ZipMember>& storages,
                             const std::string& root = "archive") {
  std::vector<ZipMember> members{{root + "/data.pkl", pickle}, {root + "/byteorder", "little"}};
  for (const ZipMember& storage : storages) {
    members.push_back({root + "/data/" + storage.name, storage.data});
  }
  return zip_bytes(members);
}

/// The same before PyTorch 1.6. All storages have elements of `element_bytes`.
inline std::string torch_legacy(const std::string& pickle, const std::vector<ZipMember>& storages,
                                std::size_t element_bytes = 4) {
  std::string bytes("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15);
  bytes += PickleText().integer(1001).stop();
  bytes += PickleText().raw("}").text("little_endian").raw("\x88s").stop();
  bytes += pickle;
  PickleText keys;
  keys.raw("](");
  for (const ZipMember& storage : storages) keys.text(storage.name);
  bytes += keys.raw("e").stop();
  for (const ZipMember& storage : storages) {
    bytes += little(static_cast<std::int64_t>(storage.data.size() / element_bytes)) + storage.data;
  }
  return bytes;
}

}  // namespace wishart::test
