#pragma once

/// @file
/// GGUF files for tests, written byte by byte.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "torch_support.hpp"

namespace wishart::test {

inline std::string gguf_text(std::string_view text) {
  return little(static_cast<std::uint64_t>(text.size())) + std::string(text);
}

/// A metadata entry of this type, with its value as bytes.
inline std::string gguf_fact(std::string_view key, std::uint32_t kind, std::string_view value) {
  return gguf_text(key) + little(kind) + std::string(value);
}

struct GgufText {
  std::string name;
  std::vector<std::int64_t> ne;  ///< the fastest dimension first
  std::uint32_t type = 0;
  std::string data;
};

struct GgufParts {
  std::vector<std::string> facts;
  std::vector<GgufText> tensors;
  std::uint32_t version = 3;
  std::size_t alignment = 32;
  std::int64_t offset_error = 0;  ///< added to every tensor's offset
};

inline std::string gguf_bytes(const GgufParts& parts) {
  std::string bytes = "GGUF" + little(parts.version) +
                      little(static_cast<std::uint64_t>(parts.tensors.size())) +
                      little(static_cast<std::uint64_t>(parts.facts.size()));
  for (const std::string& fact : parts.facts) bytes += fact;
  const auto pad = [&](std::string& text) {
    text.resize((text.size() + parts.alignment - 1) / parts.alignment * parts.alignment);
  };
  std::string data;
  for (const GgufText& tensor : parts.tensors) {
    bytes += gguf_text(tensor.name) + little(static_cast<std::uint32_t>(tensor.ne.size()));
    for (const std::int64_t size : tensor.ne) bytes += little(size);
    bytes += little(tensor.type) + little(static_cast<std::uint64_t>(data.size()) +
                                          static_cast<std::uint64_t>(parts.offset_error));
    data += tensor.data;
    pad(data);
  }
  pad(bytes);
  return bytes + data;
}

/// 0, 1, 2, ... as float32.
inline std::string gguf_floats(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += little(static_cast<float>(i));
  return bytes;
}

/// A block of Q8_0 whose scale is 2^-1 and whose codes are 0, 1, 2, ...
inline std::string q8_block(int first) {
  std::string block = little(std::uint16_t{0x3800});
  for (int e = 0; e < 32; ++e) block += static_cast<char>(first + e);
  return block;
}

}  // namespace wishart::test
