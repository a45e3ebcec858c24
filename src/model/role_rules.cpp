#include "role_rules.hpp"

#include <algorithm>
#include <array>

#include "wishart/core/words.hpp"

namespace wishart::model {
namespace {

using Words = std::vector<std::string_view>;

/// A tensor with this name, in this place, has this role. The first match wins.
struct Rule {
  std::string_view leaf;
  Inside inside;
  std::string_view role;
};

/// Names as in the modelling code of the families in docs/roles.md.
constexpr std::array kRules{
    Rule{"in_proj", Inside::ssm, "ssm.in_proj"},
    Rule{"x_proj", Inside::ssm, "ssm.x_proj"},
    Rule{"dt_proj", Inside::ssm, "ssm.dt_proj"},
    Rule{"out_proj", Inside::ssm, "ssm.out_proj"},
    Rule{"conv1d", Inside::ssm, "ssm.conv1d"},
    Rule{"in_proj_qkvz", Inside::ssm, "ssm.in_proj_qkvz"},
    Rule{"in_proj_ba", Inside::ssm, "ssm.in_proj_ba"},
    Rule{"in_proj_qkv", Inside::ssm, "ssm.in_proj_qkv"},
    Rule{"in_proj_z", Inside::ssm, "ssm.in_proj_z"},
    Rule{"in_proj_a", Inside::ssm, "ssm.in_proj_a"},
    Rule{"in_proj_b", Inside::ssm, "ssm.in_proj_b"},
    Rule{"ssm_in", Inside::anywhere, "ssm.in_proj"},
    Rule{"ssm_out", Inside::anywhere, "ssm.out_proj"},
    Rule{"ssm_x", Inside::anywhere, "ssm.x_proj"},
    Rule{"ssm_dt", Inside::anywhere, "ssm.dt_proj"},
    Rule{"ssm_ba", Inside::anywhere, "ssm.in_proj_ba"},
    Rule{"ssm_alpha", Inside::anywhere, "ssm.in_proj_a"},
    Rule{"ssm_beta", Inside::anywhere, "ssm.in_proj_b"},
    Rule{"embed_tokens", Inside::anywhere, "embedding.token"},
    Rule{"wte", Inside::anywhere, "embedding.token"},
    Rule{"word_embeddings", Inside::anywhere, "embedding.token"},
    Rule{"tok_embeddings", Inside::anywhere, "embedding.token"},
    Rule{"embed_in", Inside::anywhere, "embedding.token"},
    Rule{"token_embedding", Inside::anywhere, "embedding.token"},
    Rule{"token_embeddings", Inside::anywhere, "embedding.token"},
    Rule{"token_embd", Inside::anywhere, "embedding.token"},
    Rule{"tok_emb", Inside::anywhere, "embedding.token"},
    Rule{"shared", Inside::root, "embedding.token"},
    Rule{"embed", Inside::root, "embedding.token"},
    Rule{"embedder", Inside::anywhere, "embedding.token"},
    Rule{"embedding", Inside::anywhere, "embedding.token"},
    Rule{"embeddings", Inside::anywhere, "embedding.token"},
    Rule{"wpe", Inside::anywhere, "embedding.position"},
    Rule{"embed_positions", Inside::anywhere, "embedding.position"},
    Rule{"position_embeddings", Inside::anywhere, "embedding.position"},
    Rule{"position_embedding", Inside::anywhere, "embedding.position"},
    Rule{"positional_embedding", Inside::anywhere, "embedding.position"},
    Rule{"pos_embed", Inside::anywhere, "embedding.position"},
    Rule{"decoder_pos_embed", Inside::anywhere, "embedding.position"},
    Rule{"pos_embedding", Inside::anywhere, "embedding.position"},
    Rule{"pos_table", Inside::anywhere, "embedding.position"},
    Rule{"positional_encoding", Inside::anywhere, "embedding.position"},
    Rule{"relative_attention_bias", Inside::anywhere, "embedding.position"},
    Rule{"token_type_embeddings", Inside::anywhere, "embedding.type"},
    Rule{"embed_tokens_per_layer", Inside::anywhere, "embedding.per_layer"},
    Rule{"per_layer_token_embd", Inside::anywhere, "embedding.per_layer"},
    Rule{"lm_head", Inside::anywhere, "head"},
    Rule{"embed_out", Inside::anywhere, "head"},
    Rule{"output_layer", Inside::anywhere, "head"},
    Rule{"unembed", Inside::anywhere, "head"},
    Rule{"final_linear", Inside::anywhere, "head"},
    Rule{"ff_out", Inside::root, "head"},
    Rule{"output", Inside::root, "head"},
    Rule{"score", Inside::root, "head"},
    Rule{"classifier", Inside::root, "head"},
    Rule{"linear", Inside::root, "head"},
    Rule{"fc", Inside::root, "head"},
    Rule{"head", Inside::anywhere, "head"},
    Rule{"shared_head_head", Inside::anywhere, "head"},
    // RWKV: the two maps of its MLP.
    Rule{"key", Inside::mlp, "mlp.up"},
    Rule{"value", Inside::mlp, "mlp.down"},
    Rule{"channel_mix_key", Inside::anywhere, "mlp.up"},
    Rule{"channel_mix_value", Inside::anywhere, "mlp.down"},
    Rule{"q_a_proj", Inside::anywhere, "attention.q_a"},
    Rule{"q_b_proj", Inside::anywhere, "attention.q_b"},
    Rule{"wq_a", Inside::anywhere, "attention.q_a"},
    Rule{"wq_b", Inside::anywhere, "attention.q_b"},
    Rule{"wkv", Inside::anywhere, "attention.kv"},
    Rule{"attn_kv", Inside::anywhere, "attention.kv"},
    Rule{"wkv_a", Inside::anywhere, "attention.kv_a"},
    Rule{"wkv_a_with_mqa", Inside::anywhere, "attention.kv_a"},
    Rule{"wkv_b", Inside::anywhere, "attention.kv_b"},
    Rule{"wo_a", Inside::anywhere, "attention.o_a"},
    Rule{"wo_b", Inside::anywhere, "attention.o_b"},
    Rule{"attn_output_a", Inside::anywhere, "attention.o_a"},
    Rule{"attn_output_b", Inside::anywhere, "attention.o_b"},
    Rule{"kv_a_proj_with_mqa", Inside::anywhere, "attention.kv_a"},
    Rule{"kv_b_proj", Inside::anywhere, "attention.kv_b"},
    Rule{"attn_q_a", Inside::anywhere, "attention.q_a"},
    Rule{"attn_q_b", Inside::anywhere, "attention.q_b"},
    Rule{"attn_kv_a_mqa", Inside::anywhere, "attention.kv_a"},
    Rule{"attn_kv_b", Inside::anywhere, "attention.kv_b"},
    // The two parts of kv_b_proj: MLX (mlx-lm d78bf58, models/deepseek_v3.py), GGUF.
    Rule{"embed_q", Inside::attention, "attention.k_b"},
    Rule{"unembed_out", Inside::attention, "attention.v_b"},
    Rule{"attn_k_b", Inside::anywhere, "attention.k_b"},
    Rule{"attn_v_b", Inside::anywhere, "attention.v_b"},
    Rule{"linear_q_down_proj", Inside::anywhere, "attention.q_a"},
    Rule{"linear_q_up_proj", Inside::anywhere, "attention.q_b"},
    Rule{"linear_kv_down_proj", Inside::anywhere, "attention.kv_a"},
    Rule{"linear_kv_up_proj", Inside::anywhere, "attention.kv_b"},
    Rule{"q_proj", Inside::anywhere, "attention.q"},
    Rule{"wq", Inside::anywhere, "attention.q"},
    Rule{"wq_du", Inside::anywhere, "attention.q"},
    Rule{"query", Inside::anywhere, "attention.q"},
    Rule{"attn_q", Inside::anywhere, "attention.q"},
    Rule{"q", Inside::anywhere, "attention.q"},
    Rule{"to_q", Inside::anywhere, "attention.q"},
    Rule{"query_proj", Inside::anywhere, "attention.q"},
    Rule{"cross_attn_q", Inside::anywhere, "attention.q"},
    Rule{"q_lin", Inside::attention, "attention.q"},
    Rule{"c_q", Inside::attention, "attention.q"},
    Rule{"linear_q", Inside::attention, "attention.q"},
    Rule{"k_proj", Inside::anywhere, "attention.k"},
    Rule{"wk", Inside::anywhere, "attention.k"},
    Rule{"wk_dv", Inside::anywhere, "attention.k"},
    Rule{"key", Inside::anywhere, "attention.k"},
    Rule{"attn_k", Inside::anywhere, "attention.k"},
    Rule{"k", Inside::anywhere, "attention.k"},
    Rule{"to_k", Inside::anywhere, "attention.k"},
    Rule{"key_proj", Inside::anywhere, "attention.k"},
    Rule{"cross_attn_k", Inside::anywhere, "attention.k"},
    Rule{"time_mix_key", Inside::anywhere, "attention.k"},
    Rule{"k_lin", Inside::attention, "attention.k"},
    Rule{"c_k", Inside::attention, "attention.k"},
    Rule{"linear_k", Inside::attention, "attention.k"},
    Rule{"v_proj", Inside::anywhere, "attention.v"},
    Rule{"wv", Inside::anywhere, "attention.v"},
    Rule{"wv_dv", Inside::anywhere, "attention.v"},
    Rule{"value", Inside::anywhere, "attention.v"},
    Rule{"attn_v", Inside::anywhere, "attention.v"},
    Rule{"v", Inside::anywhere, "attention.v"},
    Rule{"to_v", Inside::anywhere, "attention.v"},
    Rule{"value_proj", Inside::anywhere, "attention.v"},
    Rule{"cross_attn_v", Inside::anywhere, "attention.v"},
    Rule{"time_mix_value", Inside::anywhere, "attention.v"},
    Rule{"v_lin", Inside::attention, "attention.v"},
    Rule{"c_v", Inside::attention, "attention.v"},
    Rule{"linear_v", Inside::attention, "attention.v"},
    Rule{"val_proj1", Inside::attention, "attention.v"},
    Rule{"val_proj2", Inside::attention, "attention.v"},
    Rule{"c_attn", Inside::anywhere, "attention.qkv"},
    Rule{"query_key_value", Inside::anywhere, "attention.qkv"},
    Rule{"qkv_proj", Inside::anywhere, "attention.qkv"},
    Rule{"Wqkv", Inside::anywhere, "attention.qkv"},
    Rule{"wqkv", Inside::anywhere, "attention.qkv"},
    Rule{"qkv", Inside::anywhere, "attention.qkv"},
    Rule{"att_proj", Inside::anywhere, "attention.qkv"},
    Rule{"W_pack", Inside::anywhere, "attention.qkv"},
    Rule{"in_proj_weight", Inside::anywhere, "attention.qkv"},
    Rule{"linear_qkv", Inside::anywhere, "attention.qkv"},
    Rule{"attn_qkv", Inside::anywhere, "attention.qkv"},
    Rule{"attn", Inside::attention, "attention.qkv"},
    Rule{"vis_attn_qkv", Inside::anywhere, "attention.qkv"},
    Rule{"gqkv_proj", Inside::anywhere, "attention.gate_qkv"},
    Rule{"o_proj", Inside::anywhere, "attention.o"},
    Rule{"wo_ud", Inside::anywhere, "attention.o"},
    Rule{"attn_out", Inside::anywhere, "attention.o"},
    Rule{"attn_output", Inside::anywhere, "attention.o"},
    Rule{"attn_o", Inside::anywhere, "attention.o"},
    Rule{"cross_attn_o", Inside::anywhere, "attention.o"},
    Rule{"vis_attn_output", Inside::anywhere, "attention.o"},
    Rule{"time_mix_output", Inside::anywhere, "attention.o"},
    Rule{"linear_proj", Inside::anywhere, "attention.o"},
    Rule{"out_proj", Inside::attention, "attention.o"},
    Rule{"c_proj", Inside::attention, "attention.o"},
    Rule{"dense", Inside::attention, "attention.o"},
    Rule{"wo", Inside::attention, "attention.o"},
    Rule{"Wo", Inside::attention, "attention.o"},
    Rule{"out_lin", Inside::attention, "attention.o"},
    Rule{"linear_out", Inside::attention, "attention.o"},
    Rule{"o", Inside::attention, "attention.o"},
    Rule{"proj", Inside::attention, "attention.o"},
    Rule{"gate_proj", Inside::attention, "attention.gate"},
    Rule{"g_proj", Inside::attention, "attention.gate"},
    Rule{"gate", Inside::attention, "attention.gate"},
    Rule{"wg", Inside::attention, "attention.gate"},
    Rule{"attn_gate", Inside::anywhere, "attention.gate"},
    Rule{"time_mix_gate", Inside::anywhere, "attention.gate"},
    Rule{"gate_up_proj", Inside::anywhere, "mlp.gate_up"},
    Rule{"mlp1_weight", Inside::anywhere, "mlp.gate_up"},
    Rule{"w12", Inside::anywhere, "mlp.gate_up"},
    Rule{"w13_weight", Inside::anywhere, "mlp.gate_up"},
    Rule{"shared_w13_weight", Inside::anywhere, "mlp.gate_up"},
    Rule{"w13_dn", Inside::anywhere, "mlp.gate_up"},
    Rule{"input_linear", Inside::mlp, "mlp.gate_up"},
    Rule{"Wi", Inside::mlp, "mlp.gate_up"},
    Rule{"gated_layers", Inside::mlp, "mlp.gate_up"},
    Rule{"up_gated_layer", Inside::mlp, "mlp.gate_up"},
    Rule{"proj_1", Inside::mlp, "mlp.gate_up"},
    Rule{"ffn_gate_up_exps", Inside::anywhere, "mlp.gate_up"},
    Rule{"ff_proj", Inside::anywhere, "mlp.gate_up"},
    Rule{"gate_proj", Inside::anywhere, "mlp.gate"},
    Rule{"w1", Inside::not_attention, "mlp.gate"},
    Rule{"ffn_gate", Inside::anywhere, "mlp.gate"},
    Rule{"vis_gate", Inside::anywhere, "mlp.gate"},
    Rule{"c_fc_0", Inside::anywhere, "mlp.gate"},
    Rule{"fc12", Inside::anywhere, "mlp.gate"},
    Rule{"wi_0", Inside::anywhere, "mlp.gate"},
    Rule{"ffn_gate_exps", Inside::anywhere, "mlp.gate"},
    Rule{"ffn_gate_chexps", Inside::anywhere, "mlp.gate"},
    Rule{"up_proj", Inside::anywhere, "mlp.up"},
    Rule{"w3", Inside::not_attention, "mlp.up"},
    Rule{"v1", Inside::not_attention, "mlp.up"},
    Rule{"ffn_up", Inside::anywhere, "mlp.up"},
    Rule{"vis_up", Inside::anywhere, "mlp.up"},
    Rule{"c_fc_1", Inside::anywhere, "mlp.up"},
    Rule{"fc11", Inside::anywhere, "mlp.up"},
    Rule{"lin1", Inside::mlp, "mlp.up"},
    Rule{"up", Inside::mlp, "mlp.up"},
    Rule{"ffn_up_exps", Inside::anywhere, "mlp.up"},
    Rule{"ffn_up_chexps", Inside::anywhere, "mlp.up"},
    Rule{"c_fc", Inside::anywhere, "mlp.up"},
    Rule{"fc1", Inside::anywhere, "mlp.up"},
    Rule{"fc_in", Inside::anywhere, "mlp.up"},
    Rule{"dense_h_to_4h", Inside::anywhere, "mlp.up"},
    Rule{"linear_fc1", Inside::anywhere, "mlp.up"},
    Rule{"wi", Inside::anywhere, "mlp.up"},
    Rule{"wi_1", Inside::anywhere, "mlp.up"},
    Rule{"down_proj", Inside::anywhere, "mlp.down"},
    Rule{"w2", Inside::not_attention, "mlp.down"},
    Rule{"mlp2_weight", Inside::anywhere, "mlp.down"},
    Rule{"w2_weight", Inside::anywhere, "mlp.down"},
    Rule{"shared_w2_weight", Inside::anywhere, "mlp.down"},
    Rule{"w2_md", Inside::anywhere, "mlp.down"},
    Rule{"output_linear", Inside::mlp, "mlp.down"},
    Rule{"ffn_down", Inside::anywhere, "mlp.down"},
    Rule{"vis_down", Inside::anywhere, "mlp.down"},
    Rule{"lin2", Inside::mlp, "mlp.down"},
    Rule{"down", Inside::mlp, "mlp.down"},
    Rule{"down_layer", Inside::mlp, "mlp.down"},
    Rule{"proj_2", Inside::mlp, "mlp.down"},
    Rule{"Wo", Inside::mlp, "mlp.down"},
    Rule{"ffn_down_exps", Inside::anywhere, "mlp.down"},
    Rule{"ffn_down_chexps", Inside::anywhere, "mlp.down"},
    Rule{"fc2", Inside::anywhere, "mlp.down"},
    Rule{"fc_out", Inside::anywhere, "mlp.down"},
    Rule{"dense_4h_to_h", Inside::anywhere, "mlp.down"},
    Rule{"linear_fc2", Inside::anywhere, "mlp.down"},
    Rule{"c_proj", Inside::mlp, "mlp.down"},
    Rule{"wo", Inside::mlp, "mlp.down"},
    Rule{"wo", Inside::anywhere, "attention.o"},
    Rule{"ff_out", Inside::anywhere, "mlp.down"},
    Rule{"ffn_gate_shexp", Inside::anywhere, "shared_expert.gate"},
    Rule{"ffn_up_shexp", Inside::anywhere, "shared_expert.up"},
    Rule{"ffn_down_shexp", Inside::anywhere, "shared_expert.down"},
    Rule{"ffn_gate_inp", Inside::anywhere, "router"},
    Rule{"router", Inside::anywhere, "router"},
    Rule{"primary_router", Inside::anywhere, "router"},
    Rule{"wg", Inside::anywhere, "router"},
    Rule{"gate", Inside::anywhere, "router"},
};

/// True if a rule for `wanted` applies to a tensor whose place is `found`.
bool applies(Inside wanted, Inside found, bool root) {
  switch (wanted) {
    case Inside::anywhere:
      return true;
    case Inside::not_attention:
      return found != Inside::attention;
    case Inside::root:
      return root;
    case Inside::attention:
    case Inside::mlp:
    case Inside::ssm:
      break;
  }
  return found == wanted;
}

/// At the top of the network: not inside a numbered block.
bool at_root(const Words& parents, const Naming& naming) {
  return naming.block < 0 && parents.size() <= 2;
}

}  // namespace

bool holds_blocks(std::string_view word) {
  return is_one_of(word,
                   {"layers", "h", "blocks", "block", "blk", "layer", "resblocks", "resnets"});
}

Inside place(const Words& parents) {
  bool in_block = true;  // whether `word` stands behind the number of the block
  for (auto word = parents.rbegin(); word != parents.rend(); ++word) {
    if (is_one_of(*word, {"mixer", "mamba", "linear_attn", "ssm"})) return Inside::ssm;
    // `att`: RWKV. A whole stack may be called `attention_decoder`: it has MLPs too.
    if (in_block && (contains(*word, "attn") || contains(*word, "ttention") || *word == "att")) {
      return Inside::attention;
    }
    if (contains(*word, "mlp") || contains(*word, "ffn") || contains(*word, "feed_forward") ||
        is_one_of(*word, {"DenseReluDense", "experts", "block_sparse_moe", "moe", "moe_layer",
                          "share_expert", "feedforward", "ff"})) {
      return Inside::mlp;
    }
    if (std::next(word) != parents.rend() && is_number(*word) && holds_blocks(*std::next(word))) {
      in_block = false;
    }
  }
  return Inside::anywhere;
}

std::string role_by_rules(std::string_view leaf, const Words& parents, const Naming& naming,
                          const ModelConfig& config) {
  const std::string_view parent = parents.empty() ? std::string_view() : parents.back();
  if (leaf == "dense" && parent == "intermediate") return "mlp.up";
  if (leaf == "dense" && parent == "output" && place(parents) != Inside::attention)
    return "mlp.down";
  // Qwen 1 names its gate and up projections the other way round.
  if (config.model_type == "qwen" && leaf == "w1") return "mlp.up";
  if (config.model_type == "qwen" && leaf == "w2") return "mlp.gate";
  if (naming.prediction && leaf == "embed") return "embedding.token";
  // Gemma 4, Granite and DBRX, LongCat, unsloth's gpt-oss: `router.proj`, `layer`, `classifier`,
  // `linear`.
  if (parent == "router") return "router";
  if (contains(parent, "rel_logits")) return "other";  // Inkling: relative positions
  const bool ngrams = std::any_of(parents.begin(), parents.end(), [](std::string_view word) {
    return word.starts_with("ngram_embedding");  // Qwen3.8-Flash-Next: in pieces `shard_3`
  });
  if (ngrams || leaf == "ngram_embedding") return "embedding.ngram";
  if (parent == "value_embeds") return "embedding.value";  // nanochat: one for every second block
  // RWKV, as BlinkDL and transformers have it. Elsewhere `emb` may be one of positions.
  const bool first = parents.empty() || (parents.size() == 1 && parent.starts_with("rwkv"));
  if (leaf == "emb" && first) return "embedding.token";
  const Inside inside = place(parents);
  const bool root = at_root(parents, naming);
  for (const Rule& rule : kRules) {
    if (rule.leaf == leaf && applies(rule.inside, inside, root)) return std::string(rule.role);
  }
  return "other";
}

}  // namespace wishart::model
