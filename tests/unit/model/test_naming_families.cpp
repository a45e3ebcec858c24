/// @file
/// Roles, blocks and experts for names from published checkpoints of many families.

#include <catch2/catch.hpp>

#include "naming_support.hpp"

using namespace wishart;
using namespace wishart::model;
using namespace wishart::test;

TEST_CASE("Megatron-Core: parts and experts in the last word", "[naming]") {
  const auto of = [](const char* name) { return naming_of(name, Shape{8, 4}, {}); };
  CHECK(of("model.decoder.layers.2.mlp.linear_fc1.weight_w").role == "mlp.gate");
  CHECK(of("model.decoder.layers.2.mlp.linear_fc1.weight_v").role == "mlp.up");
  const Naming expert = of("model.decoder.layers.2.mlp.experts.linear_fc1.weight13_w");
  CHECK(expert.role == "expert.gate");
  CHECK(expert.expert == 13);
  CHECK(expert.block == 2);
  CHECK(of("decoder.layers.0.mlp.experts.linear_fc2.weight7").role == "expert.down");
  CHECK(of("decoder.layers.0.mlp.experts.linear_fc2.weight7").expert == 7);
  CHECK(of("decoder.layers.0.mlp.linear_fc1.weight_x").role == "other");
  CHECK(of("model.layers.0.attn.q_proj.MatMul.weight").role == "attention.q");  // ONNX
}

TEST_CASE("Megatron-Core: hybrid models, whose mixers are stored in parts", "[naming]") {
  check({{"decoder.layers.0.mixer.in_proj.weight.z", "ssm.in_proj_z", "decoder", 0},
         {"decoder.layers.0.mixer.in_proj.weight.x", "ssm.in_proj_x", "decoder", 0},
         {"decoder.layers.0.mixer.in_proj.weight.B", "ssm.in_proj_B", "decoder", 0},
         {"decoder.layers.0.mixer.in_proj.weight.C", "ssm.in_proj_C", "decoder", 0},
         {"decoder.layers.0.mixer.in_proj.weight.dt", "ssm.in_proj_dt", "decoder", 0},
         {"decoder.layers.0.mixer.conv1d.weight.x", "ssm.conv1d", "decoder", 0, -1, {64, 1, 4}},
         {"decoder.layers.0.mixer.out_proj.weight", "ssm.out_proj", "decoder", 0},
         {"decoder.layers.1.self_attention.in_proj.weight.query", "ssm.in_proj_q", "decoder", 1},
         {"decoder.layers.1.self_attention.in_proj.weight.key", "ssm.in_proj_k", "decoder", 1},
         {"decoder.layers.1.self_attention.in_proj.weight.value", "ssm.in_proj_v", "decoder", 1},
         {"decoder.layers.1.self_attention.in_proj.weight.z", "ssm.in_proj_z", "decoder", 1},
         {"decoder.layers.1.self_attention.in_proj.weight.beta", "ssm.in_proj_b", "decoder", 1},
         {"decoder.layers.1.self_attention.in_proj.weight.alpha", "ssm.in_proj_a", "decoder", 1},
         {"decoder.layers.1.self_attention.in_proj.weight.w", "ssm.in_proj_w", "decoder", 1},
         {"decoder.layers.1.mixer.in_proj.weight.V10", "ssm.in_proj_v", "decoder", 1},
         {"decoder.layers.1.mixer.in_proj.weight.b0", "ssm.in_proj_b", "decoder", 1},
         {"decoder.layers.1.mixer.conv1d.weight.K1", "ssm.conv1d", "decoder", 1, -1, {64, 1, 4}},
         {"decoder.layers.2.self_attention.linear_qkv.weight", "attention.qkv", "decoder", 2},
         {"decoder.layers.3.mlp.linear_fc1.weight", "mlp.up", "decoder", 3}});
  const Naming bias = naming_of("decoder.layers.0.mixer.conv1d.bias.x", Shape{64}, {});
  CHECK(bias.bias);
  CHECK(naming_of("decoder.layers.0.mixer.A_log", Shape{8}, {}).not_a_map);
  CHECK(naming_of("decoder.final_norm.weight", Shape{8}, {}).normalization);
  CHECK(naming_of("decoder.layers.0.mixer.in_proj.weight.z0", Shape{8, 4}, {}).role == "other");
  CHECK(naming_of("decoder.layers.0.mixer.in_proj.weight.part", Shape{8, 4}, {}).role == "other");
}

