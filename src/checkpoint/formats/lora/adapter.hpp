#pragma once

/// @file
/// PEFT's LoRA adapters: thin factors A and B become the weight change s B A that they represent.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/common/format.hpp"
#include "text/json_facts.hpp"

namespace wishart::checkpoint {

inline constexpr std::string_view kLora = "lora";  ///< the format's name
inline constexpr std::string_view kAdapterConfig = "adapter_config.json";

/// The content of adapter_config.json (peft, tuners/lora/config.py).
class AdapterConfig {
public:
  /// @throws Error with Blame::input, beginning with `place`, if it is not a LoRA adapter or has no
  /// rank
  AdapterConfig(JsonFacts facts, std::string place);

  /// s for a module whose A has `rank` rows for each expert: alpha / rank, or alpha / sqrt(rank).
  [[nodiscard]] double scaling(std::string_view module, std::int64_t rank) const;
  [[nodiscard]] std::int64_t rank(std::string_view module) const;
  [[nodiscard]] bool transposed() const { return facts_.is_true("fan_in_fan_out"); }
  [[nodiscard]] bool has_parameters() const;
  /// `target_parameters`: `mlp.experts.gate_up_proj`, ...
  [[nodiscard]] std::vector<std::string> parameters() const;

private:
  /// The value of the first pattern that matches the module, else `otherwise`.
  [[nodiscard]] double by_pattern(const JsonFacts& patterns, std::string_view module,
                                  double otherwise) const;

  JsonFacts facts_;
  JsonFacts ranks_;
  JsonFacts alphas_;
  std::string place_;
};

/// Replaces the factors by their products, named after the weights that they change, and removes
/// the prefix that PEFT puts before names.
/// @throws Error with Blame::input if factors are missing or their shapes do not agree
void assemble_adapter(Catalogue& catalogue);

/// True if `pattern` of a rank_pattern matches the module's path, or a suffix of it that starts
/// after a dot. Supports literals, `.`, `\d`, `\w`, `\.` and `*`, `+`, `?`, `^`, `$`; nothing if
/// the pattern contains anything else.
[[nodiscard]] std::optional<bool> matches_module(std::string_view pattern, std::string_view module);

/// LoRA adapters of PEFT, in files of safetensors or torch.save.
[[nodiscard]] const Format& lora_format();

}  // namespace wishart::checkpoint
