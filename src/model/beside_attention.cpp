#include "beside_attention.hpp"

#include <algorithm>
#include <array>

namespace wishart::model {

std::string role_beside_attention(std::string_view leaf,
                                  const std::vector<std::string_view>& parents) {
  struct Part {
    std::string_view leaf;
    std::string_view role;
  };
  constexpr std::array kParts{Part{"wq_b", "q_b"},
                              Part{"q_b_proj", "q_b"},
                              Part{"linear_wq_b", "q_b"},
                              Part{"attn_q_b", "q_b"},
                              Part{"q_proj", "q"},
                              Part{"wk", "k"},
                              Part{"k_proj", "k"},
                              Part{"linear_wk", "k"},
                              Part{"attn_k", "k"},
                              Part{"wkv", "kv"},
                              Part{"kv_proj", "kv"},
                              Part{"kv", "kv"},
                              Part{"wgate", "gate"},
                              Part{"gate_proj", "gate"},
                              Part{"gate", "gate"},
                              Part{"weights_proj", "weights"},
                              Part{"linear_weights_proj", "weights"},
                              Part{"proj", "weights"}};
  const auto has = [&](std::string_view word) {
    return std::find(parents.begin(), parents.end(), word) != parents.end();
  };
  // MiniMax-M3 has no module for its indexer.
  if (leaf == "index_q_proj") return "indexer.q";
  if (leaf == "index_k_proj") return "indexer.k";
  bool indexer = has("indexer");
  bool compressor = has("compressor");
  for (const std::string_view begin : {"attn_compressor_", "indexer_compressor_"}) {
    if (!leaf.starts_with(begin)) continue;
    compressor = true;
    indexer = indexer || begin.starts_with("indexer");
    leaf.remove_prefix(begin.size());
  }
  if (!indexer && !compressor) return {};
  const auto part =
      std::find_if(kParts.begin(), kParts.end(), [&](const Part& one) { return one.leaf == leaf; });
  const std::string_view role = part == kParts.end() ? "other" : part->role;
  if (!indexer) return "compressor." + std::string(role);
  const bool of_keys = role == "kv" || role == "gate";
  return (compressor && of_keys ? "indexer.compressor." : "indexer.") + std::string(role);
}

}  // namespace wishart::model
