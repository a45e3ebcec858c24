/// @file
/// Names of models of 2025 and 2026, and what tells heads, routers and experts apart.

#include <catch2/catch.hpp>

#include "naming_support.hpp"

using namespace wishart;
using namespace wishart::model;
using namespace wishart::test;

TEST_CASE("a head has the sizes of the vocabulary and of the model", "[naming]") {
  ModelConfig config = config_of("qwen3_5");
  config.hidden_size = 64;
  const auto role = [&](const char* name, const Shape& shape) {
    return naming_of(name, shape, config).role;
  };
  for (const std::int64_t vocabulary : {0, 128}) {
    if (vocabulary > 0) config.vocab_size = vocabulary;
    CHECK(role("mtp.fc.weight", {64, 128}) == "other");  // Qwen3-Next and later
    CHECK(role("fc.weight", {64, 192}) == "other");      // EAGLE-3
    CHECK(role("multi_modal_projector.linear.weight", {64, 96}) == "other");  // PaliGemma
    CHECK(role("fc.weight", {128, 64}) == "head");
    CHECK(role("output.weight", {136, 64}) == "head");  // a padded vocabulary
    CHECK(role("lm_head.weight", {128, 64}) == "head");
    CHECK(role("model.layers.61.shared_head.head.weight", {128, 64}) == "head");
  }
  CHECK(role("output.weight", {64, 64}) == "other");
  CHECK(role("fc.weight", {127, 64}) == "other");
  CHECK(role("fc.weight", {512, 64}) == "other");
  CHECK(role("head.kernel", {64, 128}) == "head");
  CHECK(role("model.transformer.ff_out.weight", {64, 256}) == "other");
  CHECK(role("model.transformer.blocks.0.ff_out.weight", {64, 256}) == "mlp.down");
  // What a name says by itself: a draft's smaller vocabulary, and labels instead of words.
  CHECK(role("lm_head.weight", {32, 64}) == "head");
  CHECK(role("score.weight", {2, 64}) == "head");
}

TEST_CASE("a gate in an MLP is a router if it has a row for each expert", "[naming]") {
  ModelConfig config = config_of("inkling_mm_model", 16);
  config.hidden_size = 64;
  config.moe_intermediate_size = 24;
  const auto role = [&](const char* name, std::int64_t rows) {
    return naming_of(name, Shape{rows, 64}, config).role;
  };
  CHECK(role("model.llm.layers.2.mlp.gate.weight", 16) == "router");
  CHECK(role("model.llm.layers.2.mlp.gate.weight", 18) == "router");  // and two that are shared
  CHECK(role("model.llm.layers.2.mlp.gate.weight", 24) == "mlp.gate");
  CHECK(role("model.llm.layers.2.mlp.gate.weight", 32) == "mlp.gate");
  CHECK(role("model.llm.layers.2.mlp.gate.weight", 8) == "mlp.gate");
  CHECK(role("model.llm.layers.2.mlp.experts.3.gate.weight", 16) == "expert.gate");
}

TEST_CASE("names of routers", "[naming]") {
  check({{"model.layers.0.router.proj.weight", "router", "model", 0},                    // Gemma 4
         {"model.layers.0.block_sparse_moe.router.layer.weight", "router", "model", 0},  // Granite
         {"transformer.blocks.0.ffn.router.layer.weight", "router", "transformer", 0},   // DBRX
         {"model.layers.0.mlp.router.classifier.weight", "router", "model", 0},          // LongCat
         {"model.layers.0.mlp.router.linear.weight", "router", "model", 0},              // unsloth
         {"router.classifier.weight", "router"}});
}

