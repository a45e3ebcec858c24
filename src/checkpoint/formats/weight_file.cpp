#include "formats/weight_file.hpp"

#include "folder/folder.hpp"
#include "formats/gguf/gguf_file.hpp"
#include "formats/hdf5/keras_file.hpp"
#include "formats/numpy/numpy_file.hpp"
#include "formats/onnx/onnx_file.hpp"
#include "formats/safetensors/safetensors_header.hpp"
#include "formats/torch/torch_file.hpp"

namespace wishart::checkpoint {

WeightFile read_weight_file(const std::filesystem::path& path, std::string_view format) {
  WeightFile result;
  // What all of them have but for safetensors; takes what is left out where a format says it.
  const auto take_rest = [&result](auto&& file) {
    result.source = std::move(file.source);
    result.tensors = std::move(file.tensors);
    if constexpr (requires { file.left_out; }) result.left_out = std::move(file.left_out);
  };
  if (format == kTorch) {
    TorchFile file = read_torch_file(path);
    take_rest(file);
    result.names = std::move(file.aliases);
    result.step = file.step;
    result.warnings = std::move(file.warnings);
  } else if (format == kGguf) {
    GgufFile file = read_gguf_file(path);
    result.config = std::move(file.config);
    take_rest(file);
  } else if (format == kKeras) {
    take_rest(read_keras_file(path));
  } else if (format == kNumpy) {
    take_rest(read_numpy_file(path));
  } else if (format == kOnnx) {
    OnnxFile file = read_onnx_file(path);
    result.data_files = std::move(file.data_files);
    take_rest(file);
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
