#include "quantised/doubtful.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

#include "quantised/schemes.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::string_view kNoScheme =
    "tensors of a quantised weight that do not make up a scheme that is read: ";

/// A tensor that could be analysed as it is, with at least 16 bits an element.
bool is_wide(const Tensor& tensor) {
  return tensor.encoding != Encoding::plain ||
         (is_weight_dtype(tensor.dtype) && dtype_bits(tensor.dtype) >= 16);
}

/// The companion word that ends `name` and what precedes it; the word is empty if there is none.
struct Companion {
  std::string_view stem;
  std::string_view word;
};

Companion companion_of(std::string_view name) {
  Companion longest;
  for (const std::string_view word : companion_words()) {
    if (!name.ends_with(word) || name.size() < word.size() + 2) continue;
    const char joint = name[name.size() - word.size() - 1];
    if ((joint != '.' && joint != '_') || word.size() <= longest.word.size()) continue;
    longest = {name.substr(0, name.size() - word.size() - 1), word};
  }
  return longest;
}

/// The module of a stem: `x.weight` of `x.weight_scale` and `x._weight` are of `x`.
std::string_view module_of(std::string_view stem) {
  for (const std::string_view ending : {".weight", "._weight"}) {
    if (stem.ends_with(ending)) return stem.substr(0, stem.size() - ending.size());
  }
  return stem;
}

/// Words that no model uses for anything else, whatever the types.
bool is_certain(std::string_view name, std::string_view word) {
  constexpr std::string_view kCertain[] = {"scale_inv",       "weight_scale_2",
                                           "pre_quant_scale", "svdquant_lora_a",
                                           "svdquant_lora_b", "SCB",
                                           "qweight",         "qzeros",
                                           "qdata",           "W_q",
                                           "trellis",         "absmax",
                                           "quant_map",       "scale_and_zero",
                                           "act_pre_scale",   "per_tensor_scale",
                                           "global_scale"};
  return is_one_of(word, kCertain) || name.ends_with("weight_scale") ||
         name.ends_with("weight_packed") || name.ends_with("weight_zero_point");
}

/// What is left of one module.
struct Group {
  std::vector<const Tensor*> tensors;
  bool certain = false;
  bool codes = false;  ///< some of them are integers or narrow floats
  int companions = 0;
};

std::string kinds_text(const std::vector<const Tensor*>& tensors) {
  constexpr std::size_t kShown = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(tensors.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + in_quotes(tensors[i]->name, 100) + " (" +
            storage_text(*tensors[i]) + ", " + printable(shape_text(tensors[i]->shape), 60) + ")";
  }
  return tensors.size() > kShown ? text + ", ..." : text;
}

/// Keras names the variables of a layer by numbers (layers/core/dense.py, save_own_variables), so
/// that only the codes tell that the others are scales.
void add_keras_layers(const Catalogue& catalogue, std::vector<Doubt>& doubts) {
  std::map<std::string_view, Group> layers;
  for (const Tensor& tensor : catalogue.tensors) {
    const std::string_view name = tensor.name;
    if (name.find('.') == std::string_view::npos) continue;
    Group& layer = layers[name.substr(0, name.rfind('.'))];
    const bool codes = tensor.dtype == Dtype::i8 || tensor.dtype == Dtype::u8;
    if (is_wide(tensor)) ++layer.companions;
    layer.codes = layer.codes || (codes && tensor.shape.size() >= 2);
    layer.tensors.push_back(&tensor);
  }
  for (const auto& [name, layer] : layers) {
    if (!layer.codes || layer.companions == 0) continue;
    Doubt doubt;
    for (const Tensor* tensor : layer.tensors) doubt.tensors.push_back(tensor->name);
    doubt.reason = "codes and scales of a layer that Keras has quantised, which is not read: " +
                   kinds_text(layer.tensors);
    doubts.push_back(std::move(doubt));
  }
}

using Names = std::unordered_map<std::string_view, const Tensor*>;
using Told = std::unordered_set<std::string_view>;

/// Codes whose scales are missing.
void add_lost_codes(const Catalogue& catalogue, const Told& told, bool is_declared, bool any_made,
                    std::vector<Doubt>& doubts) {
  for (const Tensor& tensor : catalogue.tensors) {
    if (told.contains(tensor.name) || is_wide(tensor) || tensor.shape.size() < 2) continue;
    if (!tensor.name.ends_with("weight") || tensor.dtype == Dtype::boolean) continue;
    const bool floats = is_weight_dtype(tensor.dtype);
    if (!is_declared && !(any_made && floats)) continue;
    Doubt doubt;
    doubt.tensors.push_back(tensor.name);
    doubt.reason = "is " + std::string(dtype_name(tensor.dtype)) +
                   " of a quantised model, expected its scales beside it, found none";
    doubts.push_back(std::move(doubt));
  }
}

bool is_float8_matrix(const Tensor& tensor) {
  return tensor.encoding == Encoding::plain && tensor.shape.size() >= 2 &&
         (kFloat8 & only(tensor.dtype)) != 0;
}

