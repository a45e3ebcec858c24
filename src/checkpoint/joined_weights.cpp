#include "joined_weights.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "numbers/encodings.hpp"

namespace wishart::checkpoint {
namespace {

/// How the names of the parts and of the whole end.
struct Division {
  std::string_view first;
  std::string_view second;
  std::string_view whole;
  bool turned = false;        ///< the first part
  std::string_view mlx_type;  ///< only MLX's files of models whose type begins so; empty: all files
};

// MLA: kv_b_proj of [heads (nope + v), rank] as [heads, rank, nope] and [heads, v, rank]
// (ml-explore/mlx-lm d78bf58, models/deepseek_v3.py, deepseek_v32.py, glm4_moe_lite.py,
// kimi_linear.py, longcat_flash.py; llama.cpp, conversion of DeepseekV2Model: attn_k_b, attn_v_b).
// Granite: mlx-lm, models/granitemoe.py and granitemoehybrid.py.
constexpr std::array kDivisions{
    Division{".embed_q.weight", ".unembed_out.weight", ".kv_b_proj.weight", true, ""},
    Division{".attn_k_b.weight", ".attn_v_b.weight", ".attn_kv_b.weight", true, ""},
    Division{".block_sparse_moe.switch_mlp.gate_proj.weight",
             ".block_sparse_moe.switch_mlp.up_proj.weight", ".block_sparse_moe.input_linear.weight",
             false, "granitemoe"}};

bool is_stack(const Tensor& tensor) {
  return tensor.shape.size() == 3 && tensor.num_elements > 0 && has_weights(tensor);
}

std::optional<Tensor> joined(const Tensor& first, const Tensor& second, std::string name,
                             const Division& division) {
  if (!is_stack(first) || !is_stack(second)) return std::nullopt;
  const std::int64_t groups = first.shape[0];
  const std::int64_t rows = first.shape[division.turned ? 2 : 1];
  const std::int64_t width = first.shape[division.turned ? 1 : 2];
  const std::int64_t other_rows = second.shape[1];
  if (second.shape[0] != groups || second.shape[2] != width) return std::nullopt;
  // Experts stay a stack, heads do not.
  const std::vector<std::int64_t> shape = division.turned
                                              ? std::vector{groups * (rows + other_rows), width}
                                              : std::vector{groups, rows + other_rows, width};
  const std::string stored = storage_text(first);
  const std::string other = storage_text(second);
  Tensor whole = encoded_tensor(std::move(name), shape, Encoding::rows, {first, second},
                                {rows, other_rows, division.turned ? 1 : 0},
                                stored == other ? stored : stored + " and " + other);
  whole.dtype = first.dtype;
  for (Tensor& part : whole.parts) part.name.clear();  // parts are sent to every rank
  return whole;
}

}  // namespace

void join_divided_weights(Catalogue& catalogue, bool of_mlx) {
  std::vector<Tensor>& tensors = catalogue.tensors;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < tensors.size(); ++i) places.emplace(tensors[i].name, i);
  std::vector<bool> taken(tensors.size(), false);
  for (std::size_t i = 0; i < taken.size(); ++i) {
    for (const Division& division : kDivisions) {
      const std::string& name = tensors[i].name;
      const bool here = division.mlx_type.empty() ||
                        (of_mlx && catalogue.config.model_type.starts_with(division.mlx_type));
      if (!here || !name.ends_with(division.first)) continue;
      const std::string module = name.substr(0, name.size() - division.first.size());
      const auto second = places.find(module + std::string(division.second));
      const std::string whole = module + std::string(division.whole);
      if (second == places.end() || places.contains(whole)) continue;
      std::optional<Tensor> one = joined(tensors[i], tensors[second->second], whole, division);
      if (!one) continue;
      tensors[i] = std::move(*one);
      taken[second->second] = true;
      break;
    }
  }
  std::vector<Tensor> kept;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!taken[i]) kept.push_back(std::move(tensors[i]));
  }
  tensors = std::move(kept);
}

}  // namespace wishart::checkpoint
