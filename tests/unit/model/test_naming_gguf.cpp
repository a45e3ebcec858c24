/// @file
/// Roles, blocks and experts for names that llama.cpp gives.

#include <catch2/catch.hpp>

#include "naming_support.hpp"

using namespace wishart;
using namespace wishart::model;
using namespace wishart::test;

TEST_CASE("GGUF's names", "[naming]") {
  check({
      {"blk.3.attn_q_a.weight", "attention.q_a", "", 3},
      {"blk.3.attn_q_b.weight", "attention.q_b", "", 3},
      {"blk.3.attn_kv_a_mqa.weight", "attention.kv_a", "", 3},
      {"blk.3.attn_kv_b.weight", "attention.kv_b", "", 3},
      {"blk.3.ffn_gate_shexp.weight", "shared_expert.gate", "", 3},
      {"blk.3.ffn_up_shexp.weight", "shared_expert.up", "", 3},
      {"blk.3.ffn_down_shexp.weight", "shared_expert.down", "", 3},
      {"blk.3.ffn_gate_up_exps.weight", "expert.gate_up", "", 3, -1, {4, 64, 32}},
      {"blk.3.ssm_in.weight", "ssm.in_proj", "", 3},
      {"blk.3.ssm_out.weight", "ssm.out_proj", "", 3},
  });
  check({{"token_embd.weight", "embedding.token"},
         {"blk.7.attn_q.weight", "attention.q", "", 7},
         {"blk.7.attn_output.weight", "attention.o", "", 7},
         {"blk.7.ffn_gate.weight", "mlp.gate", "", 7},
         {"blk.7.ffn_gate_inp.weight", "router", "", 7},
         {"blk.7.ffn_up_exps.weight", "expert.up", "", 7, -1, {8, 4, 4}},
         {"output.weight", "head"}});
}

TEST_CASE("GGUF: names of DeepSeek-V4, T5, hybrid models, RWKV and CogVLM", "[naming]") {
  // gguf-py/gguf/constants.py of llama.cpp
  check({{"blk.0.attn_kv.weight", "attention.kv", "", 0},
         {"blk.0.attn_output_a.weight", "attention.o_a", "", 0},
         {"blk.0.attn_output_b.weight", "attention.o_b", "", 0},
         {"dec.blk.0.attn_o.weight", "attention.o", "dec", 0},
         {"dec.blk.0.cross_attn_q.weight", "attention.q", "dec", 0},
         {"dec.blk.0.cross_attn_k.weight", "attention.k", "dec", 0},
         {"dec.blk.0.cross_attn_v.weight", "attention.v", "dec", 0},
         {"dec.blk.0.cross_attn_o.weight", "attention.o", "dec", 0},
         {"blk.0.ssm_ba.weight", "ssm.in_proj_ba", "", 0},
         {"blk.0.ssm_alpha.weight", "ssm.in_proj_a", "", 0},
         {"blk.0.ssm_beta.weight", "ssm.in_proj_b", "", 0},
         {"blk.0.ssm_x.weight", "ssm.x_proj", "", 0},
         {"blk.0.ssm_dt.weight", "ssm.dt_proj", "", 0},
         {"blk.0.time_mix_key.weight", "attention.k", "", 0},
         {"blk.0.time_mix_value.weight", "attention.v", "", 0},
         {"blk.0.time_mix_gate.weight", "attention.gate", "", 0},
         {"blk.0.time_mix_output.weight", "attention.o", "", 0},
         {"blk.0.time_mix_receptance.weight", "other", "", 0},
         {"blk.0.channel_mix_key.weight", "mlp.up", "", 0},
         {"blk.0.channel_mix_value.weight", "mlp.down", "", 0},
         {"blk.0.vis_attn_qkv.weight", "attention.qkv", "", 0},
         {"blk.0.vis_attn_output.weight", "attention.o", "", 0},
         {"blk.0.vis_gate.weight", "mlp.gate", "", 0},
         {"blk.0.vis_up.weight", "mlp.up", "", 0},
         {"blk.0.vis_down.weight", "mlp.down", "", 0}});
}

TEST_CASE("GGUF: the first files of Mixtral number experts behind their maps", "[naming]") {
  check({{"blk.3.ffn_gate.7.weight", "expert.gate", "", 3, 7},
         {"blk.3.ffn_up.0.weight", "expert.up", "", 3, 0},
         {"blk.3.ffn_down.1.weight", "expert.down", "", 3, 1},
         {"blk.3.ffn_down.weight", "mlp.down", "", 3}});
  CHECK(naming_of("blk.3.ffn_up.0.weight", Shape{8, 4}, {}).routed_experts);
}
