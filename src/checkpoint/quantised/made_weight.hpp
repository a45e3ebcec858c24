#pragma once

/// @file
/// Pieces that the rules of all schemes share.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

/// `pre_quant_scale` or `act_pre_scale` of a weight: a factor for each of its columns.
[[nodiscard]] std::optional<Tensor> column_factors(QuantisedParts& parts, const std::string& weight,
                                                   const std::string& stem, std::int64_t cols);
/// Refuses a weight whose own `original_shape` is another one.
void check_original_shape(QuantisedParts& parts, const std::string& weight, const Shape& shape);

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

// Sizes and parts that a config tells.

struct BlockSize {
  std::int64_t rows = 0;  ///< 0: not in blocks
  std::int64_t cols = 0;
  bool told = false;  ///< by the config, and no default
};
/// The block of columns and rows with one scale; `usual` if the names of the tensors mean blocks.
[[nodiscard]] BlockSize block_size(const QuantisedParts& parts, const std::string& weight,
                                   bool usual);
/// ModelOpt's name for how a weight is quantised, in capitals: that of its layer before that of the
/// model. Empty: none is told.
[[nodiscard]] std::string modelopt_algorithm(const QuantisedParts& parts,
                                             const std::string& weight);
/// The size of groups of ModelOpt's NVFP4, 16 or 32, by config and shapes: of columns or, in stacks
/// that are stored [inputs, outputs] (`down`), of rows.
/// @throws Error that names the weight if neither fits
[[nodiscard]] std::int64_t nvfp4_group(const QuantisedParts& parts, const std::string& weight,
                                       const Tensor& codes, const Tensor& scale,
                                       const CodesLayout& layout, bool down);

/// The sizes of groups of columns that the config tells for weights of so many bits; -1: a row.
[[nodiscard]] std::vector<std::int64_t> told_group_sizes(const QuantisedParts& parts,
                                                         const std::string& weight,
                                                         std::int64_t bits);
/// The columns of a group, of which the last may have fewer: the only one of `told` that gives so
/// many groups or, if nothing is told, what divides the columns evenly.
/// @throws Error that names the weight if there is none, or more than one
[[nodiscard]] std::int64_t columns_of_groups(const QuantisedParts& parts, const std::string& weight,
                                             std::int64_t cols, std::int64_t groups,
                                             const std::vector<std::int64_t>& told);

/// Refuses a part that is missing although the config announces it.
void require_part(const QuantisedParts& parts, bool told, const std::string& part,
                  const std::string& weight, const std::string& because);
/// True if the config says `what` of all weights of so many bits.
[[nodiscard]] bool all_weights_are(bool DeclaredWeights::*what, const QuantisedParts& parts,
                                   std::int64_t bits, bool floats);

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