TEST_CASE("Inkling", "[naming]") {
  check({{"model.llm.embed.weight", "embedding.token"},
         {"model.llm.unembed.weight", "head"},
         {"model.llm.layers.2.attn.wq_du.weight", "attention.q", "model.llm", 2},
         {"model.llm.layers.2.attn.wk_dv.weight", "attention.k", "model.llm", 2},
         {"model.llm.layers.2.attn.wv_dv.weight", "attention.v", "model.llm", 2},
         {"model.llm.layers.2.attn.wo_ud.weight", "attention.o", "model.llm", 2},
         {"model.llm.layers.2.attn.wr_du.weight", "other", "model.llm", 2},
         {"model.llm.layers.2.attn.rel_logits_proj.proj", "other", "model.llm", 2},
         {"model.llm.layers.0.mlp.w13_dn.weight", "mlp.gate_up", "model.llm", 0},
         {"model.llm.layers.0.mlp.w2_md.weight", "mlp.down", "model.llm", 0},
         {"model.llm.layers.2.mlp.experts.w13_weight",
          "expert.gate_up",
          "model.llm",
          2,
          -1,
          {16, 48, 64}},
         {"model.llm.layers.2.mlp.experts.w2_weight",
          "expert.down",
          "model.llm",
          2,
          -1,
          {16, 64, 24}},
         {"model.llm.layers.2.mlp.shared_experts.shared_w13_weight",
          "shared_expert.gate_up",
          "model.llm",
          2,
          -1,
          {2, 48, 64}},
         {"model.llm.layers.2.mlp.shared_experts.shared_w2_weight",
          "shared_expert.down",
          "model.llm",
          2,
          -1,
          {2, 64, 24}}},
        config_of("inkling_mm_model", 16));
}

TEST_CASE("experts of Step-3.5, Granite and JetMoE", "[naming]") {
  const Shape stack{4, 32, 64};
  const std::string moe = "model.layers.0.moe.";
  CHECK(naming_of(moe + "gate_proj.weight", stack, {}).routed_experts);
  CHECK(naming_of(moe + "gate_proj.weight", stack, {}).role == "expert.gate");
  CHECK(naming_of(moe + "up_proj.weight", stack, {}).role == "expert.up");
  CHECK(naming_of(moe + "down_proj.weight", stack, {}).role == "expert.down");
  CHECK(naming_of(moe + "gate.weight", Shape{4, 64}, config_of("step3p5", 4)).role == "router");
  check({{"model.layers.0.share_expert.up_proj.weight", "shared_expert.up", "model", 0},
         {"model.layers.0.block_sparse_moe.input_linear.weight", "expert.gate_up", "model", 0, -1,
          stack},
         {"model.layers.0.block_sparse_moe.output_linear.weight", "expert.down", "model", 0, -1,
          stack},
         {"model.layers.0.mlp.input_linear.weight", "expert.gate_up", "model", 0, -1, stack},
         {"model.layers.0.shared_mlp.input_linear.weight", "shared_expert.gate_up", "model", 0},
         {"model.layers.0.shared_mlp.output_linear.weight", "shared_expert.down", "model", 0}},
        config_of("granitemoe", 4));
  // Granite's models without experts have the same module.
  ModelConfig none = config_of("granitemoehybrid");
  none.num_experts = 0;
  check({{"model.layers.0.shared_mlp.input_linear.weight", "mlp.gate_up", "model", 0}}, none);
}

TEST_CASE("numbers of experts at the end of a name", "[naming]") {
  // Changes of a stack by an adapter; unsloth's gpt-oss; DeepSpeed's AutoEP.
  check({{"model.layers.0.mlp.experts.gate_up_proj[2]", "expert.gate_up", "model", 0, 2},
         {"model.layers.0.mlp.experts.down_proj[13]", "expert.down", "model", 0, 13},
         {"backbone.layers.1.mixer.experts.up_proj[3]", "expert.up", "backbone", 1, 3},
         {"backbone.layers.1.mixer.experts[3]", "other", "backbone", 1, 3},
         {"backbone.layers.1.mixer.experts.base_layer[3]", "other", "backbone", 1, 3},
         {"model.layers.0.moe.up_proj[1]", "expert.up", "model", 0, 1},
         {"model.layers.0.mlp.experts.gate_up_projs.7.weight", "expert.gate_up", "model", 0, 7},
         {"model.layers.0.mlp.experts.down_projs.0.weight", "expert.down", "model", 0, 0},
         {"model.layers.0.self_attn.q_proj[1]", "attention.q", "model", 0},
         {"model.layers.0.self_attn.q_proj[x]", "other", "model", 0}});
}

