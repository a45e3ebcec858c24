#include "formats/safetensors/mlx_axes.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace wishart::checkpoint {
namespace {

using Shape = std::vector<std::int64_t>;

/// Kernels without a name are smaller than this: experts and heads are wider. The same bound as
/// for PyTorch's (model/select.cpp).
constexpr std::int64_t kLargestKernel = 16;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// By its name, or by a kernel that is small, or the same in both directions as that of patches.
bool is_convolution(const Tensor& tensor) {
  const Shape& shape = tensor.shape;
  const std::size_t axes = shape.size();
  // With a single output it is a table of positions more likely.
  if (axes < 3 || axes > 5 || shape[0] <= 1 || tensor.num_elements == 0) return false;
  if (contains(tensor.name, "expert") || contains(tensor.name, "switch_mlp")) return false;
  if (contains(tensor.name, "conv")) return true;
  const bool small = std::all_of(shape.begin() + 1, shape.end() - 1,
                                 [](std::int64_t size) { return size < kLargestKernel; });
  if (axes > 3) return small || shape[axes - 3] == shape[axes - 2];
  return small && shape[1] < shape[0] && shape[1] < shape[2];
}

/// The same elements with the last axis as the second one.
void reorder(Tensor& tensor) {
  const Shape stored = tensor.shape;
  Shape strides(stored.size(), 1);
  for (std::size_t i = stored.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * stored[i];
  const auto moved = [](Shape axes) {
    std::rotate(axes.begin() + 1, axes.end() - 1, axes.end());
    return axes;
  };
  tensor.shape = moved(stored);
  tensor.extents = {
      {Shape(stored.size(), 0), tensor.shape, moved(strides), tensor.file, tensor.offset_bytes}};
}

}  // namespace

bool is_of_mlx(const std::vector<std::pair<std::string, std::string>>& headers) {
  const std::pair<std::string, std::string> told("format", "mlx");
  return std::find(headers.begin(), headers.end(), told) != headers.end();
}

void reorder_convolutions(Catalogue& catalogue) {
  for (Tensor& tensor : catalogue.tensors) {
    const bool plain = tensor.encoding == Encoding::plain && tensor.is_dense();
    if (plain && is_weight_dtype(tensor.dtype) && is_convolution(tensor)) reorder(tensor);
  }
}

}  // namespace wishart::checkpoint
