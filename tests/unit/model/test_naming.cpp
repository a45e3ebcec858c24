/// @file
/// Rules for names that are not specific to a family.

#include <vector>

#include <catch2/catch.hpp>

#include "wishart/model/naming.hpp"

using namespace wishart;
using namespace wishart::model;

namespace {

using Shape = std::vector<std::int64_t>;

Naming named(const std::string& name, const Shape& shape = {64, 32},
             const ModelConfig& config = {}) {
  return naming_of(name, shape, config);
}

}  // namespace

TEST_CASE("what wrappers put around a module does not change the reading", "[naming]") {
  const std::vector<std::string> wrapped{
      "model.layers.4.mlp.up_proj.weight",
      "module.model.layers.4.mlp.up_proj.weight",
      "module.module.model.layers.4.mlp.up_proj.weight",
      "_orig_mod.model.layers.4.mlp.up_proj.weight",
      "module._orig_mod.model.layers.4.mlp.up_proj.weight",
      "_forward_module.model.layers.4.mlp.up_proj.weight",
      "_forward_module.module.model.layers.4.mlp.up_proj.weight",
      "base_model.model.model.layers.4.mlp.up_proj.weight",
      "base_model.model.model.layers.4.mlp.up_proj.base_layer.weight",
      "_fsdp_wrapped_module.model.layers.4._fsdp_wrapped_module.mlp.up_proj.weight",
      "model.layers.4._checkpoint_wrapped_module.mlp.up_proj.weight",
      "model._orig_mod.layers.4.mlp.up_proj.weight"};
  for (const std::string& name : wrapped) {
    const Naming naming = named(name);
    CAPTURE(name);
    CHECK(naming.role == "mlp.up");
    CHECK(naming.block == 4);
    CHECK(naming.stack == "model");
  }
}

TEST_CASE("a gate is a router if it has one row for each expert", "[naming]") {
  ModelConfig config;
  config.num_experts = 8;
  CHECK(named("model.layers.0.mlp.gate.weight", {8, 64}, config).role == "router");
  CHECK(named("model.layers.0.mlp.gate.weight", {256, 64}, config).role == "mlp.gate");
  CHECK(named("model.layers.0.mlp.gate.weight", {8, 64}).role == "router");
}

TEST_CASE("names shared by attention and MLP are told apart by their context", "[naming]") {
  for (const char* leaf : {"c_proj", "wo"}) {
    CAPTURE(leaf);
    CHECK(named("h.0.attn." + std::string(leaf) + ".weight").role == "attention.o");
    CHECK(named("h.0.self_attention." + std::string(leaf) + ".weight").role == "attention.o");
    CHECK(named("h.0.mlp." + std::string(leaf) + ".weight").role == "mlp.down");
    CHECK(named("h.0.feed_forward." + std::string(leaf) + ".weight").role == "mlp.down");
  }
  CHECK(named("h.0.attn.out_proj.weight").role == "attention.o");
  CHECK(named("layers.0.mixer.out_proj.weight").role == "ssm.out_proj");
}

TEST_CASE("a head with an everyday name is recognised at the root only", "[naming]") {
  for (const char* leaf : {"output", "score", "classifier"}) {
    CAPTURE(leaf);
    CHECK(named(std::string(leaf) + ".weight").role == "head");
    CHECK(named("model.layers.0.mlp." + std::string(leaf) + ".weight").role == "other");
  }
}

TEST_CASE("the first numbered container gives the block", "[naming]") {
  CHECK(named("encoder.block.3.layer.1.DenseReluDense.wo.weight").block == 3);
  CHECK(named("model.layers.007.mlp.up_proj.weight").block == 7);
  CHECK(named("model.layers.x.mlp.up_proj.weight").block == -1);
  CHECK(named("model.layers.-1.mlp.up_proj.weight").block == -1);
  CHECK(named("model.layers.1e3.mlp.up_proj.weight").block == -1);
  CHECK(named("model.layers").block == -1);
  CHECK(named("model.layers.99999999999999999999999.mlp.up_proj.weight").block == -1);
  CHECK(named("model.layers.9223372036854775807.mlp.up_proj.weight").block ==
        9223372036854775807LL);
}