TEST_CASE("DeepSpeed's AutoEP: the number of the expert comes last", "[naming]") {
  check({{"model.layers.4.mlp.experts.w1.3", "expert.gate", "model", 4, 3},
         {"model.layers.4.mlp.experts.w2.12", "expert.down", "model", 4, 12},
         {"model.layers.4.mlp.experts.w3.0", "expert.up", "model", 4, 0},
         {"model.layers.4.mlp.experts.w1", "expert.gate", "model", 4}});
}

TEST_CASE("Llama, Gemma, Qwen 2 and 3, OLMo 2", "[naming]") {
  check({{"model.embed_tokens.weight", "embedding.token"},
         {"model.layers.0.self_attn.q_proj.weight", "attention.q", "model", 0},
         {"model.layers.0.self_attn.k_proj.weight", "attention.k", "model", 0},
         {"model.layers.0.self_attn.v_proj.weight", "attention.v", "model", 0},
         {"model.layers.12.self_attn.o_proj.weight", "attention.o", "model", 12},
         {"model.layers.12.mlp.gate_proj.weight", "mlp.gate", "model", 12},
         {"model.layers.125.mlp.up_proj.weight", "mlp.up", "model", 125},
         {"model.layers.125.mlp.down_proj.weight", "mlp.down", "model", 125},
         {"lm_head.weight", "head"}});
}

TEST_CASE("Llama as Meta releases it", "[naming]") {
  check({{"tok_embeddings.weight", "embedding.token"},
         {"layers.3.attention.wq.weight", "attention.q", "", 3},
         {"layers.3.attention.wk.weight", "attention.k", "", 3},
         {"layers.3.attention.wv.weight", "attention.v", "", 3},
         {"layers.3.attention.wo.weight", "attention.o", "", 3},
         {"layers.3.feed_forward.w1.weight", "mlp.gate", "", 3},
         {"layers.3.feed_forward.w2.weight", "mlp.down", "", 3},
         {"layers.3.feed_forward.w3.weight", "mlp.up", "", 3},
         {"output.weight", "head"}});
}

TEST_CASE("Llama 4 and gpt-oss stack their experts", "[naming]") {
  check({{"model.layers.0.self_attn.q_proj.weight", "attention.q", "model", 0},
         {"model.layers.0.mlp.router.weight", "router", "model", 0},
         {"model.layers.0.mlp.experts.gate_up_proj", "expert.gate_up", "model", 0, -1, {8, 4, 6}},
         {"model.layers.0.mlp.experts.down_proj", "expert.down", "model", 0, -1, {8, 3, 4}},
         {"language_model.model.layers.1.feed_forward.experts.gate_up_proj",
          "expert.gate_up",
          "language_model.model",
          1,
          -1,
          {16, 4, 6}},
         {"language_model.model.layers.1.feed_forward.router.weight", "router",
          "language_model.model", 1},
         {"language_model.model.layers.1.feed_forward.shared_expert.up_proj.weight",
          "shared_expert.up", "language_model.model", 1}});
  CHECK(naming_of("model.layers.0.mlp.experts.gate_up_proj", Shape{8, 4, 6}, {}).routed_experts);
  CHECK(naming_of("model.layers.0.mlp.experts.gate_up_proj_bias", Shape{8, 6}, {}).bias);
}

