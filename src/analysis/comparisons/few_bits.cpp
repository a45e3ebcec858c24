#include "comparisons/few_bits.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"

#include "words/layer_words.hpp"

namespace wishart::analysis {
namespace {

/// `int2` of GPTQ and others, `UINT2` of ONNX, `Q2_K`, `IQ2_XXS`, `IQ1_S` and `TQ1_0` of GGUF.
bool is_of_fewest_bits(std::string_view word) {
  for (const std::string_view exact :
       {"int1", "int2", "uint1", "uint2", "INT2", "UINT2", "ternary"}) {
    if (word == exact) return true;
  }
  for (const std::string_view begin : {"Q2_", "Q1_", "IQ2_", "IQ1_", "TQ1_", "TQ2_"}) {
    if (word.starts_with(begin)) return true;
  }
  return false;
}

}  // namespace

bool has_fewest_bits(const LayerRow& row) {
  const std::vector<std::string> words = split(row.dtype, ' ');
  return std::any_of(words.begin(), words.end(), is_of_fewest_bits);
}

std::string few_bits_text(const CheckpointRecord& stage, const CheckpointRecord& other) {
  std::unordered_map<std::string_view, const LayerRow*> before;
  for (const LayerRow& row : other.layers) before.emplace(row.key, &row);
  const auto count =
      std::count_if(stage.layers.begin(), stage.layers.end(), [&](const LayerRow& row) {
        const auto found = before.find(row.key);
        return has_fewest_bits(row) && found != before.end() && !has_fewest_bits(*found->second);
      });
  if (count == 0) return {};
  return layers_text(count) + " " + is_are(count) +
         " stored in fewer than 3 bits, whose errors may keep the norms that the rules judge by";
}

}  // namespace wishart::analysis
