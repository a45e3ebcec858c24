#include "copies.hpp"

#include <map>
#include <tuple>
#include <utility>

#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"

#include "verdict_words.hpp"

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
  }
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

std::string expert_copies_text(const Copies& copies) {
  if (copies.expert == nullptr) return {};
  return plural(copies.of_experts, "matrix", "matrices") +
         " of experts are copies of one matrix of their block, such as " +
         named(copies.expert->key) + ": up-cycled experts at the start have them.";
}

}  // namespace wishart::analysis
