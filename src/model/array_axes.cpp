#include "array_axes.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "wishart/core/words.hpp"

#include "siblings.hpp"

// Source: keras-team/keras 3422977a (layers/convolutional/base_conv.py, layers/attention) and
// keras-hub (models/llama, models/gemma); huggingface/transformers 4,
// modeling_flax_pytorch_utils.py.

namespace wishart::model {
namespace {

/// The name of the layer of which this is a kernel, or a variable of Keras 3, `vars.0`. Nothing for
/// other arrays.
std::optional<std::string_view> layer_of(std::string_view name) {
  for (const std::string_view kind : {".kernel", ".depthwise_kernel", ".pointwise_kernel"}) {
    if (name.ends_with(kind)) return name.substr(0, name.size() - kind.size());
  }
  constexpr std::string_view kVariable = ".vars.";
  const std::size_t at = name.find_last_not_of("0123456789") + 1;
  const std::string_view before = name.substr(0, at);
  if (at == name.size() || !before.ends_with(kVariable)) return std::nullopt;
  return before.substr(0, at - kVariable.size());
}

/// True unless the shape says that an array of NumPy has the axes of PyTorch.
bool may_be_kernel_first(const Tensor& tensor, std::string_view format) {
  const auto& shape = tensor.shape;
  return format != "numpy" || (shape.size() == 4 && shape[0] + shape[1] < shape[2] + shape[3]);
}

std::string_view last_word(std::string_view name) {
  return name.substr(name.rfind('.') + 1);  // the whole name if it has no dot
}

std::string_view before_last_word(std::string_view name) {
  return name.substr(0, name.size() - last_word(name).size());
}

/// `query` of `query`, `query_dense` and `_query_dense`; empty for what is no part of an attention.
std::string_view part_of_attention(std::string_view word) {
  if (word.starts_with('_')) word.remove_prefix(1);
  constexpr std::string_view kDense = "_dense";
  if (word.ends_with(kDense)) word.remove_suffix(kDense.size());
  if (word == "attention_output") return "output";
  constexpr std::array<std::string_view, 5> kParts{"query", "key", "value", "gate", "output"};
  return std::find(kParts.begin(), kParts.end(), word) == kParts.end() ? "" : word;
}

}  // namespace

ArrayAxes ArrayAxesOf::operator()(const Tensor& tensor) {
  const bool keras = catalogue_.format == "keras";
  if (!keras && catalogue_.format != "flax" && catalogue_.format != "numpy") {
    return ArrayAxes::as_torch;
  }
  const std::string name = dotted_name(tensor, catalogue_.format);
  const std::optional<std::string_view> layer = layer_of(name);
  if (!layer) return ArrayAxes::as_torch;
  // Arrays of three dimensions of Flax and NumPy: unknown_axes.
  if (tensor.shape.size() > 3) {
    return may_be_kernel_first(tensor, catalogue_.format) ? ArrayAxes::kernel_first
                                                          : ArrayAxes::as_torch;
  }
  if (!keras || tensor.shape.size() < 3) return ArrayAxes::as_torch;
  const std::string_view word = last_word(*layer);
  if (contains(word, "conv")) return ArrayAxes::kernel_first;
  if (const std::string_view part = part_of_attention(word); !part.empty()) {
    look();
    return of_attention(before_last_word(*layer), part);
  }
  return tensor.shape[0] == 1 ? ArrayAxes::as_torch : ArrayAxes::unknown;
}

/// Keras and its Llama have queries of [inputs, heads, width], its Gemma of [heads, inputs, width];
/// the output of both is [heads, width, outputs], and tells how many inputs and heads there are.
ArrayAxes ArrayAxesOf::of_attention(std::string_view attention, std::string_view part) const {
  const Shape* query = find(attention, {"query", "query_dense", "_query_dense"});
  const Shape* output =
      find(attention, {"attention_output", "attention_output_dense", "_attention_output_dense",
                       "output_dense", "_output_dense"});
  if (query == nullptr || output == nullptr) return ArrayAxes::unknown;
  const std::int64_t heads = output->front();
  const std::int64_t width = output->back();
  const bool inputs_first = query->at(0) == width && query->at(1) == heads;
  const bool heads_first = query->at(0) == heads && query->at(1) == width;
  if (inputs_first == heads_first) return ArrayAxes::unknown;
  if (part == "output") return ArrayAxes::inputs_last;
  return inputs_first ? ArrayAxes::inputs_first : ArrayAxes::unknown;
}

bool ArrayAxesOf::is_bias(const Tensor& tensor) {
  if (catalogue_.format != "keras" || tensor.shape.size() != 2) return false;
  const std::optional<std::string_view> layer = layer_of(tensor.name);
  if (!layer) return false;
  look();
  const Shape* kernel = find(*layer, {""});
  if (kernel == nullptr) return false;
  // A number for each element of some axes of the kernel (EinsumDense, bias_axes).
  const Shape& k = *kernel;
  return tensor.shape == Shape{k[0], k[1]} || tensor.shape == Shape{k[0], k[2]} ||
         tensor.shape == Shape{k[1], k[2]};
}

void ArrayAxesOf::look() {
  if (looked_) return;
  looked_ = true;
  for (const Tensor& tensor : catalogue_.tensors) {
    const std::optional<std::string_view> layer = layer_of(tensor.name);
    if (layer && tensor.shape.size() == 3) kernels_.try_emplace(std::string(*layer), tensor.shape);
  }
}

const ArrayAxesOf::Shape* ArrayAxesOf::find(std::string_view attention,
                                            std::initializer_list<std::string_view> layers) const {
  for (const std::string_view layer : layers) {
    const auto found = kernels_.find(std::string(attention) + std::string(layer));
    if (found != kernels_.end()) return &found->second;
  }
  return nullptr;
}

bool is_depthwise_kernel(const Tensor& tensor) {
  const auto& shape = tensor.shape;
  return shape[shape.size() - 2] == 1 || (shape.back() == 1 && contains(tensor.name, "depthwise"));
}

}  // namespace wishart::model
