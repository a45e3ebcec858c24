#pragma once

/// @file
/// Reads the nodes of an ONNX graph: names, operators, and the attributes that hold weights.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bytes/wire_reader.hpp"

namespace wishart::checkpoint {

/// A node, without the attributes that are not needed here.
struct OnnxNode {
  std::string name;
  std::string op;                   ///< `MatMulNBits`
  std::string domain;               ///< empty or `ai.onnx`: ONNX's own; `com.microsoft`
  std::vector<std::string> inputs;  ///< empty: an optional input that is not given
  std::vector<std::string> outputs;
  std::map<std::string, std::int64_t> integers;            ///< attributes
  std::vector<std::pair<std::string, ByteRange>> tensors;  ///< attributes
  std::vector<std::pair<std::string, ByteRange>> graphs;   ///< attributes
};

/// Reads a NodeProto.
/// @throws Error with Blame::input
[[nodiscard]] OnnxNode read_onnx_node(WireBytes& bytes, ByteRange range);

}  // namespace wishart::checkpoint
