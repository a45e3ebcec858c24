#pragma once

/// @file
/// Folders that hold one ONNX model in several precisions, as transformers.js names them.

#include <string>
#include <vector>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

/// The files of a folder, if all are one model in different precisions: `model.onnx` (fp32),
/// `model_fp16.onnx`, `model_q4f16.onnx`. The most precise comes first. Empty for other folders.
[[nodiscard]] std::vector<Variant> onnx_variants(const std::vector<std::string>& files);

}  // namespace wishart::checkpoint