TEST_CASE("GPT-2", "[naming]") {
  check({{"wte.weight", "embedding.token"},
         {"wpe.weight", "embedding.position"},
         {"transformer.wte.weight", "embedding.token"},
         {"h.0.attn.c_attn.weight", "attention.qkv", "", 0},
         {"h.11.attn.c_proj.weight", "attention.o", "", 11},
         {"h.11.mlp.c_fc.weight", "mlp.up", "", 11},
         {"transformer.h.11.mlp.c_proj.weight", "mlp.down", "transformer", 11}});
  CHECK(naming_of("h.0.attn.bias", Shape{1, 1, 1024, 1024}, {}).not_a_map);
  CHECK(naming_of("h.0.attn.masked_bias", Shape{1}, {}).not_a_map);
  CHECK(naming_of("h.0.ln_1.weight", Shape{768}, {}).normalization);
  CHECK(naming_of("ln_f.weight", Shape{768}, {}).normalization);
}

TEST_CASE("GPT-NeoX and Pythia", "[naming]") {
  check({{"gpt_neox.embed_in.weight", "embedding.token"},
         {"gpt_neox.layers.5.attention.query_key_value.weight", "attention.qkv", "gpt_neox", 5},
         {"gpt_neox.layers.5.attention.dense.weight", "attention.o", "gpt_neox", 5},
         {"gpt_neox.layers.5.mlp.dense_h_to_4h.weight", "mlp.up", "gpt_neox", 5},
         {"gpt_neox.layers.5.mlp.dense_4h_to_h.weight", "mlp.down", "gpt_neox", 5},
         {"embed_out.weight", "head"}});
  CHECK(naming_of("gpt_neox.layers.5.attention.bias", Shape{1, 1, 64, 64}, {}).bias);
  CHECK(naming_of("gpt_neox.layers.5.attention.rotary_emb.inv_freq", Shape{16}, {}).not_a_map);
  CHECK(naming_of("gpt_neox.final_layer_norm.weight", Shape{512}, {}).normalization);
}

TEST_CASE("Falcon and BLOOM", "[naming]") {
  check(
      {{"transformer.word_embeddings.weight", "embedding.token"},
       {"transformer.h.2.self_attention.query_key_value.weight", "attention.qkv", "transformer", 2},
       {"transformer.h.2.self_attention.dense.weight", "attention.o", "transformer", 2},
       {"transformer.h.2.mlp.dense_h_to_4h.weight", "mlp.up", "transformer", 2},
       {"transformer.h.2.mlp.dense_4h_to_h.weight", "mlp.down", "transformer", 2},
       {"word_embeddings.weight", "embedding.token"},
       {"h.2.self_attention.dense.weight", "attention.o", "", 2}});
  CHECK(naming_of("word_embeddings_layernorm.weight", Shape{64}, {}).normalization);
}

TEST_CASE("Mixtral", "[naming]") {
  const ModelConfig config = config_of("mixtral", 8);
  check({{"model.layers.4.block_sparse_moe.gate.weight", "router", "model", 4, -1, {8, 4096}},
         {"model.layers.4.block_sparse_moe.experts.0.w1.weight", "expert.gate", "model", 4, 0},
         {"model.layers.4.block_sparse_moe.experts.7.w2.weight", "expert.down", "model", 4, 7},
         {"model.layers.4.block_sparse_moe.experts.7.w3.weight", "expert.up", "model", 4, 7}},
        config);
}

