#pragma once

/// @file
/// The tensors of a base by name, for what is combined with them.

#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

/// The tensors of a base by name, and the weights of single experts in its stacks. Its files are
/// added to those of the other checkpoint.
class Base {
public:
  Base(Catalogue& catalogue, Catalogue&& base);

  /// The partner of `tensor`, or nullptr and why there is none.
  [[nodiscard]] const Tensor* partner(const Tensor& tensor, std::string& why) const;
  /// The tensors that `taken` does not name.
  [[nodiscard]] std::vector<Tensor> others(const std::unordered_set<std::string>& taken) const;
  [[nodiscard]] const Catalogue& catalogue() const { return base_; }
  [[nodiscard]] const ModelConfig& config() const { return base_.config; }
  /// nullptr if there is none.
  [[nodiscard]] const Tensor* find(const std::string& name) const;

private:
  Catalogue base_;
  std::deque<Tensor> experts_;  // of stacks; do not move
  std::unordered_map<std::string, const Tensor*> by_name_;
};

/// first + factor second, under the name of the first.
[[nodiscard]] Tensor sum_of(const Tensor& first, const Tensor& second, double factor);

}  // namespace wishart::checkpoint
