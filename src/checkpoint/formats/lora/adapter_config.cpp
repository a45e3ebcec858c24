#include "formats/lora/adapter_config.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "formats/lora/variants.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {

AdapterConfig::AdapterConfig(JsonFacts facts, std::string place, std::int64_t max_steps)
    : facts_(std::move(facts)), place_(std::move(place)), max_steps_(max_steps) {
  const std::string kind = facts_.text("peft_type").value_or("LORA");
  if (kind != "LORA") {
    throw Error(Blame::input, place_ + ": expected peft_type LORA, found " + in_quotes(kind, 40) +
                                  ", which is not supported");
  }
  check_variant(facts_, place_);
  const auto refuse = [&](const std::string& what) {
    throw Error(Blame::input, place_ + ": expected " + what);
  };
  const std::optional<std::string> rank = facts_.text("r");
  if (!rank || !facts_.text("lora_alpha")) refuse("r and lora_alpha, found none");
  if (facts_.integer("r").value_or(0) < 1) refuse("r of 1 or more, found " + in_quotes(*rank, 40));
  const std::optional<double> alpha = facts_.real("lora_alpha");
  if (!alpha || !std::isfinite(*alpha)) {
    refuse((alpha ? "a finite number lora_alpha, found " : "a number lora_alpha, found ") +
           in_quotes(*facts_.text("lora_alpha"), 40));
  }
  ranks_ = rules("rank_pattern", true);
  alphas_ = rules("alpha_pattern", false);
  while (auto name = facts_.text("target_parameters." + std::to_string(parameters_.size()))) {
    parameters_.push_back(std::move(*name));
  }
}

std::vector<AdapterConfig::Rule> AdapterConfig::rules(const std::string& key, bool positive) const {
  // The general r or lora_alpha in its place would give wrong numbers in silence.
  const auto refuse = [&](const std::string& pattern, const std::string& found) {
    throw Error(Blame::input,
                place_ + ": pattern " + in_quotes(pattern, 100) + " of " + key + ": expected a " +
                    (positive ? "rank of 1 or more" : "finite number") + ", found " + found);
  };
  if (const std::optional<std::string> text = facts_.text(key)) {
    throw Error(Blame::input,
                place_ + ": expected patterns as " + key + ", found " + in_quotes(*text, 40));
  }
  const JsonFacts patterns = facts_.below(key);
  if (!patterns.without_value().empty()) {
    refuse(patterns.without_value().front(), "no value");
  }
  std::vector<Rule> result;
  for (const auto& [pattern, text] : patterns.all()) {
    const std::optional<double> value = patterns.real(pattern);
    if (!value || !std::isfinite(*value) || (positive && *value < 1)) {
      refuse(pattern, in_quotes(*patterns.text(pattern), 40));
    }
    result.push_back({pattern, ModulePattern::parsed(pattern), *value});
  }
  return result;
}

double AdapterConfig::by_pattern(const std::vector<Rule>& rules, std::string_view module,
                                 double otherwise) const {
  for (const Rule& rule : rules) {
    if (!rule.parsed) {
      throw Error(
          Blame::input,
          place_ + ": pattern " + in_quotes(rule.pattern, 100) +
              " is not supported: expected only names, dots, \\d, \\w, [], |, (), *, + and ?");
    }
    const bool found = rule.parsed->matches(module, steps_);
    if (steps_ > max_steps_) {
      throw Error(Blame::input, place_ + ": pattern " + in_quotes(rule.pattern, 100) +
                                    ": expected patterns and names of modules that are compared in "
                                    "at most " +
                                    std::to_string(max_steps_) + " steps, found more");
    }
    if (found) return rule.value;
  }
  return otherwise;
}

std::int64_t AdapterConfig::rank(std::string_view module) const {
  const auto general = static_cast<double>(facts_.integer("r").value_or(1));
  return std::max<std::int64_t>(1,
                                std::llround(std::min(by_pattern(ranks_, module, general), 1e9)));
}

double AdapterConfig::scaling(std::string_view module, std::int64_t rank) const {
  const double alpha = by_pattern(alphas_, module, facts_.real("lora_alpha").value_or(0.0));
  const auto r = static_cast<double>(rank);
  return alpha / (facts_.is_true("use_rslora") ? std::sqrt(r) : r);
}

bool AdapterConfig::experts_before_rank(const std::string& parameter) const {
  constexpr const char* kKey = "lora_B_layout";
  constexpr const char* kUnsloth = "unsloth_fused_expert_lora";
  constexpr std::string_view kGrouped = "grouped_by_expert";
  constexpr std::string_view kRankMajor = "rank_major";
  const auto fail = [&](const std::string& what) {
    throw Error(Blame::input, place_ + ": adapter of " + in_quotes(parameter) + ": " + what);
  };
  const std::string leaf = parameter.substr(parameter.rfind('.') + 1);
  const auto own = facts_.text(std::string(kUnsloth) + ".parameters." + leaf + "." + kKey);
  const auto general = facts_.text(kKey);
  for (const auto& told : {own, general}) {
    if (!told || *told == kGrouped || *told == kRankMajor) continue;
    fail(std::string("expected ") + kKey + " grouped_by_expert or rank_major, found " +
         in_quotes(*told, 40));
  }
  if (own && general && *own != *general) {
    fail(std::string("expected one ") + kKey + ", found " + in_quotes(*own) + " and " +
         in_quotes(*general));
  }
  if (own || general) return *(own ? own : general) == kGrouped;
  // unsloth-zoo ce232d6 (hf_utils.py, fix_lora_auto_mapping) marks what it trains; what it had
  // before the key is in the order of PEFT for some models, and not for others.
  if (facts_.is_true("auto_mapping.unsloth_fixed") || !facts_.below(kUnsloth).empty()) {
    fail(std::string("unsloth trained it, which has packed lora_B of experts in two orders, and "
                     "does not say in which. Add \"") +
         kKey + "\": \"grouped_by_expert\" (before 2026-09-17) or \"rank_major\" to " +
         std::string(kAdapterConfig));
  }
  return false;
}

}  // namespace wishart::checkpoint