TEST_CASE("DeepSeek-V3", "[naming]") {
  const ModelConfig config = config_of("deepseek_v3", 256);
  check({{"model.layers.3.self_attn.q_a_proj.weight", "attention.q_a", "model", 3},
         {"model.layers.3.self_attn.q_b_proj.weight", "attention.q_b", "model", 3},
         {"model.layers.3.self_attn.kv_a_proj_with_mqa.weight", "attention.kv_a", "model", 3},
         {"model.layers.3.self_attn.kv_b_proj.weight", "attention.kv_b", "model", 3},
         {"model.layers.3.self_attn.o_proj.weight", "attention.o", "model", 3},
         {"model.layers.3.mlp.gate.weight", "router", "model", 3, -1, {256, 7168}},
         {"model.layers.3.mlp.experts.255.gate_proj.weight", "expert.gate", "model", 3, 255},
         {"model.layers.3.mlp.experts.0.down_proj.weight", "expert.down", "model", 3, 0},
         {"model.layers.3.mlp.shared_experts.up_proj.weight", "shared_expert.up", "model", 3},
         {"model.layers.0.mlp.up_proj.weight", "mlp.up", "model", 0},
         {"model.layers.61.embed_tokens.weight", "embedding.token", "model", 61},
         {"model.layers.61.shared_head.head.weight", "head", "model", 61},
         {"model.layers.61.eh_proj.weight", "other", "model", 61}},
        config);
  CHECK(naming_of("model.layers.3.mlp.gate.e_score_correction_bias", Shape{256}, config).bias);
  CHECK(naming_of("model.layers.3.self_attn.kv_a_layernorm.weight", Shape{512}, config)
            .normalization);
  CHECK(naming_of("model.layers.61.enorm.weight", Shape{7168}, config).normalization);
}

TEST_CASE("Qwen 1, mixtures of Qwen 2 and 3, Qwen 3 Next", "[naming]") {
  check({{"transformer.h.0.attn.c_attn.weight", "attention.qkv", "transformer", 0},
         {"transformer.h.0.attn.c_proj.weight", "attention.o", "transformer", 0},
         {"transformer.h.0.mlp.w1.weight", "mlp.up", "transformer", 0},
         {"transformer.h.0.mlp.w2.weight", "mlp.gate", "transformer", 0},
         {"transformer.h.0.mlp.c_proj.weight", "mlp.down", "transformer", 0}},
        config_of("qwen"));
  check({{"model.layers.1.mlp.gate.weight", "router", "model", 1, -1, {60, 2048}},
         {"model.layers.1.mlp.experts.59.up_proj.weight", "expert.up", "model", 1, 59},
         {"model.layers.1.mlp.shared_expert.gate_proj.weight", "shared_expert.gate", "model", 1},
         {"model.layers.1.linear_attn.in_proj_qkvz.weight", "ssm.in_proj_qkvz", "model", 1},
         {"model.layers.1.linear_attn.in_proj_ba.weight", "ssm.in_proj_ba", "model", 1},
         {"model.layers.1.linear_attn.out_proj.weight", "ssm.out_proj", "model", 1},
         {"model.layers.1.linear_attn.conv1d.weight", "ssm.conv1d", "model", 1, -1, {64, 1, 4}}},
        config_of("qwen3_next", 60));
  CHECK(naming_of("model.layers.1.self_attn.q_norm.weight", Shape{128}, {}).normalization);
}

TEST_CASE("T5", "[naming]") {
  check({{"shared.weight", "embedding.token"},
         {"encoder.block.0.layer.0.SelfAttention.q.weight", "attention.q", "encoder", 0},
         {"encoder.block.0.layer.0.SelfAttention.k.weight", "attention.k", "encoder", 0},
         {"encoder.block.0.layer.0.SelfAttention.v.weight", "attention.v", "encoder", 0},
         {"encoder.block.0.layer.0.SelfAttention.o.weight", "attention.o", "encoder", 0},
         {"encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
          "embedding.position", "encoder", 0},
         {"decoder.block.9.layer.1.EncDecAttention.q.weight", "attention.q", "decoder", 9},
         {"decoder.block.9.layer.2.DenseReluDense.wi_0.weight", "mlp.gate", "decoder", 9},
         {"decoder.block.9.layer.2.DenseReluDense.wi_1.weight", "mlp.up", "decoder", 9},
         {"decoder.block.9.layer.2.DenseReluDense.wi.weight", "mlp.up", "decoder", 9},
         {"decoder.block.9.layer.2.DenseReluDense.wo.weight", "mlp.down", "decoder", 9},
         {"lm_head.weight", "head"}});
}

