#include "siblings.hpp"

namespace wishart::model {
namespace {

constexpr std::string_view kLayers = "layers.";

bool is_vocabulary(const Naming& naming) {
  return naming.role == "embedding.token" || naming.role == "head";
}

/// The name up to the word for all blocks: `decoder.layers.`.
std::string_view stack_of(std::string_view name) {
  return name.substr(0, name.find(kLayers) + kLayers.size());
}

}  // namespace

bool stacks_blocks(const Tensor& tensor, const Naming& naming) {
  return naming.block < 0 && tensor.name.find(kLayers) != std::string::npos;
}

bool Siblings::of_prediction(const Naming& naming) const {
  const auto& layers = catalogue_.config.num_hidden_layers;
  return naming.prediction || (layers && naming.block >= *layers);
}

bool Siblings::is_second_copy(const Tensor& tensor, const Naming& naming) {
  if (!is_vocabulary(naming) || !of_prediction(naming)) return false;
  look();
  return vocabulary_.contains(tensor.shape);
}

bool Siblings::stacks_vectors(const Tensor& tensor, const Naming& naming) {
  if (tensor.shape.size() != 2 || !stacks_blocks(tensor, naming)) return false;
  look();
  const auto found = heights_.find(stack_of(tensor.name));
  return found != heights_.end() && found->second == tensor.shape[0];
}

void Siblings::look() {
  if (looked_) return;
  looked_ = true;
  for (const Tensor& tensor : catalogue_.tensors) {
    const Naming naming = naming_of(tensor.name, tensor.shape, catalogue_.config);
    if (is_vocabulary(naming) && !of_prediction(naming)) vocabulary_.insert(tensor.shape);
    if (tensor.shape.size() < 3 || !stacks_blocks(tensor, naming)) continue;
    const auto [place, first] = heights_.emplace(stack_of(tensor.name), tensor.shape[0]);
    if (!first && place->second != tensor.shape[0]) place->second = -1;
  }
}

std::string unknown_axes(const Tensor& tensor, const Naming& naming, const ModelConfig& config) {
  const auto& shape = tensor.shape;
  // Flax's trees as Orbax restores them; the reader of its own files removes this word.
  if (shape.size() < 3 || !tensor.name.starts_with("params.")) return {};
  const auto& layers = config.num_hidden_layers;
  const bool first_is_layer =
      shape.size() == 3 && layers && shape[0] == *layers && shape[1] != *layers;
  if (stacks_blocks(tensor, naming)) {
    if (first_is_layer) return {};
    return "stacks the layers along an axis that is not known to be the first, as MaxText's do "
           "along the second: save each layer by itself";
  }
  const bool attention = tensor.name.find("ttention") != std::string::npos ||
                         tensor.name.find("attn") != std::string::npos;
  if (attention && tensor.name.ends_with(".kernel")) {
    return "a kernel with an axis of heads: save it as a matrix of inputs and outputs";
  }
  return {};
}

}  // namespace wishart::model
