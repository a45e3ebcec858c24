#include "formats/gguf/gguf_scales.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "numbers/codes.hpp"
#include "numbers/encodings.hpp"
#include "text/json_scanner.hpp"

// Source: ggml-org/llama.cpp, pull 19769 (ModelOpt's weight_scale_2 as `X.scale`); some makers
// write `X.weight.scale` (Luce-Org/lucebox, pull 146). Of routers: its gemma4.cpp and load_tensors.

namespace wishart::checkpoint {
namespace {

/// The name of the weight that a companion belongs to; empty if `name` is none.
std::string weight_of(const std::string& name, std::string_view ending) {
  if (!name.ends_with(ending) || name.size() == ending.size()) return {};
  std::string stem = name.substr(0, name.size() - ending.size());
  return stem.ends_with(".weight") ? stem : stem + ".weight";
}

/// Gemma 4: the factors of a router's inputs, which keep their vector. llama.cpp multiplies no
/// router by a scale of its own: it is not among the weights of its generic pass over `.scale`.
bool scales_the_input(std::string_view name) {
  return name.ends_with(".ffn_gate_inp.scale") || name == "ffn_gate_inp.scale";
}

[[noreturn]] void fail(const Catalogue& catalogue, const Tensor& scale, const std::string& what) {
  throw Error(Blame::input, printable(catalogue.root.string()) + ": tensor " +
                                in_quotes(scale.name) + ": " + what);
}

/// Matrices in a tensor, of its last two dimensions.
std::int64_t stack_height(const Tensor& weight) {
  std::int64_t count = 1;
  for (std::size_t d = 0; d + 2 < weight.shape.size(); ++d) count *= weight.shape[d];
  return count;
}

/// The factors of a weight are one, or one for each matrix in it.
void check_factors(const Catalogue& catalogue, const Tensor& weight, const Tensor& scale) {
  const std::int64_t matrices = stack_height(weight);
  const bool plain = scale.is_dense() && is_weight_dtype(scale.dtype);
  if (!plain || (scale.num_elements != 1 && scale.num_elements != matrices) ||
      scale.shape.size() > 1) {
    fail(catalogue, scale,
         "expected one factor" +
             (matrices > 1 ? " or " + std::to_string(matrices) : std::string()) + " for " +
             in_quotes(weight.name) + " of shape " + printable(shape_text(weight.shape), 100) +
             ", found " + storage_text(scale) + " of shape " +
             printable(shape_text(scale.shape), 100));
  }
}

Tensor scaled(const Catalogue& catalogue, const Tensor& weight, const Tensor& scale) {
  CodesLayout layout;
  layout.rows = std::max<std::int64_t>(
      weight.shape.size() < 2 ? 1 : weight.shape[weight.shape.size() - 2], 1);
  layout.cols = std::max<std::int64_t>(weight.shape.empty() ? 1 : weight.shape.back(), 1);
  layout.block_rows = layout.rows;
  layout.block_cols = layout.cols;
  layout.global = 1;
  const std::string stored =
      storage_text(weight) + (scale.num_elements > 1 ? " times scales" : " times a scale");
  check_factors(catalogue, weight, scale);
  Tensor result = encoded_tensor(weight.name, weight.shape, Encoding::codes, {weight, scale},
                                 numbers_of(layout), stored);
  result.file = weight.file;
  result.offset_bytes = weight.offset_bytes;
  result.parts[0].name.clear();
  return result;
}

}  // namespace

void multiply_scales(Catalogue& catalogue) {
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < catalogue.tensors.size(); ++i) {
    places.emplace(catalogue.tensors[i].name, i);
  }
  std::unordered_set<std::string> not_read;
  for (const LeftOut& left : catalogue.left_out) not_read.insert(left.tensor.name);
  std::vector<Tensor> kept;
  std::vector<std::pair<std::size_t, Tensor>> scales;  // by the place of their weight
  std::vector<bool> is_companion(catalogue.tensors.size(), false);
  for (std::size_t i = 0; i < catalogue.tensors.size(); ++i) {
    const Tensor& tensor = catalogue.tensors[i];
    const std::string of_input = weight_of(tensor.name, ".input_scale");
    const std::string of_weight = of_input.empty() ? weight_of(tensor.name, ".scale") : "";
    const std::string& weight = of_input.empty() ? of_weight : of_input;
    if (weight.empty() || scales_the_input(tensor.name)) continue;
    const auto found = places.find(weight);
    if (found == places.end() && !not_read.contains(weight)) {
      if (tensor.shape.size() < 2) continue;  // a vector of some other kind
      fail(catalogue, tensor, "expected " + in_quotes(weight) + ", whose scale it is, found none");
    }
    is_companion[i] = true;
    if (found == places.end() || !of_input.empty()) continue;
    scales.emplace_back(found->second, tensor);
  }
  std::stable_sort(scales.begin(), scales.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t s = 0; s < scales.size(); ++s) {
    const auto& [place, scale] = scales[s];
    if (s > 0 && scales[s - 1].first == place) {
      fail(catalogue, scale,
           "expected one scale of " + in_quotes(catalogue.tensors[place].name) + ", found " +
               in_quotes(scales[s - 1].second.name) + " too");
    }
    Tensor& weight = catalogue.tensors[place];
    weight = scaled(catalogue, weight, scale);
  }
  for (std::size_t i = 0; i < catalogue.tensors.size(); ++i) {
    if (!is_companion[i]) kept.push_back(std::move(catalogue.tensors[i]));
  }
  catalogue.tensors = std::move(kept);
}

}  // namespace wishart::checkpoint