TEST_CASE("BERT", "[naming]") {
  check({{"bert.embeddings.word_embeddings.weight", "embedding.token"},
         {"bert.embeddings.position_embeddings.weight", "embedding.position"},
         {"bert.embeddings.token_type_embeddings.weight", "embedding.type"},
         {"bert.encoder.layer.1.attention.self.query.weight", "attention.q", "bert.encoder", 1},
         {"bert.encoder.layer.1.attention.self.key.weight", "attention.k", "bert.encoder", 1},
         {"bert.encoder.layer.1.attention.self.value.weight", "attention.v", "bert.encoder", 1},
         {"bert.encoder.layer.1.attention.output.dense.weight", "attention.o", "bert.encoder", 1},
         {"bert.encoder.layer.1.intermediate.dense.weight", "mlp.up", "bert.encoder", 1},
         {"bert.encoder.layer.1.output.dense.weight", "mlp.down", "bert.encoder", 1},
         {"bert.pooler.dense.weight", "other"},
         {"classifier.weight", "head"}});
  CHECK(naming_of("bert.encoder.layer.1.attention.output.LayerNorm.weight", Shape{768}, {})
            .normalization);
}

TEST_CASE("OLMo 1, Phi, GPT-J, OPT", "[naming]") {
  check({{"model.transformer.wte.weight", "embedding.token"},
         {"model.transformer.blocks.0.att_proj.weight", "attention.qkv", "model.transformer", 0},
         {"model.transformer.blocks.0.attn_out.weight", "attention.o", "model.transformer", 0},
         {"model.transformer.blocks.0.ff_proj.weight", "mlp.gate_up", "model.transformer", 0},
         {"model.transformer.blocks.0.ff_out.weight", "mlp.down", "model.transformer", 0},
         {"model.transformer.ff_out.weight", "head"},
         {"model.layers.8.self_attn.qkv_proj.weight", "attention.qkv", "model", 8},
         {"model.layers.8.mlp.gate_up_proj.weight", "mlp.gate_up", "model", 8},
         {"model.layers.8.self_attn.dense.weight", "attention.o", "model", 8},
         {"model.layers.8.mlp.fc1.weight", "mlp.up", "model", 8},
         {"model.layers.8.mlp.fc2.weight", "mlp.down", "model", 8},
         {"transformer.h.0.attn.out_proj.weight", "attention.o", "transformer", 0},
         {"transformer.h.0.mlp.fc_in.weight", "mlp.up", "transformer", 0},
         {"transformer.h.0.mlp.fc_out.weight", "mlp.down", "transformer", 0},
         {"model.decoder.embed_positions.weight", "embedding.position"},
         {"model.decoder.layers.2.self_attn.out_proj.weight", "attention.o", "model.decoder", 2},
         {"model.decoder.layers.2.fc1.weight", "mlp.up", "model.decoder", 2},
         {"model.decoder.layers.2.fc2.weight", "mlp.down", "model.decoder", 2}});
}

TEST_CASE("Mamba", "[naming]") {
  check({{"backbone.embeddings.weight", "embedding.token"},
         {"backbone.layers.0.mixer.in_proj.weight", "ssm.in_proj", "backbone", 0},
         {"backbone.layers.0.mixer.x_proj.weight", "ssm.x_proj", "backbone", 0},
         {"backbone.layers.0.mixer.dt_proj.weight", "ssm.dt_proj", "backbone", 0},
         {"backbone.layers.0.mixer.out_proj.weight", "ssm.out_proj", "backbone", 0},
         {"backbone.layers.0.mixer.conv1d.weight", "ssm.conv1d", "backbone", 0, -1, {64, 1, 4}}});
  CHECK(naming_of("backbone.layers.0.mixer.A_log", Shape{1536, 16}, {}).not_a_map);
  CHECK(naming_of("backbone.norm_f.weight", Shape{768}, {}).normalization);
}

