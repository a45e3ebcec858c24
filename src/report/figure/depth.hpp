#pragma once

/// @file
/// Internal: the depth of a layer in its model: stack and block as one axis.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "figure/axis.hpp"

namespace wishart::report {

/// A block of a stack. Layers outside of blocks have the block -1, whatever their stack.
struct Place {
  std::string stack;
  std::int64_t block = -1;
};

/// The blocks of a model in order: stacks by natural order of their names, blocks by number, and at
/// last one place for all layers outside of blocks, if there are any. A ResNet, whose blocks are
/// numbered anew in each stage, so has `layer1.0`, `layer1.1`, `layer2.0`.
class Depth {
public:
  explicit Depth(std::vector<Place> places);

  [[nodiscard]] std::size_t size() const noexcept { return labels_.size(); }
  /// @pre a place with this stack and block was given
  [[nodiscard]] std::size_t index_of(const std::string& stack, std::int64_t block) const;
  /// `7`, or `layer2.7` if there are several stacks; `outside`.
  [[nodiscard]] const std::vector<std::string>& labels() const noexcept { return labels_; }
  [[nodiscard]] const Place& place(std::size_t index) const { return places_[index]; }
  [[nodiscard]] bool has_stacks() const noexcept { return stacks_ > 1; }
  /// Number of places in blocks.
  [[nodiscard]] std::size_t blocks() const noexcept { return labels_.size() - (outside_ ? 1 : 0); }
  /// `block`, or `stack and block`.
  [[nodiscard]] std::string axis_label() const { return has_stacks() ? "stack.block" : "block"; }
  /// The stack of a place if it has to be told: empty if there is only one.
  [[nodiscard]] std::string told_stack(std::size_t index) const {
    return has_stacks() ? places_[index].stack : "";
  }
  /// Places 0, 1, ..., without the one outside of blocks.
  [[nodiscard]] Axis axis(std::size_t most_ticks) const;

private:
  std::vector<Place> places_;
  std::vector<std::string> labels_;
  bool outside_ = false;
  std::size_t stacks_ = 0;
};

}  // namespace wishart::report