/// The F8 matrix whose module, or whose name, begins the name of `tensor`; nothing if there is
/// none.
const Tensor* float8_beside(const Tensor& tensor, const Names& by_name) {
  const auto matrix = [&](const std::string& name) -> const Tensor* {
    const auto found = by_name.find(name);
    return found == by_name.end() || !is_float8_matrix(*found->second) ? nullptr : found->second;
  };
  const std::string& name = tensor.name;
  const std::size_t dot = name.rfind('.');
  if (dot != std::string::npos) {
    const std::string parent = name.substr(0, dot);
    if (const Tensor* found = matrix(parent + ".weight")) return found;
    if (const Tensor* found = matrix(parent)) return found;
  }
  const std::size_t own = dot == std::string::npos ? 0 : dot + 1;
  for (std::size_t at = name.find('_', own); at != std::string::npos; at = name.find('_', at + 1)) {
    if (const Tensor* found = matrix(name.substr(0, at))) return found;
  }
  return nullptr;
}

/// F8 without a known scale may be a model that was only cast. A number beside it that is not
/// understood is a scale, as likely as not.
void add_unknown_scales(const Catalogue& catalogue, const Names& by_name, const Told& told,
                        std::vector<Doubt>& doubts) {
  if (std::none_of(catalogue.tensors.begin(), catalogue.tensors.end(), is_float8_matrix)) return;
  for (const Tensor& tensor : catalogue.tensors) {
    const std::string_view own = std::string_view(tensor.name).substr(tensor.name.rfind('.') + 1);
    const bool floats = tensor.encoding == Encoding::plain && is_weight_dtype(tensor.dtype);
    // `scale`, or `weights_scaling_factor` of TensorRT-LLM.
    const bool may_be =
        tensor.dtype == Dtype::f8_e8m0 ||
        (floats && (tensor.num_elements == 1 || own.find("scal") != std::string_view::npos));
    if (!may_be || told.contains(tensor.name) || own.ends_with("bias")) continue;
    if (is_of_activations(tensor.name)) continue;
    const Tensor* weight = float8_beside(tensor, by_name);
    if (weight == nullptr || weight == &tensor || told.contains(weight->name)) continue;
    Doubt doubt;
    doubt.tensors = {weight->name, tensor.name};
    doubt.reason = std::string(kNoScheme) + kinds_text({weight, &tensor});
    doubts.push_back(std::move(doubt));
  }
}

}  // namespace

bool is_of_activations(const std::string& name) {
  return is_one_of(companion_of(name).word, activation_words());
}

std::vector<std::string> weights_beside(const std::string& companion) {
  const Companion found = companion_of(companion);
  if (found.word.empty() || is_one_of(found.word, activation_words())) return {};
  const std::string module(module_of(found.stem));
  return {module, module + ".weight"};
}

std::vector<Doubt> doubtful_tensors(const Catalogue& catalogue, const Declared& declared,
                                    bool any_made) {
  const bool is_declared = declared.method != method::kNone;
  Names by_name;
  for (const Tensor& tensor : catalogue.tensors) by_name.emplace(tensor.name, &tensor);
  std::map<std::string_view, Group> groups;
  for (const Tensor& tensor : catalogue.tensors) {
    const Companion companion = companion_of(tensor.name);
    if (companion.word.empty() || is_one_of(companion.word, activation_words())) continue;
    Group& group = groups[module_of(companion.stem)];
    group.tensors.push_back(&tensor);
    ++group.companions;
    group.certain = group.certain || is_certain(tensor.name, companion.word);
    group.codes = group.codes || !is_wide(tensor);
  }
  std::vector<Doubt> doubts;
  Told told;
  for (auto& [module, group] : groups) {
    for (const char* ending : {"", ".weight"}) {
      const auto found = by_name.find(std::string(module) + ending);
      if (found == by_name.end() || !companion_of(found->first).word.empty()) continue;
      // Types of llama.cpp have their scales in their blocks; the format pairs others itself.
      if (found->second->encoding == Encoding::gguf) group = {};
      if (group.companions == 0) break;
      group.tensors.push_back(found->second);
      group.codes = group.codes || !is_wide(*found->second);
    }
    const bool several = group.tensors.size() > 1;
    // A scale that is alone has lost its codes, unless it is a vector as many models have them.
    const bool lost = !group.tensors.empty() &&
                      (several || group.codes || group.tensors.front()->shape.size() >= 2);
    const bool doubtful = group.certain || (several && group.codes) || (is_declared && lost);
    if (!doubtful) continue;
    Doubt doubt;
    for (const Tensor* tensor : group.tensors) {
      doubt.tensors.push_back(tensor->name);
      told.insert(tensor->name);
    }
    doubt.reason = std::string(kNoScheme) + kinds_text(group.tensors);
    doubts.push_back(std::move(doubt));
  }
  if (catalogue.format == "keras") add_keras_layers(catalogue, doubts);
  add_lost_codes(catalogue, told, is_declared, any_made, doubts);
  add_unknown_scales(catalogue, by_name, told, doubts);
  return doubts;
}

}  // namespace wishart::checkpoint
