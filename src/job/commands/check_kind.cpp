#include "commands/check_kind.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "wishart/checkpoint/experts.hpp"
#include "wishart/checkpoint/reasons.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "commands/builtin_rules.hpp"
#include "commands/gate_rules.hpp"

namespace wishart::job {
namespace {

constexpr std::int64_t kFewBits = 8;

bool is_weight(const Tensor& tensor) { return has_weights(tensor) && tensor.shape.size() >= 2; }

bool holds_few_bits(const checkpoint::Catalogue& catalogue) {
  return std::any_of(catalogue.tensors.begin(), catalogue.tensors.end(), has_few_bits) ||
         std::any_of(catalogue.left_out.begin(), catalogue.left_out.end(),
                     [](const checkpoint::LeftOut& out) {
                       return out.reason == checkpoint::kQuantisedNotRead;
                     });
}

/// True if most of the weights of few bits that both have are stored in another way than in the
/// base: a fine-tuned FP8 model is FP8 as a rule, its copy in 4 bits is not.
bool is_stored_otherwise(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base) {
  std::unordered_map<std::string, std::string> stored;
  for (const Tensor& tensor : base.tensors) {
    if (is_weight(tensor)) stored.emplace(tensor.name, storage_text(tensor));
  }
  std::int64_t otherwise = 0;
  std::int64_t alike = 0;
  for (const Tensor& tensor : tuned.tensors) {
    if (!has_few_bits(tensor)) continue;
    const auto found = stored.find(tensor.name);
    if (found != stored.end()) ++(found->second == storage_text(tensor) ? alike : otherwise);
  }
  return otherwise > alike;
}

bool is_taken_apart(const Tensor& tensor, const ModelConfig& config) {
  const checkpoint::StackReading reading = checkpoint::reading_of(tensor, config);
  return reading == checkpoint::StackReading::known ||
         reading == checkpoint::StackReading::by_convention;
}

/// Refuses stacks of experts of one that is not known how to take apart, if the other has a tensor
/// for each expert, or stores them in another way: their layers would be called missing, or rows
/// would be held against columns.
void check_experts(const checkpoint::Catalogue& one, const checkpoint::Catalogue& other) {
  std::unordered_set<std::string> singles;
  std::unordered_map<std::string, const Tensor*> named;
  for (const Tensor& tensor : other.tensors) {
    named.emplace(tensor.name, &tensor);
    const std::string_view experts = checkpoint::experts_of(tensor.name);
    if (!experts.empty()) singles.emplace(experts);
  }
  for (const Tensor& tensor : one.tensors) {
    if (checkpoint::reading_of(tensor, one.config) != checkpoint::StackReading::not_known) continue;
    const auto same = named.find(tensor.name);
    const bool otherwise =
        same != named.end() &&
        (is_taken_apart(*same->second, other.config) ||
         checkpoint::may_lie_otherwise(tensor, one.config, *same->second, other.config));
    if (!otherwise && !singles.contains(checkpoint::experts_in(tensor))) continue;
    throw Error(Blame::input,
                printable(one.root.string()) + ": " +
                    checkpoint::why_not_single(tensor, one.config) + ", and " +
                    printable(other.root.string()) +
                    (otherwise ? " stores them in another way. Save both in one way"
                               : " has a tensor for each expert. Save both in one of these forms"));
  }
}

/// True if one weight of `tuned` has the name and shape of one of `base`. `singles`: of one of the
/// experts in their stacks.
bool share_weights(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base,
                   bool singles) {
  const auto weights_of = [&](const checkpoint::Catalogue& catalogue) {
    std::unordered_map<std::string, std::vector<std::int64_t>> weights;
    for (const Tensor& tensor : catalogue.tensors) {
      if (!is_weight(tensor)) continue;
      weights.emplace(tensor.name, tensor.shape);
      if (!singles) continue;
      for (const Tensor& one : checkpoint::single_experts(tensor, catalogue.config)) {
        weights.emplace(one.name, one.shape);
      }
    }
    return weights;
  };
  const auto of_base = weights_of(base);
  const auto of_tuned = weights_of(tuned);
  return std::any_of(of_tuned.begin(), of_tuned.end(), [&](const auto& weight) {
    const auto found = of_base.find(weight.first);
    return found != of_base.end() && found->second == weight.second;
  });
}

}  // namespace

bool has_few_bits(const Tensor& tensor) {
  if (!is_weight(tensor)) return false;
  switch (tensor.encoding) {
    case Encoding::codes:
    case Encoding::bnb4:
    case Encoding::gguf:
    case Encoding::affine:
      return true;
    case Encoding::plain:
      return dtype_bits(tensor.dtype) <= kFewBits;
    case Encoding::product:
    case Encoding::sum:
    case Encoding::rescaled_rows:
    case Encoding::varint:
      return false;
    case Encoding::rows:
    case Encoding::view:
      return std::any_of(tensor.parts.begin(), tensor.parts.end(), has_few_bits);
  }
  return false;
}

CheckKind kind_of(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base) {
  if (!is_whole(tuned.analysis)) return CheckKind::lora;
  if (!holds_few_bits(tuned)) return CheckKind::full;
  const bool quantised = !holds_few_bits(base) || is_stored_otherwise(tuned, base);
  return quantised ? CheckKind::quantised : CheckKind::full;
}

const char* word_of(CheckKind kind) {
  switch (kind) {
    case CheckKind::lora:
      return "lora";
    case CheckKind::quantised:
      return "quantised";
    case CheckKind::automatic:
    case CheckKind::full:
      break;
  }
  return "full";
}

const char* what_is(CheckKind kind) {
  switch (kind) {
    case CheckKind::lora:
      return "adapter";
    case CheckKind::quantised:
      return "quantised model";
    case CheckKind::automatic:
    case CheckKind::full:
      break;
  }
  return "fine-tuned model";
}

void check_is_base(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base) {
  const std::string name = printable(base.root.string());
  if (!is_whole(base.analysis)) {
    throw Error(Blame::usage, "--base: " + name + " is an adapter. Expected a whole model");
  }
  check_experts(tuned, base);
  check_experts(base, tuned);
  if (share_weights(tuned, base, false) || share_weights(tuned, base, true)) return;
  for (const checkpoint::Catalogue* one : {&tuned, &base}) {
    const bool any = std::any_of(one->tensors.begin(), one->tensors.end(), is_weight);
    if (any || one->left_out.empty()) continue;
    const checkpoint::LeftOut& first = one->left_out.front();
    throw Error(Blame::input, "--base: all weights of " + printable(one->root.string()) +
                                  " were left out, first " + "'" + printable(first.tensor.name) +
                                  "': " + printable(first.detail, 500));
  }
  throw Error(Blame::input, "--base: " + printable(tuned.root.string()) + " and " + name +
                                " have no weight of the same name and shape. Name the model that "
                                "the first was made from");
}

std::vector<analysis::Rule> rules_of(CheckKind kind) {
  switch (kind) {
    case CheckKind::full:
      return parse_rules(std::string(finetune_rules()), "gate-finetune.cfg");
    case CheckKind::lora:
      return parse_rules(std::string(lora_rules()), "gate-lora.cfg");
    case CheckKind::quantised:
      return parse_rules(std::string(compression_rules()), "gate-compression.cfg");
    case CheckKind::automatic:
      break;
  }
  throw Error(Blame::bug, "the kind of a check was not decided");
}

}  // namespace wishart::job
