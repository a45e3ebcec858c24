#include "with_base.hpp"

#include <algorithm>
#include <deque>
#include <iterator>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "wishart/checkpoint/experts.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "base_tensors.hpp"
#include "expert_changes.hpp"
#include "formats/lora/adapter.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::string_view kMagnitudes = ".lora_magnitude_vector";

/// DoRA: the outputs of W, rescaled to the lengths given by the adapter: its rows, or the columns
/// of GPT-2's Conv1D and of embeddings (peft 5d602fd, tuners/lora/variants.py, merge_safe).
Tensor with_magnitudes(Tensor weight, const Tensor& magnitudes, bool columns) {
  const std::int64_t outputs = weight.shape[columns ? 1 : 0];
  if (magnitudes.num_elements != outputs || !is_weight_dtype(magnitudes.dtype)) {
    throw Error(Blame::input, "adapter of '" + printable(weight.name) + "': expected " +
                                  std::to_string(outputs) + " magnitudes, found " +
                                  std::to_string(magnitudes.num_elements));
  }
  Tensor result = weight;
  result.encoding = Encoding::rescaled_rows;
  result.factor = 1.0;
  result.numbers.clear();
  if (columns) result.numbers = {1};
  result.stored_as += " with DoRA magnitudes";
  result.parts = {std::move(weight), magnitudes};
  for (Tensor& part : result.parts) part.name.clear();
  return result;
}

/// The base's tensor whose rows the adapter replaces by `rows`.
const Tensor& with_new_rows(const Catalogue& adapter, const Base& base, const Tensor& rows) {
  const std::string name = changed_by_rows(rows.name);
  const Tensor* whole = base.find(name);
  const std::vector<std::int64_t>& shape = rows.shape;
  const bool fits = whole != nullptr && whole->shape.size() == 2 && shape.size() == 2 &&
                    whole->shape[1] == shape[1] && whole->shape[0] >= shape[0];
  if (fits) return *whole;
  throw Error(Blame::input,
              "--with-base: the adapter in " + printable(adapter.root.string()) +
                  " replaces rows of '" + printable(name) + "' by " +
                  printable(shape_text(shape), 100) + " others, but the base has " +
                  (whole == nullptr ? "no tensor of this name"
                                    : "it with shape " + printable(shape_text(whole->shape), 100)) +
                  ". Name the model that the adapter was trained on");
}

/// Embeddings of which the adapter has new rows: they are neither the base's nor, without those,
/// the model's. Returns their names in the base, which are left out and `taken`.
std::unordered_set<std::string> leave_out_new_rows(Catalogue& adapter, const Base& base,
                                                   std::unordered_set<std::string>& taken) {
  std::vector<LeftOut> left_out;
  std::unordered_set<std::string> dropped;
  for (const LeftOut& rows : adapter.left_out) {
    if (!rows.tensor.name.ends_with(kTokenRows)) continue;
    const Tensor& whole = with_new_rows(adapter, base, rows.tensor);
    taken.insert(changed_by_rows(rows.tensor.name));
    const auto add = [&](const Tensor& tensor) {
      if (!dropped.insert(tensor.name).second) return;
      left_out.push_back(
          {tensor, "encoding-not-read",
           "the adapter replaces " + std::to_string(rows.tensor.shape[0]) +
               " of its rows (trainable_token_indices), which is not supported. "
               "Merge the adapter with PEFT (merge_and_unload), and scan the model"});
    };
    add(whole);
    // PEFT gives a tied head the same rows, also where the file holds it a second time.
    if (!base.config().tie_word_embeddings.value_or(false)) continue;
    for (const char* name : {"lm_head.weight", "language_model.lm_head.weight"}) {
      const Tensor* head = base.find(name);
      if (head != nullptr && head->shape == whole.shape) add(*head);
    }
  }
  taken.insert(dropped.begin(), dropped.end());
  std::move(left_out.begin(), left_out.end(), std::back_inserter(adapter.left_out));
  if (dropped.empty()) return dropped;
  std::erase_if(adapter.tensors, [&](const Tensor& tensor) { return taken.contains(tensor.name); });
  return dropped;
}

/// Weights of the base that the adapter holds, by the names of the weights.
using OwnBase = std::unordered_map<std::string, Tensor>;

std::string own_base_weight(const std::string& name) {
  return name.substr(0, name.size() - kOwnBase.size()) + ".weight";
}

/// Takes them out of what was left out.
OwnBase take_own_base(Catalogue& adapter) {
  OwnBase own;
  std::erase_if(adapter.left_out, [&](LeftOut& one) {
    if (!one.tensor.name.ends_with(kOwnBase)) return false;
    own.emplace(own_base_weight(one.tensor.name), std::move(one.tensor));
    return true;
  });
  return own;
}

