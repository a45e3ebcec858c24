#include "wishart/core/text.hpp"

#include "tensor_spec.hpp"

namespace wishart::synth {
namespace {

/// A JSON object, one member a line.
class Object {
public:
  void number(const std::string& name, std::int64_t value) { raw(name, std::to_string(value)); }
  void text(const std::string& name, const std::string& value) { raw(name, json_quoted(value)); }
  void boolean(const std::string& name, bool value) { raw(name, value ? "true" : "false"); }
  void raw(const std::string& name, const std::string& value) {
    text_ += (text_.empty() ? "" : ",\n") + ("  " + json_quoted(name)) + ": " + value;
  }
  [[nodiscard]] std::string json() const { return "{\n" + text_ + "\n}\n"; }

private:
  std::string text_;
};

std::string torch_name(Dtype dtype) {
  if (dtype == Dtype::bf16) return "bfloat16";
  return dtype == Dtype::f16 ? "float16" : "float32";
}

/// The `model_type` of a family's config.json.
std::string type_of(Family family) {
  switch (family) {
    case Family::llama:
      return "llama";
    case Family::qwen2:
      return "qwen2";
    case Family::mixtral:
      return "mixtral";
    case Family::deepseek_v3:
      return "deepseek_v3";
    case Family::kimi_k2:
      return "kimi_k2";
    case Family::deepseek_v4:
      return "deepseek_v4";
    case Family::gpt_neox:
      return "gpt_neox";
    case Family::gpt_oss:
      return "gpt_oss";
  }
  return {};
}

void name_family(Object& config, const std::string& architecture, const std::string& type) {
  config.raw("architectures", "[" + json_quoted(architecture) + "]");
  config.text("model_type", type);
}

void add_attention(Object& config, const ModelShape& shape, const std::string& rope_theta) {
  config.number("num_attention_heads", shape.heads);
  config.number("num_key_value_heads", shape.kv_heads);
  config.raw("rope_theta", rope_theta);
  config.text("hidden_act", "silu");
}

void add_llama(Object& config, const ModelShape& shape) {
  name_family(config, "LlamaForCausalLM", type_of(shape.family));
  config.number("intermediate_size", shape.mlp);
  config.number("head_dim", shape.head_dim);
  config.raw("rms_norm_eps", "1e-05");
  add_attention(config, shape, "500000.0");
}

void add_qwen2(Object& config, const ModelShape& shape) {
  name_family(config, "Qwen2ForCausalLM", type_of(shape.family));
  config.number("intermediate_size", shape.mlp);
  config.raw("rms_norm_eps", "1e-06");
  add_attention(config, shape, "1000000.0");
}

void add_mixtral(Object& config, const ModelShape& shape) {
  name_family(config, "MixtralForCausalLM", type_of(shape.family));
  config.number("intermediate_size", shape.expert_mlp);
  config.number("head_dim", shape.head_dim);
  config.number("num_local_experts", shape.experts);
  config.number("num_experts_per_tok", shape.experts_per_token);
  config.raw("rms_norm_eps", "1e-05");
  add_attention(config, shape, "1000000.0");
}

void add_deepseek(Object& config, const ModelShape& shape) {
  name_family(config, "DeepseekV3ForCausalLM", type_of(shape.family));
  config.number("intermediate_size", shape.mlp);
  config.number("moe_intermediate_size", shape.expert_mlp);
  config.number("n_routed_experts", shape.experts);
  config.number("n_shared_experts", 1);
  config.number("num_experts_per_tok", shape.experts_per_token);
  config.number("first_k_dense_replace", shape.dense_blocks);
  config.number("moe_layer_freq", 1);
  config.number("n_group", shape.experts % 8 == 0 ? 8 : 1);
  config.number("topk_group", shape.experts % 8 == 0 ? 4 : 1);
  config.text("topk_method", "noaux_tc");
  config.text("scoring_func", "sigmoid");
  config.boolean("norm_topk_prob", true);
  config.raw("routed_scaling_factor", "2.5");
  config.number("q_lora_rank", shape.q_rank);
  config.number("kv_lora_rank", shape.kv_rank);
  config.number("qk_nope_head_dim", shape.nope_dim);
  config.number("qk_rope_head_dim", shape.rope_dim);
  config.number("v_head_dim", shape.value_dim);
  config.number("num_nextn_predict_layers", 0);
  config.raw("rms_norm_eps", "1e-06");
  add_attention(config, shape, "10000");
}

void add_deepseek_v4(Object& config, const ModelShape& shape) {
  name_family(config, "DeepseekV4ForCausalLM", type_of(shape.family));
  config.number("moe_intermediate_size", shape.expert_mlp);
  config.number("n_routed_experts", shape.experts);
  config.number("n_shared_experts", 1);
  config.number("num_experts_per_tok", shape.experts_per_token);
  config.number("num_hash_layers", 0);
  config.text("scoring_func", "sqrtsoftplus");
  config.number("head_dim", shape.head_dim);
  config.number("q_lora_rank", shape.q_rank);
  config.number("o_lora_rank", shape.o_rank);
  config.number("o_groups", shape.o_groups);
  config.number("qk_rope_head_dim", shape.rope_dim);
  config.number("index_n_heads", shape.index_heads);
  config.number("index_head_dim", shape.index_dim);
  config.number("hc_mult", shape.streams);
  config.number("num_nextn_predict_layers", 0);
  std::string ratios;
  for (std::int64_t i = 0; i < shape.kept_blocks; ++i) {
    const std::int64_t ratio = i < 2 ? shape.first_ratio : (i % 2 == 0 ? 4 : 128);
    ratios += (i > 0 ? ", " : "") + std::to_string(ratio);
  }
  config.raw("compress_ratios", "[" + ratios + "]");
  config.raw("rms_norm_eps", "1e-06");
  add_attention(config, shape, "10000");
}

void add_neox(Object& config, const ModelShape& shape) {
  name_family(config, "GPTNeoXForCausalLM", type_of(shape.family));
  config.number("intermediate_size", shape.mlp);
  config.number("num_attention_heads", shape.heads);
  config.raw("layer_norm_eps", "1e-05");
  config.raw("rotary_pct", "0.25");
  config.number("rotary_emb_base", 10000);
  config.boolean("use_parallel_residual", true);
  config.text("hidden_act", "gelu");
}

void add_gpt_oss(Object& config, const ModelShape& shape) {
  name_family(config, "GptOssForCausalLM", type_of(shape.family));
  config.number("intermediate_size", shape.expert_mlp);
  config.number("head_dim", shape.head_dim);
  config.number("num_local_experts", shape.experts);
  config.number("num_experts_per_tok", shape.experts_per_token);
  config.boolean("attention_bias", true);
  config.number("sliding_window", 128);
  config.raw("swiglu_limit", "7.0");
  std::string types;
  for (std::int64_t i = 0; i < shape.kept_blocks; ++i) {
    types += (i > 0 ? ", " : "") + json_quoted(i % 2 == 0 ? "sliding_attention" : "full_attention");
  }
  config.raw("layer_types", "[" + types + "]");
  config.raw("rms_norm_eps", "1e-05");
  add_attention(config, shape, "150000");
}

}  // namespace

std::string config_json(const ModelShape& shape, Dtype dtype) {
  Object config;
  switch (shape.family) {
    case Family::llama:
      add_llama(config, shape);
      break;
    case Family::qwen2:
      add_qwen2(config, shape);
      break;
    case Family::mixtral:
      add_mixtral(config, shape);
      break;
    case Family::deepseek_v3:
    case Family::kimi_k2:
      add_deepseek(config, shape);
      break;
    case Family::deepseek_v4:
      add_deepseek_v4(config, shape);
      break;
    case Family::gpt_neox:
      add_neox(config, shape);
      break;
    case Family::gpt_oss:
      add_gpt_oss(config, shape);
      break;
  }
  config.number("hidden_size", shape.hidden);
  config.number("num_hidden_layers", shape.kept_blocks);
  config.number("vocab_size", shape.vocabulary);
  config.boolean("tie_word_embeddings", shape.tied);
  config.raw("initializer_range", "0.02");
  config.text("torch_dtype", torch_name(dtype));
  return config.json();
}

ModelConfig described_config(const ModelShape& shape) {
  ModelConfig config;
  config.model_type = type_of(shape.family);
  config.hidden_size = shape.hidden;
  config.num_hidden_layers = shape.kept_blocks;
  config.num_attention_heads = shape.heads;
  config.num_key_value_heads = shape.kv_heads;
  config.vocab_size = shape.vocabulary;
  config.tie_word_embeddings = shape.tied;
  if (shape.mlp > 0) config.intermediate_size = shape.mlp;
  if (shape.expert_mlp > 0) config.moe_intermediate_size = shape.expert_mlp;
  if (shape.head_dim > 0) config.head_dim = shape.head_dim;
  if (shape.experts > 0) config.num_experts = shape.experts;
  return config;
}

}  // namespace wishart::synth