TEST_CASE("Megatron", "[naming]") {
  check(
      {{"embedding.word_embeddings.weight", "embedding.token"},
       {"embedding.position_embeddings.weight", "embedding.position"},
       {"decoder.layers.6.self_attention.linear_qkv.weight", "attention.qkv", "decoder", 6},
       {"decoder.layers.6.self_attention.linear_proj.weight", "attention.o", "decoder", 6},
       {"decoder.layers.6.self_attention.linear_q_down_proj.weight", "attention.q_a", "decoder", 6},
       {"decoder.layers.6.self_attention.linear_kv_up_proj.weight", "attention.kv_b", "decoder", 6},
       {"decoder.layers.6.mlp.linear_fc1.weight", "mlp.up", "decoder", 6},
       {"decoder.layers.6.mlp.linear_fc2.weight", "mlp.down", "decoder", 6},
       {"decoder.layers.6.mlp.router.weight", "router", "decoder", 6},
       {"decoder.layers.6.mlp.experts.local_experts.3.linear_fc1.weight", "expert.up", "decoder", 6,
        3},
       {"output_layer.weight", "head"},
       {"language_model.embedding.word_embeddings.weight", "embedding.token"},
       {"language_model.transformer.layers.0.attention.query_key_value.weight", "attention.qkv",
        "language_model.transformer", 0}});
  CHECK(naming_of("decoder.layers.6.mlp.linear_fc1._extra_state", Shape{2, 2}, {}).not_a_map);
  CHECK(naming_of("decoder.layers.6.self_attention.linear_qkv.layer_norm_weight", Shape{64}, {})
            .normalization);
}

TEST_CASE("ViT, timm, CLIP and OpenCLIP", "[naming]") {
  const Shape patch{768, 3, 16, 16};
  check({{"vit.embeddings.patch_embeddings.projection.weight", "vision.patch", "", -1, -1, patch},
         {"vit.embeddings.position_embeddings", "embedding.position", "", -1, -1, {1, 197, 768}},
         {"vit.encoder.layer.0.attention.attention.query.weight", "attention.q", "vit.encoder", 0},
         {"vit.encoder.layer.0.attention.output.dense.weight", "attention.o", "vit.encoder", 0},
         {"vit.encoder.layer.0.intermediate.dense.weight", "mlp.up", "vit.encoder", 0},
         {"vit.encoder.layer.0.output.dense.weight", "mlp.down", "vit.encoder", 0},
         {"patch_embed.proj.weight", "vision.patch", "", -1, -1, patch},
         {"pos_embed", "embedding.position", "", -1, -1, {1, 197, 768}},
         {"blocks.11.attn.qkv.weight", "attention.qkv", "", 11},
         {"blocks.11.attn.proj.weight", "attention.o", "", 11},
         {"blocks.11.mlp.fc1.weight", "mlp.up", "", 11},
         {"head.weight", "head"},
         {"text_model.embeddings.token_embedding.weight", "embedding.token"},
         {"text_model.embeddings.position_embedding.weight", "embedding.position"},
         {"text_model.encoder.layers.0.self_attn.out_proj.weight", "attention.o",
          "text_model.encoder", 0},
         {"vision_model.embeddings.patch_embedding.weight", "vision.patch", "", -1, -1, patch},
         {"visual_projection.weight", "other"},
         {"visual.conv1.weight", "vision.patch", "", -1, -1, patch},
         {"visual.transformer.resblocks.3.attn.in_proj_weight", "attention.qkv",
          "visual.transformer", 3},
         {"visual.transformer.resblocks.3.mlp.c_proj.weight", "mlp.down", "visual.transformer", 3},
         {"visual.patch_embed.proj.weight", "vision.patch", "", -1, -1, {64, 3, 2, 14, 14}},
         {"vision_tower.patch_conv.weight", "vision.patch", "", -1, -1, patch},
         {"v.patch_embd.weight", "vision.patch", "", -1, -1, patch},
         {"v.patch_embd.weight.1", "vision.patch", "", -1, -1, patch},
         {"v.blk.0.conv.weight", "conv", "v", 0, -1, patch},
         {"v.blk.0.ffn_up.weight", "mlp.up", "v", 0, -1, {256, 64}},
         {"v.blk.0.ffn_down.weight", "mlp.down", "v", 0, -1, {64, 256}},
         // of old files: the names have changed places
         {"v.blk.0.ffn_down.weight", "mlp.up", "v", 0, -1, {256, 64}},
         {"v.blk.0.ffn_up.weight", "mlp.down", "v", 0, -1, {64, 256}},
         {"v.blk.0.ffn_gate.weight", "mlp.gate", "v", 0, -1, {256, 64}},
         {"blk.0.ffn_down.weight", "mlp.down", "", 0, -1, {256, 64}},
         {"token_embedding.weight", "embedding.token"},
         {"positional_embedding", "embedding.position"}});
}

