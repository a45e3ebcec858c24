#include "siblings.hpp"

#include <algorithm>

#include "wishart/core/words.hpp"
#include "wishart/record/roles.hpp"

namespace wishart::model {
namespace {

/// True if a word follows the one that ends before `at`, and is no number: `3` of `layers.3`.
bool no_number_follows(std::string_view name, std::size_t at) {
  if (at >= name.size()) return false;
  const std::string_view next = name.substr(at + 1, name.find('.', at + 1) - at - 1);
  return !is_number(next);
}

/// The name up to the word for all blocks: `decoder.layers.`; empty: there is none. `ending`: a
/// longer word may end so, as MaxText's `moe_layers` does.
std::string_view stack_of(std::string_view name, bool ending = false) {
  constexpr std::string_view kLayers = "layers";
  for (std::size_t at = name.find(kLayers); at != std::string_view::npos;
       at = name.find(kLayers, at + 1)) {
    const std::size_t end = at + kLayers.size();
    const bool begins = ending || at == 0 || name[at - 1] == '.';
    const bool ends = end < name.size() && name[end] == '.';
    if (begins && ends && no_number_follows(name, end)) return name.substr(0, end + 1);
  }
  return {};
}

}  // namespace

std::string dotted_name(const Tensor& tensor, std::string_view format) {
  std::string name = tensor.name;
  if (format != "numpy" && format != "flax") return name;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '/' || c == '-'; }, '.');
  return name;
}

bool stacks_blocks(const Tensor& tensor, const Naming& naming, std::string_view format) {
  return naming.block < 0 && format != "keras" && !stack_of(tensor.name).empty();
}

bool Siblings::of_prediction(const Naming& naming) const {
  const auto& layers = catalogue_.config.num_hidden_layers;
  return naming.prediction || (layers && naming.block >= *layers);
}

bool Siblings::is_second_copy(const Tensor& tensor, const Naming& naming) {
  if (!is_of_tokens(naming.role) || !of_prediction(naming)) return false;
  look();
  return vocabulary_.contains(tensor.shape);
}

bool Siblings::stacks_vectors(const Tensor& tensor, const Naming& naming) {
  if (tensor.shape.size() != 2 || !stacks_blocks(tensor, naming, catalogue_.format)) return false;
  look();
  const auto found = heights_.find(stack_of(tensor.name));
  return found != heights_.end() && found->second == tensor.shape[0];
}

void Siblings::look() {
  if (looked_) return;
  looked_ = true;
  for (const Tensor& tensor : catalogue_.tensors) {
    const Naming naming =
        naming_of(dotted_name(tensor, catalogue_.format), tensor.shape, catalogue_.config);
    if (is_of_tokens(naming.role) && !of_prediction(naming)) vocabulary_.insert(tensor.shape);
    if (tensor.shape.size() < 3 || !stacks_blocks(tensor, naming, catalogue_.format)) continue;
    const auto [place, first] = heights_.emplace(stack_of(tensor.name), tensor.shape[0]);
    if (!first && place->second != tensor.shape[0]) place->second = -1;
  }
}

std::string unknown_axes(const Tensor& tensor, const Naming& naming,
                         const checkpoint::Catalogue& catalogue) {
  const auto& shape = tensor.shape;
  if (shape.size() < 3) return {};
  const std::string name = dotted_name(tensor, catalogue.format);
  // Words joined by `_`, of which some have one in them, are told by the last alone.
  const auto ends = [&](std::string_view word) {
    return name.ends_with("." + std::string(word)) || name.ends_with("_" + std::string(word)) ||
           name == word;
  };
  const bool array = catalogue.format == "numpy" || catalogue.format == "flax";
  const bool kernel = ends("kernel");
  const bool named = array && (kernel || ends("embedding") || ends("scale"));
  // Flax's trees as Orbax restores them; the reader of its own files removes this word.
  const bool flax = name.starts_with("params.") || named;
  const auto& layers = catalogue.config.num_hidden_layers;
  const bool first_is_layer =
      shape.size() == 3 && layers && shape[0] == *layers && shape[1] != *layers;
  constexpr std::string_view kJoined = "_layers_";
  const std::size_t at = array ? name.find(kJoined) : std::string::npos;
  const bool joined = at != std::string::npos && at + kJoined.size() < name.size() &&
                      (name[at + kJoined.size()] < '0' || name[at + kJoined.size()] > '9');
  const bool stack = naming.block < 0 && (joined || !stack_of(name, true).empty());
  // MaxText's experts: `MoeBlock_0.wi_0`. Others call their weights so.
  if (stack && (flax || (array && !ends("weight")))) {
    if (first_is_layer) return {};
    return "stacks the layers along an axis that is not known to be the first, as MaxText's do "
           "along the second: save each layer by itself";
  }
  const bool attention =
      name.find("ttention") != std::string::npos || name.find("attn") != std::string::npos;
  if (flax && attention && kernel) {
    return "a kernel with an axis of heads: save it as a matrix of inputs and outputs";
  }
  // Kernels of four dimensions are convolutions; one dimension less may be heads or a convolution
  // over one dimension, whose kernel comes first in Flax.
  if (named && shape.size() == 3) {
    return "an array of three dimensions, of which nothing says which are inputs and outputs: save "
           "it as matrices";
  }
  return {};
}

}  // namespace wishart::model
