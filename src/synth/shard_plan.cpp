#include "shard_plan.hpp"

#include <array>
#include <cstdio>

#include "wishart/core/text.hpp"

namespace wishart::synth {
namespace {

/// Data begin at a multiple of this, so that pages and SIMD loads stay aligned when the file is
/// mapped.
constexpr std::size_t kAlignment = 64;

std::string shard_name(std::size_t number, std::size_t count) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "model-%05zu-of-%05zu.safetensors", number, count);
  return text.data();
}

std::string entry_json(const TensorSpec& tensor, std::int64_t begin) {
  std::string shape;
  for (const std::int64_t extent : tensor.shape) {
    shape += (shape.empty() ? "" : ",") + std::to_string(extent);
  }
  return json_quoted(tensor.name) + ":{\"dtype\":" + json_quoted(dtype_name(tensor.dtype)) +
         ",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(begin) + "," +
         std::to_string(begin + tensor.num_bytes()) + "]}";
}

std::string header_bytes(const std::string& entries) {
  std::string json = "{\"__metadata__\":{\"format\":\"pt\"}" + entries + "}";
  while ((8 + json.size()) % kAlignment != 0) json += ' ';
  std::string bytes;
  for (unsigned i = 0; i < 8; ++i) {
    bytes += static_cast<char>(static_cast<std::uint64_t>(json.size()) >> (8 * i) & 0xFFU);
  }
  return bytes + json;
}

}  // namespace

ShardPlan plan_shards(const std::vector<TensorSpec>& tensors, std::int64_t shard_bytes) {
  ShardPlan plan;
  std::vector<std::string> entries(1);
  std::vector<std::int64_t> sizes(1);
  for (const TensorSpec& tensor : tensors) {
    const std::int64_t bytes = tensor.num_bytes();
    if (sizes.back() > 0 && sizes.back() + bytes > shard_bytes) {
      entries.emplace_back();
      sizes.emplace_back();
    }
    entries.back() += "," + entry_json(tensor, sizes.back());
    plan.placements.push_back({sizes.size() - 1, sizes.back()});
    sizes.back() += bytes;
    plan.total_bytes += bytes;
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Shard& shard = plan.shards.emplace_back();
    shard.name = shard_name(i + 1, sizes.size());
    shard.header = header_bytes(entries[i]);
    shard.size_bytes = static_cast<std::int64_t>(shard.header.size()) + sizes[i];
  }
  for (Placement& placement : plan.placements) {
    placement.offset_bytes += static_cast<std::int64_t>(plan.shards[placement.shard].header.size());
  }
  return plan;
}

std::string index_json(const ShardPlan& plan, const std::vector<TensorSpec>& tensors) {
  std::string text = "{\n  \"metadata\": {\"total_size\": " + std::to_string(plan.total_bytes) +
                     "},\n  \"weight_map\": {";
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    text += (i > 0 ? ",\n    " : "\n    ") + json_quoted(tensors[i].name) + ": " +
            json_quoted(plan.shards[plan.placements[i].shard].name);
  }
  return text + "\n  }\n}\n";
}

}  // namespace wishart::synth