TEST_CASE("indexers and compressors beside attention have roles of their own", "[naming]") {
  check({
      {"model.layers.0.self_attn.indexer.wk.weight", "indexer.k", "model", 0},
      {"model.layers.0.self_attn.indexer.wq_b.weight", "indexer.q_b", "model", 0},
      {"model.layers.0.self_attn.indexer.weights_proj.weight", "indexer.weights", "model", 0},
      {"layers.2.attn.compressor.wkv.weight", "compressor.kv", "", 2},
      {"layers.2.attn.compressor.wgate.weight", "compressor.gate", "", 2},
      {"layers.2.attn.indexer.compressor.wkv.weight", "indexer.compressor.kv", "", 2},
      {"model.layers.1.self_attn.compressor.indexer.gate_proj.weight", "indexer.compressor.gate",
       "model", 1},
      {"model.layers.1.self_attn.compressor.indexer.q_b_proj.weight", "indexer.q_b", "model", 1},
      {"model.layers.1.self_attn.compressor.gate_proj.weight", "compressor.gate", "model", 1},
      {"decoder.layers.1.self_attention.core_attention.indexer.linear_wk.weight", "indexer.k",
       "decoder", 1},
      {"blk.3.indexer.attn_k.weight", "indexer.k", "", 3},
      {"blk.3.indexer.attn_q_b.weight", "indexer.q_b", "", 3},
      {"blk.3.indexer.proj.weight", "indexer.weights", "", 3},
      {"blk.3.attn_compressor_kv.weight", "compressor.kv", "", 3},
      {"blk.3.indexer_compressor_gate.weight", "indexer.compressor.gate", "", 3},
      {"layers.2.attn.wkv.weight", "attention.kv", "", 2},
  });
}

TEST_CASE("ResNet", "[naming]") {
  check({{"conv1.weight", "conv", "", -1, -1, {64, 3, 7, 7}},
         {"layer1.0.conv1.weight", "conv", "layer1", 0, -1, {64, 64, 3, 3}},
         {"fc.weight", "head"}});
  CHECK(naming_of("layer1.0.bn1.weight", Shape{64}, {}).normalization);
}

