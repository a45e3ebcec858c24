#pragma once

/// @file
/// The tensors of a base by name, for what is combined with them.

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

/// Modules and files may name the same weights differently: transformers 4.52 renamed the modules
/// of Gemma 3 and Qwen2.5-VL (`_checkpoint_conversion_mapping`), and GPT-2 is stored with
/// `transformer.` before its names and without.
struct Renaming {
  std::string from;  ///< that names begin with
  std::string to;

  /// The other name, if this one begins so.
  [[nodiscard]] std::optional<std::string> of(const std::string& name) const;
};

/// The tensors of a base by name, and the weights of single experts in its stacks. Its files are
/// added to those of the other checkpoint.
class Base {
public:
  Base(Catalogue& catalogue, Catalogue&& base);

  /// The partner of `tensor`, or nullptr and why there is none.
  [[nodiscard]] const Tensor* partner(const Tensor& tensor, std::string& why) const;
  /// The tensors that `taken` does not name.
  [[nodiscard]] std::vector<Tensor> others(const std::unordered_set<std::string>& taken) const;
  /// The only beginning of names that, replaced by another, gives all of `wanted` that have no
  /// partner one of the same shape. Nothing: there is none, or more than one, or all have one.
  [[nodiscard]] std::optional<Renaming> renaming(const std::vector<const Tensor*>& wanted) const;
  /// From now on a tensor without a partner has that of its other name.
  void rename(Renaming renaming) { renaming_ = std::move(renaming); }
  /// The name of the tensor of this shape whose name ends most like this one's; empty: none does.
  /// Looks at all tensors.
  [[nodiscard]] std::string alike(const Tensor& tensor) const;
  /// The embedding, where a head of this name and shape is tied to it and not stored.
  [[nodiscard]] const Tensor* tied_embedding(const Tensor& head) const;
  /// The stack that has the single expert of this name; nullptr: there is none.
  [[nodiscard]] const Tensor* stack_with(const std::string& name) const;
  [[nodiscard]] const Catalogue& catalogue() const { return base_; }
  [[nodiscard]] const ModelConfig& config() const { return base_.config; }
  /// nullptr if there is none.
  [[nodiscard]] const Tensor* find(const std::string& name) const;

private:
  /// Why there is no partner, if one of the two stacks the experts that the other has one by one.
  [[nodiscard]] std::string why_no_expert(const Tensor& tensor) const;

  Catalogue base_;
  std::deque<Tensor> experts_;  // of stacks; do not move
  std::unordered_map<std::string, const Tensor*> by_name_;
  std::unordered_map<std::string, const Tensor*> stacks_;  ///< by single expert
  /// Stacks in an order that is not known, by the beginning of the names of their single experts.
  std::unordered_map<std::string, const Tensor*> unknown_stacks_;
  std::unordered_set<std::string> with_singles_;  ///< such beginnings, of single experts
  std::optional<Renaming> renaming_;
  ModelConfig other_config_;  ///< of the other checkpoint
};

/// first + factor second, under the name of the first.
[[nodiscard]] Tensor sum_of(const Tensor& first, const Tensor& second, double factor);

}  // namespace wishart::checkpoint
