#pragma once

/// @file
/// Internal: matrices of one checkpoint that have the same elements, by their hashes.

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::analysis {

/// Matrices of different blocks of a stack, of different experts of a block, or of different roles
/// in a block. Those that are zero, or have a rank of 1 as tables that every block begins with, are
/// not looked at.
struct Copies {
  using Block = std::pair<std::string, std::int64_t>;  ///< its stack, and its number in it
  std::int64_t of_blocks = 0;                          ///< matrices that another block has too
  std::set<std::int64_t> blocks;                       ///< that have them
  const LayerRow* first = nullptr;
  const LayerRow* second = nullptr;  ///< the same in another block
  std::int64_t of_experts = 0;       ///< matrices that another expert of the block has too
  const LayerRow* expert = nullptr;  ///< the first of them
  std::set<Block> expert_blocks;     ///< blocks that have such
  std::set<Block> parted_blocks;     ///< blocks with experts that have none
  std::int64_t of_roles = 0;         ///< matrices that another role of the block has too
  const LayerRow* one = nullptr;
  const LayerRow* twin = nullptr;  ///< the same in another role
};
[[nodiscard]] Copies copies_in(const std::vector<LayerRow>& layers);

/// A sentence on those of blocks; empty if there are none.
[[nodiscard]] std::string block_copies_text(const Copies& copies);
/// A sentence on those of experts; empty if there are none.
/// @param step  of the training, -1: not known
[[nodiscard]] std::string expert_copies_text(const Copies& copies, std::int64_t step);
/// Whether experts are copies where they should not be: in some of the blocks only, or after the
/// beginning of a training. Up-cycled ones begin so, in all blocks.
[[nodiscard]] bool are_experts_doubtful(const Copies& copies, std::int64_t step);
/// A sentence on those of roles; empty if there are none.
[[nodiscard]] std::string role_copies_text(const Copies& copies);
/// `block 4`, `blocks 0 to 7`, `blocks 3 to 5 and 9`.
[[nodiscard]] std::string blocks_text(const std::set<std::int64_t>& blocks);

}  // namespace wishart::analysis
