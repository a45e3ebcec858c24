#pragma once

/// @file
/// adapter_config.json of a LoRA adapter.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/lora/module_pattern.hpp"
#include "text/json_facts.hpp"

namespace wishart::checkpoint {

inline constexpr std::string_view kAdapterConfig = "adapter_config.json";

/// The content of adapter_config.json (peft, tuners/lora/config.py).
class AdapterConfig {
public:
  /// Parts of patterns that are compared with characters of names, for all modules: some seconds.
  static constexpr std::int64_t kMaxSteps = 2'000'000'000;

  /// @throws Error with Blame::input, beginning with `place`, if it is not a LoRA adapter or a
  /// variant that is not read, has no rank, or a rank or alpha that is no such number
  AdapterConfig(JsonFacts facts, std::string place, std::int64_t max_steps = kMaxSteps);

  /// s for a module whose A has `rank` rows for each expert: alpha / rank, or alpha / sqrt(rank).
  [[nodiscard]] double scaling(std::string_view module, std::int64_t rank) const;
  [[nodiscard]] std::int64_t rank(std::string_view module) const;
  [[nodiscard]] bool transposed() const { return facts_.is_true("fan_in_fan_out"); }
  /// `target_parameters`: `mlp.experts.gate_up_proj`, ...
  [[nodiscard]] const std::vector<std::string>& parameters() const noexcept { return parameters_; }

  /// Of stacked experts: B is [out][experts][rank], as unsloth has written it, and not
  /// [out][rank][experts].
  /// @throws Error with Blame::input if that is not known
  [[nodiscard]] bool experts_before_rank(const std::string& parameter) const;

private:
  struct Rule {
    std::string pattern;
    std::optional<ModulePattern> parsed;  ///< nothing: not supported, refused when it is reached
    double value = 0;
  };

  /// The rules of `rank_pattern` or `alpha_pattern`.
  [[nodiscard]] std::vector<Rule> rules(const std::string& key, bool positive) const;
  /// The value of the first pattern that matches the module, else `otherwise`.
  [[nodiscard]] double by_pattern(const std::vector<Rule>& rules, std::string_view module,
                                  double otherwise) const;

  JsonFacts facts_;
  std::string place_;
  std::vector<Rule> ranks_;
  std::vector<Rule> alphas_;
  std::vector<std::string> parameters_;
  std::int64_t max_steps_;
  mutable std::int64_t steps_ = 0;
};

}  // namespace wishart::checkpoint
