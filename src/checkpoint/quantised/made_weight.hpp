#pragma once

/// @file
/// Pieces that the rules of all schemes share.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "numbers/block_sizes.hpp"
#include "numbers/codes.hpp"
#include "numbers/encodings.hpp"
#include "quantised/quantised_rules.hpp"
#include "quantised/schemes.hpp"
#include "text/json_facts.hpp"

namespace wishart::checkpoint {

using Shape = std::vector<std::int64_t>;

/// `name` without `ending`, or empty.
[[nodiscard]] std::string stem_of(const std::string& name, std::string_view ending);
[[nodiscard]] std::string shapes_text(const Tensor& a, const Tensor& b);

/// ModelOpt's NVFP4_SVD: adds the factors `svdquant_lora_b`, `svdquant_lora_a` of a weight that has
/// them. y = (Q + B A)(p x), nn/modules/quant_linear.py.
[[nodiscard]] Tensor with_low_rank(QuantisedParts& parts, Tensor weight);

// Schemes that the table cannot say, each by its characteristic tensor.

/// compressed-tensors, `pack-quantized`: `X_packed` of I32.
[[nodiscard]] Tensor packed_weight(QuantisedParts& parts, const Tensor& packed,
                                   const std::string& name);
/// GPTQ and AWQ: `M.qweight`.
[[nodiscard]] Tensor grouped_weight(QuantisedParts& parts, const Tensor& sign,
                                    const std::string& module);
/// bitsandbytes, 4 bits: `X.quant_state.bitsandbytes__nf4`.
[[nodiscard]] Tensor bnb4_weight(QuantisedParts& parts, const Tensor& state_tensor,
                                 const std::string& name, const std::string& kind);
/// bitsandbytes, 8 bits: `M.SCB`.
[[nodiscard]] Tensor bnb8_weight(QuantisedParts& parts, const Tensor& scales,
                                 const std::string& name);

// torchao: the header of a file says of which class a weight is, and has its parameters.

/// `module.weight` of `module._weight`.
[[nodiscard]] std::string torchao_weight(std::string stem);
/// True if the scales lie in tiles for a GPU. What is said about activations does not count.
[[nodiscard]] bool torchao_in_tiles(const JsonFacts& header);
/// Refuses a weight whose parts or elements are not those that its header announces.
/// @pre the header's class is the scheme's
void check_torchao(const QuantisedParts& parts, const Scheme& scheme, const JsonFacts& header,
                   const std::string& stem, const std::string& weight);
/// Refuses a class that the table does not have; `stem` is that of `stem_qdata`.
void check_torchao_class(const QuantisedParts& parts, const std::string& stem);
/// Columns that share a scale, of a weight with this many dimensions.
[[nodiscard]] std::int64_t torchao_group(const QuantisedParts& parts, const Scheme& scheme,
                                         const JsonFacts& header, const std::string& weight,
                                         std::size_t dimensions);

/// The ending of the tensors in which ComfyUI says how a layer is quantised.
inline constexpr std::string_view kComfyLayout = ".comfy_quant";
/// Why the layout that `told` says of `module` is not read; empty: it is.
[[nodiscard]] std::string comfy_problem(const QuantisedParts& parts, const Tensor& told,
                                        const std::string& module);

/// The ending of the codes of hqq.
inline constexpr std::string_view kHqqCodes = ".W_q";
/// hqq: `M.W_q`.
[[nodiscard]] Tensor hqq_weight(QuantisedParts& parts, const Tensor& codes,
                                const std::string& module);

}  // namespace wishart::checkpoint