TEST_CASE("encoders: ModernBERT, DeBERTa, DistilBERT, nomic, Jina, Conformers", "[naming]") {
  check({{"model.layers.0.attn.Wqkv.weight", "attention.qkv", "model", 0},
         {"model.layers.0.attn.Wo.weight", "attention.o", "model", 0},
         {"model.layers.0.mlp.Wi.weight", "mlp.gate_up", "model", 0},
         {"model.layers.0.mlp.Wo.weight", "mlp.down", "model", 0},
         {"deberta.encoder.layer.0.attention.self.query_proj.weight", "attention.q",
          "deberta.encoder", 0},
         {"deberta.encoder.layer.0.attention.self.key_proj.weight", "attention.k",
          "deberta.encoder", 0},
         {"deberta.encoder.layer.0.attention.self.value_proj.weight", "attention.v",
          "deberta.encoder", 0},
         {"transformer.layer.0.attention.q_lin.weight", "attention.q", "transformer", 0},
         {"transformer.layer.0.attention.k_lin.weight", "attention.k", "transformer", 0},
         {"transformer.layer.0.attention.v_lin.weight", "attention.v", "transformer", 0},
         {"transformer.layer.0.attention.out_lin.weight", "attention.o", "transformer", 0},
         {"transformer.layer.0.ffn.lin1.weight", "mlp.up", "transformer", 0},
         {"transformer.layer.0.ffn.lin2.weight", "mlp.down", "transformer", 0},
         {"encoder.layers.0.mlp.fc11.weight", "mlp.up", "encoder", 0},
         {"encoder.layers.0.mlp.fc12.weight", "mlp.gate", "encoder", 0},
         {"encoder.layer.0.mlp.gated_layers.weight", "mlp.gate_up", "encoder", 0},
         {"encoder.layer.0.mlp.up_gated_layer.weight", "mlp.gate_up", "encoder", 0},
         {"encoder.layer.0.mlp.down_layer.weight", "mlp.down", "encoder", 0},
         {"encoder.layers.0.self_attn.linear_q.weight", "attention.q", "encoder", 0},
         {"encoder.layers.0.self_attn.linear_k.weight", "attention.k", "encoder", 0},
         {"encoder.layers.0.self_attn.linear_v.weight", "attention.v", "encoder", 0},
         {"encoder.layers.0.self_attn.linear_out.weight", "attention.o", "encoder", 0}});
}

TEST_CASE("decoders: EXAONE 3, nanochat, SmallThinker, MiniMax-M3, HRM, ZAYA, OpenELM",
          "[naming]") {
  check(
      {{"transformer.h.0.mlp.c_fc_0.weight", "mlp.gate", "transformer", 0},
       {"transformer.h.0.mlp.c_fc_1.weight", "mlp.up", "transformer", 0},
       {"transformer.h.0.attn.c_q.weight", "attention.q", "transformer", 0},
       {"transformer.h.0.attn.c_k.weight", "attention.k", "transformer", 0},
       {"transformer.h.0.attn.c_v.weight", "attention.v", "transformer", 0},
       {"value_embeds.3.weight", "embedding.value", "", -1},
       {"transformer.h.0.attn.attn.weight", "attention.qkv", "transformer", 0},  // LitGPT
       {"model.layers.0.block_sparse_moe.primary_router.weight", "router", "model", 0},
       {"model.layers.0.block_sparse_moe.experts.3.up.weight", "expert.up", "model", 0, 3},
       {"model.layers.0.block_sparse_moe.experts.3.gate.weight", "expert.gate", "model", 0, 3},
       {"model.layers.0.block_sparse_moe.experts.3.down.weight", "expert.down", "model", 0, 3},
       {"model.layers.0.self_attn.index_q_proj.weight", "indexer.q", "model", 0},
       {"model.layers.0.self_attn.index_k_proj.weight", "indexer.k", "model", 0},
       {"model.L_module.layers.0.attn.gqkv_proj.weight", "attention.gate_qkv", "model.L_module", 0},
       {"model.layers.0.self_attn.qkv.linear_q.weight", "attention.q", "model", 0},
       {"model.layers.0.self_attn.qkv.val_proj1.weight", "attention.v", "model", 0},
       {"transformer.layers.0.ffn.proj_1.weight", "mlp.gate_up", "transformer", 0},
       {"transformer.layers.0.ffn.proj_2.weight", "mlp.down", "transformer", 0},
       {"transformer.token_embeddings.weight", "embedding.token", "", -1}});
}
