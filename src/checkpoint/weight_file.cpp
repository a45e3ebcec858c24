#include "weight_file.hpp"

#include "folder.hpp"
#include "gguf_file.hpp"
#include "keras_file.hpp"
#include "numpy_file.hpp"
#include "onnx_file.hpp"
#include "safetensors_header.hpp"
#include "torch_file.hpp"

namespace wishart::checkpoint {

WeightFile read_weight_file(const std::filesystem::path& path, std::string_view format) {
  WeightFile result;
  if (format == kTorch) {
    TorchFile file = read_torch_file(path);
    result.source = std::move(file.source);
    result.tensors = std::move(file.tensors);
    result.names = std::move(file.aliases);
    result.step = file.step;
    result.warnings = std::move(file.warnings);
  } else if (format == kGguf) {
    GgufFile file = read_gguf_file(path);
    result.source = std::move(file.source);
    result.tensors = std::move(file.tensors);
    result.left_out = std::move(file.left_out);
    result.config = std::move(file.config);
  } else if (format == kKeras) {
    KerasFile file = read_keras_file(path);
    result.source = std::move(file.source);
    result.tensors = std::move(file.tensors);
    result.left_out = std::move(file.left_out);
  } else if (format == kNumpy) {
    NumpyFile file = read_numpy_file(path);
    result.source = std::move(file.source);
    result.tensors = std::move(file.tensors);
    result.left_out = std::move(file.left_out);
  } else if (format == kOnnx) {
    OnnxFile file = read_onnx_file(path);
    result.source = std::move(file.source);
    result.data_files = std::move(file.data_files);
    result.tensors = std::move(file.tensors);
    result.left_out = std::move(file.left_out);
  } else {
    SafetensorsFile file = read_safetensors_file(path);
    result.source = std::move(file.source);
    result.tensors = std::move(file.header.tensors);
    result.names = std::move(file.header.metadata);
  }
  return result;
}

void shift_files(Tensor& tensor, std::int32_t shift) {
  tensor.file += shift;
  for (Extent& extent : tensor.extents) extent.file += shift;
  for (Tensor& part : tensor.parts) shift_files(part, shift);
}

}  // namespace wishart::checkpoint
