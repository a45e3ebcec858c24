#pragma once

/// @file
/// The operators of an ONNX graph that hold quantised weights, and the weights that they make.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

#include "formats/onnx/onnx_nodes.hpp"

namespace wishart::checkpoint {

/// An initializer or a constant: its numbers are in place, unless `why_not` says why they cannot
/// be.
struct OnnxValue {
  Tensor tensor;
  std::uint64_t type = 0;  ///< TensorProto.DataType
  std::string type_name;   ///< `INT4`
  std::string why_not;
  bool is_constant = false;  ///< from a `Constant` node
  bool is_used = false;      ///< part of a quantised weight: not listed by itself
};

/// Bits of an integer type that is packed, several to a byte; 0 for other types.
[[nodiscard]] std::int64_t packed_bits(std::uint64_t type) noexcept;

/// The name that a weight had before it was quantised: the quantisers of onnxruntime and
/// transformers.js add an ending.
[[nodiscard]] std::string onnx_plain_name(std::string name);

/// Finds a value by its name in a graph; nullptr if it is computed or not there.
using FindOnnxValue = std::function<OnnxValue*(const std::string& name)>;

/// The weight of a node that stores it quantised, taken from the values, or nothing for any other
/// node. Values that belong to a quantised weight are marked as used.
///
/// A weight that cannot be read goes to `left_out`, with all that belongs to it.
/// @param fail  throws Error for a weight whose parts do not match; takes its name and what is
/// wrong
[[nodiscard]] std::optional<Tensor> onnx_quantised(
    const OnnxNode& node, const FindOnnxValue& find, std::vector<LeftOut>& left_out,
    const std::function<void(const std::string& weight, const std::string& what)>& fail);

}  // namespace wishart::checkpoint