/// Gives the adapter's tensors the names of the base, where one other beginning of names gives
/// them.
void use_names_of_base(Catalogue& adapter, const Base& base) {
  std::unordered_set<std::string> own;
  for (const LeftOut& one : adapter.left_out) {
    if (one.tensor.name.ends_with(kOwnBase)) own.insert(own_base_weight(one.tensor.name));
  }
  std::vector<const Tensor*> changed;
  for (const Tensor& tensor : adapter.tensors) {
    const bool whole = tensor.encoding == Encoding::product && !tensor.name.ends_with(']');
    if (!whole || own.contains(tensor.name) || base.tied_embedding(tensor) != nullptr) continue;
    changed.push_back(&tensor);
  }
  const std::optional<Renaming> renaming = base.renaming(changed);
  if (!renaming) return;
  const auto first = std::find_if(changed.begin(), changed.end(), [&](const Tensor* tensor) {
    return base.find(tensor->name) == nullptr;
  });
  adapter.warnings.push_back("--with-base: " + printable(adapter.root.string()) +
                             " and the base name modules differently: '" +
                             printable((*first)->name) + "' is taken for '" +
                             printable(*renaming->of((*first)->name)) + "', and others likewise");
  const auto rename = [&](std::string& name, const std::string& weight) {
    const std::optional<std::string> other = renaming->of(weight);
    if (base.find(weight) != nullptr || !other || base.find(*other) == nullptr) return;
    name = *renaming->of(name);
  };
  for (Tensor& tensor : adapter.tensors) {
    const std::size_t at = tensor.name.find(kMagnitudes);
    rename(tensor.name,
           at == std::string::npos ? tensor.name : tensor.name.substr(0, at) + ".weight");
  }
  for (LeftOut& one : adapter.left_out) {
    std::string& name = one.tensor.name;
    if (name.ends_with(kOwnBase)) {
      rename(name, own_base_weight(name));
    } else if (name.ends_with(kTokenRows)) {
      rename(name, changed_by_rows(name));
    }
  }
}

/// What a product changes: the weight that the adapter holds itself, or that of the base.
const Tensor& weight_of(const Tensor& change, const Base& base, const OwnBase& own,
                        Catalogue& adapter) {
  const std::string place = printable(adapter.root.string());
  std::string why;
  if (const auto found = own.find(change.name); found != own.end()) {
    if (found->second.shape == change.shape && has_weights(found->second)) return found->second;
    why =
        "it holds the base's weight with shape " + printable(shape_text(found->second.shape), 100);
  } else if (const Tensor* partner = base.partner(change, why); partner != nullptr) {
    return *partner;
  } else if (const Tensor* tied = base.tied_embedding(change); tied != nullptr) {
    adapter.warnings.push_back("--with-base: '" + printable(change.name) + "', which " + place +
                               " changes, is tied to '" + printable(tied->name) +
                               "' in the base: the change is added to a copy of that");
    return *tied;
  }
  const std::string alike = base.find(change.name) == nullptr ? base.alike(change) : "";
  if (!alike.empty() && !own.contains(change.name)) {
    why += ", only '" + printable(alike) + "' of this shape";
  }
  // Without this change the sum would not be the model that is used.
  const bool of_expert = change.name.ends_with(']');
  throw Error(Blame::input, "--with-base: the adapter in " + place + " changes '" +
                                printable(change.name) + "' of shape " +
                                printable(shape_text(change.shape), 100) + ", but " + why +
                                ". Name the model that the adapter was trained on" +
                                (of_expert ? std::string(kOrCorrectRank) : std::string()));
}

/// Adds the other experts of stacks of which the adapter changes single ones.
void add_other_experts(Catalogue& adapter, const Base& base,
                       std::unordered_set<std::string>& taken) {
  std::vector<Tensor> others;
  for (const Tensor& tensor : adapter.tensors) {
    const Tensor* stack = base.stack_with(tensor.name);
    if (stack == nullptr || !taken.insert(stack->name).second) continue;
    for (Tensor& single : single_experts(*stack, base.config())) {
      if (!taken.contains(single.name)) others.push_back(std::move(single));
    }
  }
  std::move(others.begin(), others.end(), std::back_inserter(adapter.tensors));
}

/// What the adapter does not change.
void add_rest(Catalogue& adapter, const Base& base, const std::unordered_set<std::string>& taken,
              const std::unordered_set<std::string>& dropped) {
  for (Tensor& tensor : base.others(taken)) adapter.tensors.push_back(std::move(tensor));
  const Catalogue& whole = base.catalogue();
  for (const auto& alias : whole.aliases) {
    if (taken.contains(alias.first) || dropped.contains(alias.second)) continue;
    adapter.aliases.push_back(alias);
  }
  adapter.left_out.insert(adapter.left_out.end(), whole.left_out.begin(), whole.left_out.end());
  adapter.warnings.insert(adapter.warnings.end(), whole.warnings.begin(), whole.warnings.end());
  if (!whole.config.model_type.empty() || adapter.config.model_type.empty()) {
    adapter.config = whole.config;
  }
}

bool is_matrix(const Tensor& tensor) {
  return has_weights(tensor) && tensor.shape.size() >= 2 && tensor.num_elements > 0;
}

