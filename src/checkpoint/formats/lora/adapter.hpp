#pragma once

/// @file
/// PEFT's LoRA adapters: thin factors A and B become the weight change s B A that they represent.

#include <string>
#include <string_view>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

inline constexpr std::string_view kLora = "lora";  ///< the format's name

/// Replaces the factors by their products, named after the weights that they change, and removes
/// the prefix that PEFT puts before names.
/// @throws Error with Blame::input if factors are missing or their shapes do not agree
void assemble_adapter(Catalogue& catalogue);

/// Ends the name of new rows of an embedding, which are left out.
inline constexpr std::string_view kTokenRows = ".trainable_tokens_delta";
/// The weight whose rows the tensor of this name replaces.
[[nodiscard]] std::string changed_by_rows(const std::string& name);

/// Ends the name of a weight of the base in an adapter: PEFT saves whole embeddings and heads so if
/// they are adapted (5d602fd, utils/save_and_load.py, get_embedding_layer_name). It is left out
/// alone, and the base's weight on a base.
inline constexpr std::string_view kOwnBase = ".base_layer.weight";

/// LoRA adapters of PEFT, in files of safetensors or torch.save.
[[nodiscard]] const Format& lora_format();

}  // namespace wishart::checkpoint
