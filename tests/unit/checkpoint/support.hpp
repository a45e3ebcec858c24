#pragma once

/// @file
/// Checkpoints for tests, written byte by byte, and the text of a thrown error.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::test {

/// The bytes of a safetensors file with this header text and these data.
inline std::string safetensors_bytes(std::string_view header, std::string_view data) {
  const std::uint64_t length = header.size();
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes.append(header).append(data);
}

/// A tensor to write: `dtype` as safetensors names it, `data` its bytes.
struct TensorText {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::string data;
};

/// The bytes of a file with these tensors; `more` is put before them in the header, including its
/// comma.
inline std::string safetensors_bytes(const std::vector<TensorText>& tensors,
                                     std::string_view more = "") {
  std::string header = "{" + std::string(more);
  std::string data;
  for (const TensorText& tensor : tensors) {
    if (header.back() != '{' && header.back() != ',') header += ',';
    header += json_quoted(tensor.name) + ":{\"dtype\":\"" + tensor.dtype + "\",\"shape\":[";
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      header += (i == 0 ? "" : ",") + std::to_string(tensor.shape[i]);
    }
    header += "],\"data_offsets\":[" + std::to_string(data.size()) + ",";
    data += tensor.data;
    header += std::to_string(data.size()) + "]}";
  }
  return safetensors_bytes(header + "}", data);
}

/// A U8 tensor of one element, where only the name matters.
inline TensorText small_tensor(const std::string& name) { return {name, "U8", {1}, "x"}; }

template <class T>
std::string bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

/// The text of the error that `body` throws, which must be an Error with `blame`; otherwise
/// `nothing was thrown`.
template <class Body>
std::string error_of(Body&& body, Blame blame = Blame::input) {
  try {
    body();
  } catch (const Error& error) {
    return error.blame() == blame ? error.what() : "another blame: " + std::string(error.what());
  }
  return "nothing was thrown";
}

}  // namespace wishart::test
