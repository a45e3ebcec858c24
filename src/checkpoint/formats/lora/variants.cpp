#include "formats/lora/variants.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

#include "text/json_scanner.hpp"

// Source: huggingface/peft 5d602fd, tuners/lora/layer.py (update_layer and what it calls),
// tuners/lora/config.py, tuners/lora/variants.py.

namespace wishart::checkpoint {
namespace {

/// Initialisations that leave the base as it is.
constexpr std::array<std::string_view, 6> kKeepBase{"true", "false",      "gaussian",
                                                    "eva",  "orthogonal", "mica"};
/// Those that take s B A out of the base, and that PEFT converts.
constexpr std::array<std::string_view, 4> kConverted{"pissa", "corda", "olora", "lora_ga"};

constexpr std::string_view kKeptBase =
    "set it to true if the changed weights were saved and are the base that you use";

/// True if the key has a value other than null, false, {} and [].
bool is_set(const JsonFacts& config, const std::string& key) {
  if (const std::optional<std::string> text = config.text(key)) return *text != "false";
  const std::string stem = key + ".";
  const auto is_below = [&](std::string_view path) { return path.starts_with(stem); };
  const auto& values = config.all();
  const auto& others = config.without_value();
  return std::any_of(values.begin(), values.end(),
                     [&](const auto& value) { return is_below(value.first); }) ||
         std::any_of(others.begin(), others.end(), is_below);
}

void check_initialisation(const JsonFacts& config, const std::string& place) {
  const std::optional<std::string> given = config.text("init_lora_weights");
  if (!given) return;
  const std::string name = lower(*given);
  if (std::find(kKeepBase.begin(), kKeepBase.end(), name) != kKeepBase.end()) return;
  const std::string found = in_quotes(*given, 40);
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    throw Error(Blame::input, place + ": expected " + what + ". " + remedy);
  };
  const std::string changed =
      "factors that change the weights of the base, found init_lora_weights " + found +
      ", which changed those weights before training";
  const std::string kept(kKeptBase);
  const bool converted =
      std::any_of(kConverted.begin(), kConverted.end(),
                  [&](std::string_view method) { return name.starts_with(method); });
  if (converted) {
    refuse(changed,
           "Convert the adapter: save_pretrained of PEFT with "
           "path_initial_model_for_weight_conversion. Or " +
               kept);
  }
  if (name == "loftq") refuse(changed, "S" + kept.substr(1));
  refuse(
      "init_lora_weights true, false, gaussian, eva, orthogonal or mica, which leave the weights "
      "of the base as they are, found " +
          found,
      "If it leaves them too, set it to true");
}

}  // namespace

void check_variant(const JsonFacts& config, const std::string& place) {
  check_initialisation(config, place);
  struct Variant {
    std::string_view key;
    std::string_view what;
    bool merges;  ///< PEFT can
  };
  constexpr std::array<Variant, 4> kVariants{
      {{"use_bdlora", "factors that are blocks on a diagonal (BD-LoRA)", true},
       {"use_qalora", "factors for sums of groups of inputs (QA-LoRA)", false},
       {"kasa_config", "a base that lacks its smallest singular values (KaSA)", true},
       {"arrow_config", "a router of other adapters (Arrow)", false}}};
  for (const Variant& variant : kVariants) {
    if (!is_set(config, std::string(variant.key))) continue;
    throw Error(Blame::input, place + ": expected factors of whole matrices, found " +
                                  std::string(variant.key) + ": " + std::string(variant.what) +
                                  ", which is not supported" +
                                  (variant.merges ? ". Merge it with PEFT (merge_and_unload), and "
                                                    "scan the model"
                                                  : ""));
  }
}

std::string why_not_added(const JsonFacts& config) {
  if (!is_set(config, "layer_replication")) return "";
  return "repeats layers of its base (layer_replication), so its layers have other numbers. Scan "
         "it without a base";
}

AdapterPart adapter_part(std::string_view name) {
  constexpr std::string_view kMark = ".lora_";
  const std::size_t at = name.rfind(kMark);
  if (at == std::string_view::npos) return AdapterPart::none;
  const std::string_view rest = name.substr(at + kMark.size());
  const std::string_view part = rest.substr(0, rest.find('.'));
  if ((part == "A" || part == "B") && rest.ends_with(".bias")) return AdapterPart::bias;
  if (part == "magnitude_vector") return AdapterPart::magnitude;
  // VeLoRA's state of the backward pass, MonteCLoRA's sampler: merging leaves both out.
  if (part == "velora_embed" || part == "monteclora_sampler") return AdapterPart::training;
  return AdapterPart::unknown;
}

}  // namespace wishart::checkpoint
