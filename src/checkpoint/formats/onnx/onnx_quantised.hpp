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
#include "formats/onnx/onnx_tensor.hpp"

namespace wishart::checkpoint {

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
