#include <algorithm>
#include <array>
#include <string_view>

#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "quantised/made_weight.hpp"
#include "quantised/schemes.hpp"
#include "text/json_scanner.hpp"

// Source: Comfy-Org/ComfyUI comfy/quant_ops.py (0271a46: QUANT_ALGOS); Comfy-Org/comfy-kitchen
// (7d86acf) tensor/*.py, float_utils.py (the high half of a byte first, scales in tiles).

namespace wishart::checkpoint {
namespace {

/// A layout whose values are codes times `M.weight_scale`, in the order of the file.
struct Plain {
  std::string_view layout;
  Types types;
};

constexpr std::array kPlain{Plain{"float8_e4m3fn", only(Dtype::f8_e4m3)},
                            Plain{"float8_e5m2", only(Dtype::f8_e5m2)},
                            Plain{"int8_tensorwise", only(Dtype::i8)}};

}  // namespace

std::string comfy_problem(const QuantisedParts& parts, const Tensor& told,
                          const std::string& module) {
  JsonFacts facts;
  try {
    facts = JsonFacts(parts.bytes(told), in_quotes(told.name));
  } catch (const SystemFailure&) {
    throw;
  } catch (const Error&) {
    return "its " + in_quotes(told.name) + " is not the JSON text that ComfyUI writes";
  }
  const std::string layout = facts.text("format").value_or("");
  const auto plain = std::find_if(kPlain.begin(), kPlain.end(),
                                  [&](const Plain& one) { return one.layout == layout; });
  // ConvRot: W times a Hadamard matrix, whose singular values are those of W but not its elements.
  const bool rotated = facts.is_true("convrot") || facts.is_true("params.convrot");
  if (plain == kPlain.end() || rotated) {
    return "layout " + in_quotes(layout, 60) + (rotated ? " with rotations" : "") +
           " of ComfyUI is not read: scan the model that it was made from";
  }
  const Tensor* weight = parts.find(module + ".weight");
  if (weight == nullptr || (plain->types & only(weight->dtype)) != 0) return {};
  return "is " + std::string(dtype_name(weight->dtype)) + ", but its " + in_quotes(told.name) +
         " says " + in_quotes(layout, 60);
}

}  // namespace wishart::checkpoint
