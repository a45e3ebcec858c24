#include "comparisons/copies.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/roles.hpp"

#include "words/verdict_words.hpp"

namespace wishart::analysis {
namespace {

/// Ranges of blocks that a sentence names.
constexpr std::size_t kMostRanges = 4;

/// What can only be the same matrix if the hash is that of its elements.
using Content = std::tuple<std::string, std::int64_t, std::int64_t, std::string>;

using Members = std::vector<const LayerRow*>;

bool is_compared(const LayerRow& row) {
  return !row.hash.empty() && row.block >= 0 && row.matrix_rank > 1;
}

void count_experts(Copies& copies, const Members& same) {
  std::map<std::int64_t, Members> by_block;
  for (const LayerRow* row : same) {
    if (row->expert >= 0) by_block[row->block].push_back(row);
  }
  for (const auto& [block, there] : by_block) {
    if (there.size() < 2) continue;
    copies.of_experts += std::ssize(there);
    copies.expert_blocks.emplace(there.front()->stack, block);
    if (copies.expert == nullptr) copies.expert = there.front();
  }
}

void count_blocks(Copies& copies, const Members& same) {
  const LayerRow* other = nullptr;
  for (const LayerRow* row : same) {
    if (row->block != same.front()->block && other == nullptr) other = row;
  }
  if (other == nullptr) return;
  copies.of_blocks += std::ssize(same);
  for (const LayerRow* row : same) copies.blocks.insert(row->block);
  if (copies.first == nullptr) copies.first = same.front(), copies.second = other;
}

/// Embeddings and heads that are tied, as in a block for prediction, are lawful.
bool is_tied(const LayerRow& row) { return is_embedding_or_head(row.role); }

void count_roles(Copies& copies, const Members& same) {
  std::map<std::pair<std::int64_t, std::int64_t>, Members> by_place;  // block and expert
  for (const LayerRow* row : same) {
    if (!is_tied(*row)) by_place[{row->block, row->expert}].push_back(row);
  }
  for (const auto& [place, there] : by_place) {
    const std::string& role = there.front()->role;
    const auto twin = std::find_if(there.begin(), there.end(),
                                   [&](const LayerRow* row) { return row->role != role; });
    if (twin == there.end()) continue;
    copies.of_roles += std::ssize(there);
    if (copies.one == nullptr) copies.one = there.front(), copies.twin = *twin;
  }
}

/// The blocks with two experts or more, but for those with copies among them.
void find_parted(Copies& copies, const std::vector<LayerRow>& layers) {
  std::map<Copies::Block, std::set<std::int64_t>> experts;
  for (const LayerRow& row : layers) {
    if (is_compared(row) && row.expert >= 0) experts[{row.stack, row.block}].insert(row.expert);
  }
  for (const auto& [block, there] : experts) {
    if (there.size() > 1 && !copies.expert_blocks.contains(block)) {
      copies.parted_blocks.insert(block);
    }
  }
}

}  // namespace

Copies copies_in(const std::vector<LayerRow>& layers) {
  std::map<Content, Members> contents;
  for (const LayerRow& row : layers) {
    if (is_compared(row)) contents[{row.hash, row.rows, row.cols, row.stack}].push_back(&row);
  }
  Copies copies;
  for (const LayerRow& row : layers) {  // in their order, so that the first is named
    if (!is_compared(row)) continue;
    const Members& same = contents[{row.hash, row.rows, row.cols, row.stack}];
    if (same.size() < 2 || same.front() != &row) continue;
    count_experts(copies, same);
    count_blocks(copies, same);
    count_roles(copies, same);
  }
  find_parted(copies, layers);
  return copies;
}

std::string blocks_text(const std::set<std::int64_t>& blocks) {
  std::vector<std::string> ranges;
  for (auto at = blocks.begin(); at != blocks.end();) {
    const std::int64_t from = *at;
    std::int64_t to = from;
    for (++at; at != blocks.end() && *at == to + 1; ++at) ++to;
    ranges.push_back(std::to_string(from) + (to > from ? " to " + std::to_string(to) : ""));
  }
  if (ranges.size() > kMostRanges) {
    ranges.resize(kMostRanges);
    ranges.emplace_back("others");
  }
  const std::string last = ranges.empty() ? "" : ranges.back();
  if (!ranges.empty()) ranges.pop_back();
  if (blocks.size() == 1) return "block " + last;
  return "blocks " + join(ranges, ", ") + (ranges.empty() ? "" : " and ") + last;
}

std::string block_copies_text(const Copies& copies) {
  if (copies.first == nullptr) return {};
  return plural(copies.of_blocks, "matrix", "matrices") + " of " + blocks_text(copies.blocks) +
         " have the elements of one in another block, such as " + named(copies.second->key) +
         " those of " + named(copies.first->key) +
         ". Right where blocks were copied to deepen a model, or share their weights; else the "
         "file "
         "was written wrongly.";
}

bool are_experts_doubtful(const Copies& copies, std::int64_t step) {
  return copies.expert != nullptr && (step > 0 || !copies.parted_blocks.empty());
}

std::string expert_copies_text(const Copies& copies, std::int64_t step) {
  if (copies.expert == nullptr) return {};
  return plural(copies.of_experts, "matrix", "matrices") +
         " of experts are copies of one matrix of their block, such as " +
         named(copies.expert->key) +
         (!copies.parted_blocks.empty()
              ? ", while those of " + plural(std::ssize(copies.parted_blocks), "other block") +
                    " differ: they were written wrongly, or merged."
          : step > 0 ? ": if they were copied before step " + std::to_string(step) +
                           ", they are frozen, get the same gradients or were written wrongly."
                     : ": up-cycled experts at the start have them.");
}

std::string role_copies_text(const Copies& copies) {
  if (copies.one == nullptr) return {};
  return plural(copies.of_roles, "matrix", "matrices") +
         " have the elements of one of another role in their block, such as " +
         named(copies.twin->key) + " those of " + named(copies.one->key) +
         ": a fused tensor was split wrongly, one serves as both on purpose, or one began as the "
         "other.";
}

}  // namespace wishart::analysis
