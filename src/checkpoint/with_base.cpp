#include "with_base.hpp"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "wishart/checkpoint/experts.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "formats/common/format.hpp"

namespace wishart::checkpoint {
namespace {

/// The tensors of a base by name. Its files are added to those of the other checkpoint.
class Base {
public:
  Base(Catalogue& catalogue, Catalogue&& base) : base_(std::move(base)) {
    const auto shift = narrow<std::int32_t>(catalogue.files.size(), "the number of files");
    for (SourceFile& file : base_.files) {
      file.name = (base_.root / file.name).string();  // absolute: the reader joins it to any root
      catalogue.files.push_back(std::move(file));
    }
    for (Tensor& tensor : base_.tensors) {
      shift_files(tensor, shift);
      by_name_.emplace(tensor.name, &tensor);
    }
    for (const Tensor& tensor : base_.tensors) {
      for (Tensor& expert : single_experts(tensor, base_.config)) {
        if (by_name_.contains(expert.name)) continue;
        experts_.push_back(std::move(expert));
        by_name_.emplace(experts_.back().name, &experts_.back());
      }
    }
    for (const auto& [dropped, kept] : base_.aliases) {
      if (const auto found = by_name_.find(kept); found != by_name_.end()) {
        by_name_.emplace(dropped, found->second);
      }
    }
  }
  /// The partner of `tensor`, or nullptr and why there is none.
  const Tensor* partner(const Tensor& tensor, std::string& why) const {
    const auto found = by_name_.find(tensor.name);
    if (found == by_name_.end()) {
      why = "the base has no tensor of this name";
    } else if (found->second->shape != tensor.shape) {
      why = "the base has it with shape " + printable(shape_text(found->second->shape), 100);
    } else if (!has_weights(*found->second)) {
      why = "the base has it as " + storage_text(*found->second) + ", which is not a weight type";
    } else {
      return found->second;
    }
    return nullptr;
  }

  /// The tensors that `taken` does not name.
  [[nodiscard]] std::vector<Tensor> others(const std::unordered_set<std::string>& taken) const {
    std::vector<Tensor> left;
    for (const Tensor& tensor : base_.tensors) {
      if (!taken.contains(tensor.name)) left.push_back(tensor);
    }
    return left;
  }
  [[nodiscard]] const Catalogue& catalogue() const { return base_; }

private:
  Catalogue base_;
  std::deque<Tensor> experts_;  // of stacks; do not move
  std::unordered_map<std::string, const Tensor*> by_name_;
};

Tensor sum_of(const Tensor& first, const Tensor& second, double factor) {
  Tensor sum;
  sum.name = first.name;
  sum.dtype = Dtype::f32;
  sum.shape = first.shape;
  sum.num_elements = first.num_elements;
  sum.encoding = Encoding::sum;
  sum.factor = factor;
  sum.parts = {first, second};
  for (Tensor& part : sum.parts) part.name.clear();
  return sum;
}

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
  const Base base(adapter, std::move(other));
  std::unordered_map<std::string, Tensor> magnitudes;  // by module
  for (const Tensor& tensor : adapter.tensors) {
    const std::size_t at = tensor.name.find(".lora_magnitude_vector");
    if (at != std::string::npos) magnitudes.emplace(tensor.name.substr(0, at), tensor);
  }
  std::unordered_set<std::string> taken;
  for (Tensor& tensor : adapter.tensors) {
    taken.insert(tensor.name);
    if (tensor.encoding != Encoding::product) continue;
    std::string why;
    const Tensor* partner = base.partner(tensor, why);
    if (partner == nullptr) {
      // Without this change the sum would not be the model that is used.
      throw Error(Blame::input, "--with-base: the adapter in " + printable(adapter.root.string()) +
                                    " changes '" + printable(tensor.name) + "' of shape " +
                                    printable(shape_text(tensor.shape), 100) + ", but " + why +
                                    ". Name the model that the adapter was trained on");
    }
    Tensor merged = sum_of(*partner, tensor, 1.0);
    merged.name = tensor.name;
    merged.stored_as = storage_text(*partner) + " + " + storage_text(tensor);
    const std::string module = tensor.name.substr(0, tensor.name.rfind('.'));
    const auto found = magnitudes.find(module);
    if (found != magnitudes.end()) merged = with_magnitudes(std::move(merged), found->second);
    tensor = std::move(merged);
  }
  for (Tensor& tensor : base.others(taken)) adapter.tensors.push_back(std::move(tensor));
  const Catalogue& whole = base.catalogue();
  for (const auto& alias : whole.aliases) {
    if (!taken.contains(alias.first)) adapter.aliases.push_back(alias);
  }
  adapter.left_out.insert(adapter.left_out.end(), whole.left_out.begin(), whole.left_out.end());
  adapter.warnings.insert(adapter.warnings.end(), whole.warnings.begin(), whole.warnings.end());
  if (!whole.config.model_type.empty() || adapter.config.model_type.empty()) {
    adapter.config = whole.config;
  }
}

}  // namespace wishart::checkpoint
