#pragma once

/// @file
/// Files of Megatron-LM and DeepSpeed for tests: dicts of tensors, numbers and other dicts.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "torch_support.hpp"

namespace wishart::test {

/// Builds a torch.save file: values are opcodes, and storages are collected beside them.
class TorchState {
public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  /// A tensor with these float32 elements.
  std::string tensor(const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
    TorchText text;
    text.key = std::to_string(storages_.size());
    text.numel = static_cast<std::int64_t>(values.size());
    text.shape = shape;
    text.strides.assign(shape.size(), 1);
    for (std::size_t d = shape.size(); d-- > 1;) {
      text.strides[d - 1] = text.strides[d] * shape[d];
    }
    std::string data;
    for (const float value : values) data += little(value);
    storages_.push_back({text.key, data});
    PickleText pickle;
    pickle.bytes.clear();
    pickle_tensor(pickle, text);
    return pickle.bytes;
  }
  static std::string number(std::int64_t value) { return "\x8a\x08" + little(value); }
  static std::string text(const std::string& value) {
    return "X" + little(static_cast<std::uint32_t>(value.size())) + value;
  }
  static std::string truth() { return "\x88"; }
  static std::string size(const std::vector<std::int64_t>& shape) {
    PickleText pickle;
    pickle.bytes.clear();
    return pickle.global("torch", "Size").raw("(").integers(shape).raw("tR").bytes;
  }
  static std::string list(const std::vector<std::string>& values) {
    std::string bytes = "](";
    for (const std::string& value : values) bytes += value;
    return bytes + "e";
  }
  static std::string dict(const Pairs& pairs) {
    std::string bytes = "}(";
    for (const auto& [key, value] : pairs) {
      bytes += text(key) + value;
    }
    return bytes + "u";
  }
  static std::string arguments(const Pairs& pairs) {
    return "cargparse\nNamespace\n)\x81" + dict(pairs) + "b";
  }
  [[nodiscard]] std::string file(const Pairs& pairs) const {
    return torch_zip("\x80\x02" + dict(pairs) + ".", storages_);
  }

private:
  std::vector<ZipMember> storages_;
};

}  // namespace wishart::test