/// Where no weight has a partner of its own name.
void use_other_names(Base& base, Catalogue& catalogue) {
  std::vector<const Tensor*> weights;
  std::deque<Tensor> experts;  // do not move
  for (const Tensor& tensor : catalogue.tensors) {
    if (!is_matrix(tensor)) continue;
    if (base.find(tensor.name) != nullptr) return;
    std::vector<Tensor> singles = single_experts(tensor, catalogue.config);
    if (singles.empty()) weights.push_back(&tensor);
    if (!singles.empty() && base.find(singles.front().name) != nullptr) return;
    for (Tensor& single : singles) weights.push_back(&experts.emplace_back(std::move(single)));
  }
  std::optional<Renaming> renaming = base.renaming(weights);
  if (!renaming) return;
  const std::string& first = weights.front()->name;
  catalogue.warnings.push_back("--base: " + printable(catalogue.root.string()) +
                               " and the base name weights differently: '" + printable(first) +
                               "' is taken for '" + printable(*renaming->of(first)) +
                               "', and others likewise");
  base.rename(std::move(*renaming));
}

}  // namespace

void subtract_base(Catalogue& catalogue, Catalogue&& other) {
  Base base(catalogue, std::move(other));
  use_other_names(base, catalogue);
  std::vector<Tensor> kept;
  std::size_t matched = 0;
  const auto subtract = [&](Tensor& tensor) {
    std::string why;
    const Tensor* partner = base.partner(tensor, why);
    if (partner == nullptr) {
      catalogue.left_out.push_back({std::move(tensor), "no-base", why});
      return;
    }
    Tensor difference = sum_of(tensor, *partner, -1.0);
    difference.stored_as = storage_text(tensor) + " - " + storage_text(*partner);
    kept.push_back(std::move(difference));
    ++matched;
  };
  for (Tensor& tensor : catalogue.tensors) {
    if (!is_matrix(tensor)) {
      kept.push_back(std::move(tensor));
      continue;
    }
    // A stack of experts, of which the base has one tensor each.
    std::string why;
    std::vector<Tensor> experts;
    if (base.partner(tensor, why) == nullptr) experts = single_experts(tensor, catalogue.config);
    if (experts.empty() || base.partner(experts.front(), why) == nullptr) {
      subtract(tensor);
    } else {
      for (Tensor& expert : experts) subtract(expert);
    }
  }
  if (matched == 0) {
    std::string hint;
    for (const LeftOut& one : catalogue.left_out) {
      const std::string alike = one.reason == "no-base" ? base.alike(one.tensor) : "";
      if (alike.empty()) continue;
      hint = ". Names differ: '" + printable(one.tensor.name) + "' here, '" + printable(alike) +
             "' in the base";
      break;
    }
    throw Error(Blame::input,
                printable(catalogue.root.string()) +
                    ": expected weights with the same names and shapes as in the base, "
                    "found none" +
                    hint);
  }
  catalogue.tensors = std::move(kept);
}

void add_to_base(Catalogue& adapter, Catalogue&& other) {
  if (!is_whole(other.analysis)) {
    throw Error(Blame::usage, "--with-base: " + printable(other.root.string()) +
                                  " is an adapter. Expected the model that " +
                                  printable(adapter.root.string()) + " was trained on");
  }
  if (!adapter.no_base.empty()) {
    throw Error(Blame::input, "--with-base: the adapter in " + printable(adapter.root.string()) +
                                  " " + adapter.no_base);
  }
  const Base base(adapter, std::move(other));
  use_names_of_base(adapter, base);
  const OwnBase own = take_own_base(adapter);
  std::unordered_map<std::string, Tensor> magnitudes;  // by module
  for (const Tensor& tensor : adapter.tensors) {
    const std::size_t at = tensor.name.find(kMagnitudes);
    if (at != std::string::npos) magnitudes.emplace(tensor.name.substr(0, at), tensor);
  }
  std::unordered_set<std::string> taken;
  const std::unordered_set<std::string> dropped = leave_out_new_rows(adapter, base, taken);
  add_expert_changes(adapter, base, taken);
  for (Tensor& tensor : adapter.tensors) {
    taken.insert(tensor.name);
    if (tensor.encoding != Encoding::product) continue;
    const Tensor& weight = weight_of(tensor, base, own, adapter);
    Tensor merged = sum_of(weight, tensor, 1.0);
    merged.name = tensor.name;
    merged.stored_as = storage_text(weight) + " + " + storage_text(tensor);
    const std::string module = tensor.name.substr(0, tensor.name.rfind('.'));
    const auto found = magnitudes.find(module);
    if (found != magnitudes.end()) {
      const bool columns = !tensor.numbers.empty();
      merged = with_magnitudes(std::move(merged), found->second, columns);
    }
    tensor = std::move(merged);
  }
  add_other_experts(adapter, base, taken);
  add_rest(adapter, base, taken, dropped);
}

}  // namespace wishart::checkpoint
