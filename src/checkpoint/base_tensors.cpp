#include "base_tensors.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "wishart/checkpoint/experts.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

#include "formats/common/format.hpp"
#include "usual_names.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::array<std::string_view, 4> kEmbeddings{"embed_tokens.weight", "wte.weight",
                                                      "word_embeddings.weight", "embed_in.weight"};

/// Characters of the longest ending of whole words that two names share, or 0 if that tells
/// nothing: it must have the number of a block, or be a head's or an embedding's.
std::size_t common_ending(std::string_view a, std::string_view b) {
  std::size_t count = 0;
  while (count < std::min(a.size(), b.size()) &&
         a[a.size() - count - 1] == b[b.size() - count - 1]) {
    ++count;
  }
  const auto begins_word = [&](std::string_view name) {
    return count == name.size() || name[name.size() - count - 1] == '.';
  };
  while (count > 0 && !(begins_word(a) && begins_word(b))) --count;
  const std::string_view ending = a.substr(a.size() - count);
  bool tells = ending == "lm_head.weight" ||
               std::find(kEmbeddings.begin(), kEmbeddings.end(), ending) != kEmbeddings.end();
  for (std::size_t begin = 0; begin < ending.size();) {
    const std::size_t end = std::min(ending.find('.', begin), ending.size());
    tells = tells || is_number(ending.substr(begin, end - begin));
    begin = end + 1;
  }
  return tells ? count : 0;
}

}  // namespace

Base::Base(Catalogue& catalogue, Catalogue&& base)
    : base_(std::move(base)), other_config_(catalogue.config) {
  const auto shift = narrow<std::int32_t>(catalogue.files.size(), "the number of files");
  for (SourceFile& file : base_.files) {
    file.name = (base_.root / file.name).string();  // absolute: the reader joins it to any root
    catalogue.files.push_back(std::move(file));
  }
  for (Tensor& tensor : base_.tensors) {
    shift_files(tensor, shift);
    by_name_.emplace(tensor.name, &tensor);
    if (const std::string_view experts = experts_of(tensor.name); !experts.empty()) {
      with_singles_.emplace(experts);
    }
    if (reading_of(tensor, base_.config) == StackReading::not_known) {
      unknown_stacks_.emplace(experts_in(tensor), &tensor);
    }
  }
  for (const Tensor& tensor : base_.tensors) {
    for (Tensor& expert : single_experts(tensor, base_.config)) {
      if (by_name_.contains(expert.name)) continue;
      experts_.push_back(std::move(expert));
      by_name_.emplace(experts_.back().name, &experts_.back());
      stacks_.emplace(experts_.back().name, &tensor);
    }
  }
  for (const auto& [dropped, kept] : base_.aliases) {
    if (const auto found = by_name_.find(kept); found != by_name_.end()) {
      by_name_.emplace(dropped, found->second);
    }
  }
}

const Tensor* Base::partner(const Tensor& tensor, std::string& why) const {
  auto found = by_name_.find(tensor.name);
  if (found == by_name_.end() && renaming_) {
    found = by_name_.find(renaming_->of(tensor.name).value_or(tensor.name));
  }
  if (found == by_name_.end()) found = by_name_.find(usual_name(tensor.name, base_.config));
  if (found == by_name_.end()) {
    why = why_no_expert(tensor);
    if (why.empty()) why = "the base has no tensor of this name";
  } else if (found->second->shape != tensor.shape) {
    why = "the base has it with shape " + printable(shape_text(found->second->shape), 100);
  } else if (may_lie_otherwise(tensor, other_config_, *found->second, base_.config)) {
    why = "the base has it as " + storage_text(*found->second) +
          ", perhaps with rows and columns exchanged";
  } else if (!has_weights(*found->second)) {
    why = "the base has it as " + storage_text(*found->second) + ", which is not a weight type";
  } else {
    return found->second;
  }
  return nullptr;
}

std::string Base::why_no_expert(const Tensor& tensor) const {
  const auto stack = unknown_stacks_.find(std::string(experts_of(tensor.name)));
  if (stack != unknown_stacks_.end()) {
    return "in the base, " + why_not_single(*stack->second, base_.config);
  }
  if (reading_of(tensor, other_config_) != StackReading::not_known ||
      !with_singles_.contains(experts_in(tensor))) {
    return {};
  }
  return why_not_single(tensor, other_config_) + ", and the base has a tensor for each expert";
}

std::optional<std::string> Renaming::of(const std::string& name) const {
  if (!name.starts_with(from)) return std::nullopt;
  return to + name.substr(from.size());
}

std::string Base::alike(const Tensor& tensor) const {
  std::string best;
  std::size_t longest = 0;
  for (const Tensor& other : base_.tensors) {
    if (other.shape != tensor.shape) continue;
    const std::size_t common = common_ending(tensor.name, other.name);
    if (common <= longest) continue;
    longest = common;
    best = other.name;
  }
  return best;
}

std::optional<Renaming> Base::renaming(const std::vector<const Tensor*>& wanted) const {
  const auto has = [&](const std::string& name, const Tensor& tensor) {
    const auto found = by_name_.find(name);
    return found != by_name_.end() && found->second->shape == tensor.shape &&
           has_weights(*found->second);
  };
  std::vector<const Tensor*> missing;
  for (const Tensor* tensor : wanted) {
    if (!by_name_.contains(tensor->name)) missing.push_back(tensor);
  }
  if (missing.empty()) return std::nullopt;
  const Tensor& first = *missing.front();
  std::set<std::pair<std::string, std::string>> candidates;
  for (const auto& [name, other] : by_name_) {
    if (other->shape != first.shape) continue;
    const std::size_t common = common_ending(first.name, name);
    if (common == 0) continue;
    candidates.emplace(first.name.substr(0, first.name.size() - common),
                       name.substr(0, name.size() - common));
  }
  std::optional<Renaming> only;
  for (const auto& [from, to] : candidates) {
    Renaming one{from, to};
    const bool serves = std::all_of(missing.begin(), missing.end(), [&](const Tensor* tensor) {
      const std::optional<std::string> name = one.of(tensor->name);
      return name && has(*name, *tensor);
    });
    if (!serves) continue;
    if (only) return std::nullopt;
    only = std::move(one);
  }
  return only;
}

const Tensor* Base::tied_embedding(const Tensor& head) const {
  const auto is_head = [](std::string_view name) {
    return name == "lm_head.weight" || name.ends_with(".lm_head.weight");
  };
  // Configs leave out what is the default of their family.
  if (!is_head(head.name) || !base_.config.tie_word_embeddings.value_or(true)) return nullptr;
  const Tensor* only = nullptr;
  for (const Tensor& tensor : base_.tensors) {
    if (is_head(tensor.name)) return nullptr;
    const bool embedding = std::any_of(kEmbeddings.begin(), kEmbeddings.end(), [&](auto end) {
      return tensor.name == end || tensor.name.ends_with("." + std::string(end));
    });
    if (!embedding || tensor.shape != head.shape || !has_weights(tensor)) continue;
    if (only != nullptr) return nullptr;
    only = &tensor;
  }
  return only;
}

const Tensor* Base::stack_with(const std::string& name) const {
  const auto found = stacks_.find(name);
  return found == stacks_.end() ? nullptr : found->second;
}

std::vector<Tensor> Base::others(const std::unordered_set<std::string>& taken) const {
  std::vector<Tensor> left;
  for (const Tensor& tensor : base_.tensors) {
    if (!taken.contains(tensor.name)) left.push_back(tensor);
  }
  return left;
}

const Tensor* Base::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

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

}  // namespace wishart::checkpoint