TEST_CASE("the expert is the number after experts or local_experts", "[naming]") {
  CHECK(named("l.layers.0.mlp.experts.17.up_proj.weight").expert == 17);
  CHECK(named("l.layers.0.mlp.experts.local_experts.17.up_proj.weight").expert == 17);
  CHECK(named("l.layers.0.mlp.local_experts.5.up_proj.weight").expert == 5);
  CHECK(named("l.layers.0.mlp.experts.up_proj", {4, 8, 8}).expert == -1);
  CHECK(named("l.layers.0.mlp.experts").expert == -1);
  CHECK(named("l.layers.0.mlp.shared_experts.up_proj.weight").expert == -1);
  CHECK_FALSE(named("l.layers.0.mlp.shared_experts.up_proj.weight").routed_experts);
}

TEST_CASE("biases, norms, masks and tables are told apart from maps", "[naming]") {
  CHECK(named("model.layers.0.self_attn.q_proj.bias", {64}).bias);
  CHECK(named("x.dt_bias", {64}).bias);
  CHECK(named("model.layers.0.input_layernorm.weight", {64}).normalization);
  CHECK(named("model.norm.weight", {64}).normalization);
  CHECK(named("transformer.ln_f.weight", {64}).normalization);
  CHECK(named("bn1.weight", {64}).normalization);
  CHECK(named("embeddings.LayerNorm.weight", {64}).normalization);
  CHECK(named("embeddings.position_ids", {1, 512}).not_a_map);
  CHECK(named("rotary_emb.inv_freq", {32}).not_a_map);
  for (const char* const table :
       {"blk.0.ssm_a", "blocks.0.att.r_k", "model.layers.0.attn.r_k", "blk.0.time_mix_r_k.weight",
        "blocks.0.att.time_faaaa", "rwkv.blocks.0.attention.time_decay", "blocks.0.att.time_first",
        "blk.0.time_mix_first.weight", "blk.0.time_mix_decay.weight", "layers.0.mixer.A_b_log",
        "model.layers.0.self_attn.rotary_emb.cos_cached", "rotary_emb.sin_cached", "cos_cache",
        "sin_cache", "freqs_cis"}) {
    CAPTURE(table);
    CHECK(named(table, {32, 64}).not_a_map);
  }
  CHECK_FALSE(named("blk.0.ssm_out.weight").not_a_map);
  CHECK_FALSE(named("blocks.0.att.time_decay_w1").not_a_map);
  CHECK_FALSE(named("blocks.0.att.time_maa_w1").not_a_map);
  CHECK_FALSE(named("model.layers.0.mlp.up_proj.weight").bias);
  CHECK_FALSE(named("model.layers.0.mlp.up_proj.weight").normalization);
  CHECK_FALSE(named("model.layers.0.mlp.up_proj.weight").not_a_map);
}

TEST_CASE("maps that make the scales of adaptive norms are no norms", "[naming]") {
  for (const char* const map :
       {"transformer_blocks.0.norm1.linear.weight",
        "transformer_blocks.0.norm1_context.linear.weight",
        "single_transformer_blocks.0.norm.linear.weight", "norm_out.linear.weight",
        "model.layers.0.input_layernorm.dense.weight", "decoder.self_attn_norm.dense.weight"}) {
    CAPTURE(map);
    CHECK_FALSE(named(map, {384, 64}).normalization);
    CHECK(named(map, {384, 64}).role == "other");
    CHECK(named(map, {384}).normalization);
  }
  CHECK(named("norm1.linear.bias", {384}).bias);
  CHECK(named("transformer_blocks.0.norm1.norm.weight", {64, 64}).normalization);
  CHECK(named("encoder.layer_norm.embed.weight", {64, 64}).normalization);
}

TEST_CASE("any name can be parsed", "[naming]") {
  for (const std::string name : {"",           ".",
                                 "..",         "weight",
                                 ".weight",    "bias",
                                 "module.",    "module.module.",
                                 "_orig_mod",  "_orig_mod.weight",
                                 "base_layer", "base_model.model.",
                                 "layers",     "layers.",
                                 "layers.0",   "experts.",
                                 "experts.0",  "layer",
                                 "layer1",     "layer.weight",
                                 "\xff\xfe",   "a..b..weight"}) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{3, 4}, Shape{1, 2, 3, 4}}) {
      CAPTURE(name, shape.size());
      CHECK_FALSE(named(name, shape).role.empty());
    }
  }
}

