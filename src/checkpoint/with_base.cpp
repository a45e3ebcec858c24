#include "with_base.hpp"

#include <iterator>
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

/// DoRA: the rows of W, rescaled to the lengths given by the adapter.
Tensor with_magnitudes(Tensor weight, const Tensor& magnitudes) {
  if (magnitudes.num_elements != weight.shape[0] || !is_weight_dtype(magnitudes.dtype)) {
    throw Error(Blame::input, "adapter of '" + printable(weight.name) + "': expected " +
                                  std::to_string(weight.shape[0]) + " magnitudes, found " +
                                  std::to_string(magnitudes.num_elements));
  }
  Tensor result = weight;
  result.encoding = Encoding::rescaled_rows;
  result.factor = 1.0;
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

}  // namespace

void subtract_base(Catalogue& catalogue, Catalogue&& other) {
  const Base base(catalogue, std::move(other));
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
    if (!has_weights(tensor) || tensor.shape.size() < 2 || tensor.num_elements == 0) {
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
    throw Error(Blame::input,
                printable(catalogue.root.string()) +
                    ": expected weights with the same names and shapes as in the base, "
                    "found none");
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
  std::unordered_map<std::string, Tensor> magnitudes;  // by module
  for (const Tensor& tensor : adapter.tensors) {
    const std::size_t at = tensor.name.find(".lora_magnitude_vector");
    if (at != std::string::npos) magnitudes.emplace(tensor.name.substr(0, at), tensor);
  }
  std::unordered_set<std::string> taken;
  const std::unordered_set<std::string> dropped = leave_out_new_rows(adapter, base, taken);
  add_expert_changes(adapter, base, taken);
  for (Tensor& tensor : adapter.tensors) {
    taken.insert(tensor.name);
    if (tensor.encoding != Encoding::product) continue;
    std::string why;
    const Tensor* partner = base.partner(tensor, why);
    if (partner == nullptr) {
      // Without this change the sum would not be the model that is used.
      const bool of_expert = tensor.name.ends_with(']');
      throw Error(Blame::input, "--with-base: the adapter in " + printable(adapter.root.string()) +
                                    " changes '" + printable(tensor.name) + "' of shape " +
                                    printable(shape_text(tensor.shape), 100) + ", but " + why +
                                    ". Name the model that the adapter was trained on" +
                                    (of_expert ? std::string(kOrCorrectRank) : std::string()));
    }
    Tensor merged = sum_of(*partner, tensor, 1.0);
    merged.name = tensor.name;
    merged.stored_as = storage_text(*partner) + " + " + storage_text(tensor);
    const std::string module = tensor.name.substr(0, tensor.name.rfind('.'));
    const auto found = magnitudes.find(module);
    if (found != magnitudes.end()) merged = with_magnitudes(std::move(merged), found->second);
    tensor = std::move(merged);
  }
  add_rest(adapter, base, taken, dropped);
}

}  // namespace wishart::checkpoint
