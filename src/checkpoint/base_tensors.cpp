#include "base_tensors.hpp"

#include "wishart/checkpoint/experts.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

Base::Base(Catalogue& catalogue, Catalogue&& base) : base_(std::move(base)) {
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

const Tensor* Base::partner(const Tensor& tensor, std::string& why) const {
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