TEST_CASE("embeddings beside those of tokens, and the native names of Mistral Large 3",
          "[naming]") {
  check({{"layers.1.ple.ple_embedding.ngram_embedding.shard_0.weight", "embedding.ngram", "", 1},
         {"layers.1.ple.ple_embedding.ngram_embedding.shard_127.weight", "embedding.ngram", "", 1},
         {"model.language_model.embed_tokens_per_layer.weight", "embedding.per_layer"},
         {"per_layer_token_embd.weight", "embedding.per_layer"},
         {"layers.0.attention.wkv_a_with_mqa.weight", "attention.kv_a", "", 0}});
}

TEST_CASE("torchtitan ends names with a letter for each axis", "[naming]") {
  const Shape stack{16, 48, 64};
  const std::string experts = "layers.1.moe.routed_experts.inner_experts.";
  check({{(experts + "w1_EFD").c_str(), "expert.gate", "", 1, -1, stack},
         {(experts + "w2_EDF").c_str(), "expert.down", "", 1, -1, stack},
         {(experts + "w3_EFD").c_str(), "expert.up", "", 1, -1, stack},
         {(experts + "w3_EFD[3]").c_str(), "expert.up", "", 1, 3},
         {(experts + "mlp1_weight_EGD").c_str(), "expert.gate_up", "", 1, -1, stack},
         {(experts + "mlp1_weight").c_str(), "expert.gate_up", "", 1, -1, stack},
         {(experts + "mlp2_weight_EDF").c_str(), "expert.down", "", 1, -1, stack},
         {"layers.1.moe.shared_experts.w1.weight", "shared_expert.gate", "", 1},
         {"layers.1.moe.router.gate.weight", "router", "", 1},
         // openai/gpt-oss
         {"block.0.mlp.mlp1_weight", "expert.gate_up", "", 0, -1, stack},
         {"block.0.mlp.mlp2_weight", "expert.down", "", 0, -1, stack}});
  const auto of = [&](const char* name) { return naming_of(experts + name, Shape{16, 64}, {}); };
  CHECK(of("mlp1_bias_EG").bias);
  CHECK(of("mlp2_bias_ED").bias);
  CHECK(of("w1_EF").role == "expert.gate");
  CHECK(of("w1_EFD").role == "other");  // as many letters as axes, or none is one
  CHECK(of("w1_Ef").role == "other");
  CHECK(naming_of(experts + "w1_EFD", stack, {}).routed_experts);
  CHECK(naming_of("w1_", stack, {}).role == "other");
  CHECK(naming_of("_EFD", stack, {}).role == "other");
}

TEST_CASE("RWKV", "[naming]") {
  // BlinkDL's version 7, as transformers has it too, and version 6.
  for (const std::string begin : {"", "rwkv7."}) {
    const std::string stack = begin.empty() ? "" : "rwkv7";
    const auto role = [&](const char* name) {
      const Naming naming = naming_of(begin + name, Shape{64, 32}, {});
      CHECK(naming.stack == (naming.block < 0 ? "" : stack));
      return naming.role;
    };
    CHECK(role("emb.weight") == "embedding.token");
    for (const char* factor : {"w1", "w2", "a1", "a2", "v1", "v2", "g1", "g2"}) {
      CHECK(role((std::string("blocks.1.att.") + factor).c_str()) == "other");
    }
    CHECK(role("blocks.1.att.receptance.weight") == "other");
    CHECK(role("blocks.1.att.key.weight") == "attention.k");
    CHECK(role("blocks.1.att.value.weight") == "attention.v");
    CHECK(role("blocks.1.att.gate.weight") == "attention.gate");
    CHECK(role("blocks.1.ffn.key.weight") == "mlp.up");
    CHECK(role("blocks.1.ffn.value.weight") == "mlp.down");
  }
  check({{"rwkv.blocks.0.attention.gate.weight", "attention.gate", "rwkv", 0},
         {"rwkv.blocks.0.attention.key.weight", "attention.k", "rwkv", 0},
         {"rwkv.blocks.0.feed_forward.key.weight", "mlp.up", "rwkv", 0},
         {"rwkv.blocks.0.feed_forward.value.weight", "mlp.down", "rwkv", 0},
         {"head.weight", "head"},
         {"pos_emb.emb.weight", "other"},
         {"net.pos_emb.emb.weight", "other"},
         // Others keep theirs.
         {"encoder.layer.0.attention.self.key.weight", "attention.k", "encoder", 0},
         {"layers.0.feed_forward.w1.weight", "mlp.gate", "", 0},
         {"transformer.h.0.w2.weight", "mlp.down", "transformer", 0}});
}

