#include "formats/safetensors/mlx_axes.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "wishart/core/words.hpp"

namespace wishart::checkpoint {
namespace {

using Shape = std::vector<std::int64_t>;

/// Kernels without a name are smaller than this: experts and heads are wider. The same bound as
/// for PyTorch's (model/select.cpp).
constexpr std::int64_t kLargestKernel = 16;

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

enum class Axes : std::uint8_t { mlx, pytorch, either };

/// Which axes of a convolution are the kernel, where only one of the two orders has a small kernel
/// and many inputs. A kernel of one element says nothing: [64, 31, 1] is a filter for each channel
/// of MLX, or a map of 31 inputs.
Axes axes_of(const Tensor& tensor) {
  const Shape& shape = tensor.shape;
  const auto is_kernel = [](auto begin, auto end) {
    return std::all_of(begin, end, [](std::int64_t size) { return size < kLargestKernel; }) &&
           std::any_of(begin, end, [](std::int64_t size) { return size > 1; });
  };
  const bool mlx = is_kernel(shape.begin() + 1, shape.end() - 1) && shape.back() >= kLargestKernel;
  const bool pytorch = is_kernel(shape.begin() + 2, shape.end()) && shape[1] >= kLargestKernel;
  if (mlx == pytorch) return Axes::either;
  return mlx ? Axes::mlx : Axes::pytorch;
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
  const auto is_one = [](const Tensor& tensor) {
    const bool plain = tensor.encoding == Encoding::plain && tensor.is_dense();
    return plain && is_weight_dtype(tensor.dtype) && is_convolution(tensor);
  };
  bool mlx = false;
  bool pytorch = false;
  for (const Tensor& tensor : catalogue.tensors) {
    if (!is_one(tensor)) continue;
    mlx = mlx || axes_of(tensor) == Axes::mlx;
    pytorch = pytorch || axes_of(tensor) == Axes::pytorch;
  }
  if (pytorch && !mlx) return;  // as they are: this model turns them whenever it runs
  for (Tensor& tensor : catalogue.tensors) {
    if (is_one(tensor) && !pytorch) reorder(tensor);
  }
  if (!pytorch) return;
  std::erase_if(catalogue.tensors, [&](Tensor& tensor) {
    if (!is_one(tensor)) return false;
    catalogue.left_out.push_back(
        {std::move(tensor), "unsupported-shape",
         "the convolutions of this file of MLX have two orders of axes, and which is whose is not "
         "told"});
    return true;
  });
}

}  // namespace wishart::checkpoint
