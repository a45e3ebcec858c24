#pragma once

/// @file
/// Internal: what a tensor is, judged by the other tensors of its checkpoint.

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/model/naming.hpp"

namespace wishart::model {

/// What the rules of names read. Arrays of NumPy and Flax may join the words of their names by `/`
/// or `-` (MaxText, checkpoint_conversion/utils/utils.py); they become dots.
[[nodiscard]] std::string dotted_name(const Tensor& tensor, std::string_view format);

/// Megatron-Core: `decoder.layers.mlp.linear_fc1.weight`, the first axis is the layer. A word
/// `layers` that no number follows. In files of Keras it stands before the names of layers.
[[nodiscard]] bool stacks_blocks(const Tensor& tensor, const Naming& naming,
                                 std::string_view format);

/// Looks at all tensors once, when it is first asked.
class Siblings {
public:
  explicit Siblings(const checkpoint::Catalogue& catalogue) : catalogue_(catalogue) {}

  /// An embedding or head that a module for multi-token prediction stores again: DeepSeek's, which
  /// is numbered after the last block, and those that their names tell. The model itself has a
  /// matrix of this shape.
  [[nodiscard]] bool is_second_copy(const Tensor& tensor, const Naming& naming);
  /// Vectors of all blocks in two dimensions: the matrices of the same blocks have three.
  [[nodiscard]] bool stacks_vectors(const Tensor& tensor, const Naming& naming);

private:
  [[nodiscard]] bool of_prediction(const Naming& naming) const;
  void look();

  const checkpoint::Catalogue& catalogue_;
  bool looked_ = false;
  std::set<std::vector<std::int64_t>> vocabulary_;  ///< shapes of the model's embeddings and heads
  std::map<std::string, std::int64_t, std::less<>> heights_;  ///< of stacks; -1: not of one height
};

/// Arrays of Flax whose axes their shape does not tell, as a sentence; else empty.
/// Source: AI-Hypercomputer/maxtext, configs/base.yml (param_scan_axis), layers/linears.py.
[[nodiscard]] std::string unknown_axes(const Tensor& tensor, const Naming& naming,
                                       const checkpoint::Catalogue& catalogue);

}  // namespace wishart::model
