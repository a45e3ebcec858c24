#include "quantised/quantised.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "quantised/quantised_rules.hpp"
#include "text/json_facts.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

/// What config.json or a file beside it says about the scheme.
JsonFacts quantisation_of(Catalogue& catalogue) {
  // A broken config.json has been reported already.
  std::vector<std::string> told;
  const JsonFacts config = read_json_facts(catalogue.root / "config.json", told);
  for (const char* key :
       {"quantization_config", "compression_config", "text_config.quantization_config"}) {
    JsonFacts facts = config.below(key);
    if (!facts.empty()) return facts;
  }
  for (const char* name : {"quantize_config.json", "quant_config.json"}) {
    JsonFacts facts = read_json_facts(catalogue.root / name, catalogue.warnings);
    if (!facts.empty()) return facts;
  }
  return read_json_facts(catalogue.root / "hf_quant_config.json", catalogue.warnings)
      .below("quantization");
}

bool could_have_parts(const Catalogue& catalogue) {
  return std::any_of(catalogue.tensors.begin(), catalogue.tensors.end(), [](const Tensor& tensor) {
    return dtype_bits(tensor.dtype) == 8 || tensor.dtype == Dtype::i32;
  });
}

/// A model whose config mentions FP8 must have scales for all its FP8 weights.
void check_none_left(const Catalogue& catalogue, const JsonFacts& facts) {
  if (facts.empty()) return;
  for (const Tensor& tensor : catalogue.tensors) {
    const bool raw = tensor.encoding == Encoding::plain && is_weight_dtype(tensor.dtype) &&
                     dtype_bits(tensor.dtype) == 8 && tensor.shape.size() >= 2;
    if (raw && tensor.name.ends_with("weight")) {
      throw Error(Blame::input, printable(catalogue.root.string()) + ": tensor " +
                                    in_quotes(tensor.name) + " is " +
                                    std::string(dtype_name(tensor.dtype)) +
                                    " of a quantised model, expected its scales " +
                                    in_quotes(tensor.name + "_scale_inv") + " or " +
                                    in_quotes(tensor.name + "_scale") + ", found none");
    }
  }
}

}  // namespace

void assemble_quantised(Catalogue& catalogue) {
  if (!could_have_parts(catalogue)) return;
  const JsonFacts facts = quantisation_of(catalogue);
  QuantisedParts parts(catalogue, facts);
  std::vector<Tensor> made;
  for (const Tensor& tensor : catalogue.tensors) {
    if (std::optional<Tensor> weight = assembled(parts, tensor)) made.push_back(std::move(*weight));
  }
  if (!made.empty()) {
    std::erase_if(catalogue.tensors,
                  [&](const Tensor& tensor) { return parts.is_used(tensor.name); });
    std::move(made.begin(), made.end(), std::back_inserter(catalogue.tensors));
  }
  check_none_left(catalogue, facts);
}

}  // namespace wishart::checkpoint
