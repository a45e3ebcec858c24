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

/// The ending of the codes of hqq.
inline constexpr std::string_view kHqqCodes = ".W_q";
/// hqq: `M.W_q`.
[[nodiscard]] Tensor hqq_weight(QuantisedParts& parts, const Tensor& codes,
                                const std::string& module);

}  // namespace wishart::checkpoint