TEST_CASE("gates of attention are none of the MLP, and no routers", "[naming]") {
  check({{"model.layers.0.self_attn.gate_proj.weight", "attention.gate", "model", 0},  // AFMoE
         {"model.layers.0.self_attn.g_proj.weight", "attention.gate", "model", 0},     // Laguna
         {"model.layers.0.self_attn.gate.weight", "attention.gate", "model", 0},       // QRWKV
         {"blk.0.attn_gate.weight", "attention.gate", "", 0},
         {"model.layers.0.mlp.gate_proj.weight", "mlp.gate", "model", 0},
         {"model.layers.0.cross_attn_decoder.mlp.gate_proj.weight", "mlp.gate", "model", 0},
         {"model.layers.0.self_attn.moe.gate.weight", "router", "model", 0},
         {"model.layers.0.mlp.gate.wg.weight", "router", "model", 0},
         {"model.layers.0.mlp.gate.weight", "router", "model", 0}},
        config_of("afmoe", 64));
}

TEST_CASE("a stack of blocks that is named after attention has MLPs and routers", "[naming]") {
  check({{"attention_decoder.layers.0.w1.weight", "mlp.gate", "attention_decoder", 0},
         {"attention_decoder.layers.0.gate.weight", "router", "attention_decoder", 0},
         {"cross_attn.blocks.1.gate_proj.weight", "mlp.gate", "cross_attn", 1},
         {"attention_decoder.layers.0.attn.gate_proj.weight", "attention.gate", "attention_decoder",
          0},
         {"attention_decoder.layers.0.wo.weight", "attention.o", "attention_decoder", 0},
         {"encoder.block.0.layer.0.SelfAttention.o.weight", "attention.o", "encoder", 0},
         {"layers.0.feedforward.c_proj.weight", "mlp.down", "", 0},
         {"layers.0.ff.c_proj.weight", "mlp.down", "", 0},
         {"layers.0.moe_layer.key.weight", "mlp.up", "", 0}});
}

TEST_CASE("NeoBERT, and the small experts of GroveMoE", "[naming]") {
  check(
      {{"model.transformer_encoder.3.qkv.weight", "attention.qkv", "model", 3},
       {"model.transformer_encoder.3.wo.weight", "attention.o", "model", 3},
       {"model.transformer_encoder.3.ffn.w12.weight", "mlp.gate_up", "model", 3},
       {"transformer_encoder.0.layers.3.linear1.weight", "other", "transformer_encoder.0", 3},
       {"model.layers.0.mlp.experts.2.up_proj.weight", "expert.up", "model", 0, 2},
       {"model.layers.0.mlp.chunk_experts.1.up_proj.weight", "chunk_expert.up", "model", 0, 1},
       {"model.layers.0.mlp.chunk_experts.1.gate_proj.weight", "chunk_expert.gate", "model", 0, 1},
       {"blk.0.ffn_down_chexps.weight", "chunk_expert.down", "", 0, -1, {2, 64, 32}}});
  CHECK(naming_of("blk.0.ffn_up_chexps.weight", Shape{2, 32, 64}, {}).routed_experts);
}