TEST_CASE("DeepSeek-V4's own names have roles, and its prediction modules a stack of their own",
          "[naming]") {
  CHECK(named("embed.weight").role == "embedding.token");
  CHECK(named("head.weight").role == "head");
  CHECK(named("layers.3.attn.wq_a.weight").role == "attention.q_a");
  CHECK(named("layers.3.attn.wq_b.weight").role == "attention.q_b");
  CHECK(named("layers.3.attn.wkv.weight").role == "attention.kv");
  CHECK(named("layers.3.attn.wo_a.weight").role == "attention.o_a");
  CHECK(named("layers.3.attn.wo_b.weight").role == "attention.o_b");
  CHECK(named("layers.3.ffn.gate.weight").role == "router");
  CHECK(named("layers.3.ffn.shared_experts.w2.weight").role == "shared_expert.down");
  const Naming expert = named("mtp.0.ffn.experts.5.w3.weight");
  CHECK(expert.role == "expert.up");
  CHECK(expert.block == 0);
  CHECK(expert.expert == 5);
  CHECK(expert.stack == "mtp");
  // MLX stacks the experts of a layer.
  CHECK(named("model.layers.1.mlp.switch_mlp.up_proj.weight", {4, 64, 32}).role == "expert.up");
  CHECK(named("model.layers.1.mlp.switch_mlp_1.up_proj.weight", {4, 64, 32}).role == "expert.up");
  // The parts of kv_b_proj in MLX and GGUF.
  CHECK(named("model.layers.1.self_attn.embed_q.weight", {4, 64, 32}).role == "attention.k_b");
  CHECK(named("model.layers.1.self_attn.unembed_out.weight", {4, 64, 32}).role == "attention.v_b");
  CHECK(named("blk.1.attn_k_b.weight", {4, 64, 32}).role == "attention.k_b");
  CHECK(named("blk.1.attn_v_b.weight", {4, 64, 32}).role == "attention.v_b");
}

TEST_CASE("modules of Transformer Engine that begin with a norm are maps", "[naming]") {
  ModelConfig config;
  config.intermediate_size = 128;
  const auto of = [&](const std::string& name, const Shape& shape = {128, 64}) {
    return naming_of("model.layers.3." + name, shape, config);
  };
  const std::vector<std::pair<std::string, std::string>> roles{
      {"self_attention.layernorm_qkv.weight", "attention.qkv"},
      {"self_attention.layernorm_qkv.query_weight", "attention.q"},
      {"self_attention.qkv.key_weight", "attention.k"},
      {"inter_attention.key_value.value_weight", "attention.v"},
      {"inter_attention.layernorm_query.weight", "attention.q"},
      {"inter_attention.layernorm_query.query_weight", "attention.q"},
      {"self_attention.proj.weight", "attention.o"},
      {"layernorm_mlp.fc1_weight", "mlp.up"},
      {"layernorm_mlp.fc2_weight", "mlp.down"},
      {"layernorm_linear.weight", "other"}};
  for (const auto& [name, role] : roles) {
    CAPTURE(name);
    CHECK(of(name).role == role);
    CHECK(of(name).block == 3);
    CHECK_FALSE(of(name).normalization);
  }
  CHECK(of("layernorm_mlp.fc1_weight", {256, 64}).role == "mlp.gate_up");
  for (const char* const module :
       {"self_attention.layernorm_qkv", "layernorm_mlp", "layernorm_linear"}) {
    CAPTURE(module);
    CHECK(of(std::string(module) + ".layer_norm_weight", {64}).normalization);
    CHECK(of(std::string(module) + ".layer_norm_bias", {64}).bias);
    CHECK(of(std::string(module) + "._extra_state", {8, 8}).not_a_map);
  }
  CHECK(of("layernorm_mlp.fc1_bias", {128}).bias);
  CHECK(of("input_layernorm.weight", {64}).normalization);
  CHECK(naming_of("layernorm_linear.weight", Shape{8, 4}, {}).role == "other");
}
