/// @file
/// Factors of adapters in files that are read as whole models: what is refused, and what is not.

#include <algorithm>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::safetensors_bytes;
using wishart::test::TempFolder;
using wishart::test::TensorText;

namespace {

/// Matrices of one element; names that end in `alpha` are scalars.
std::vector<TensorText> matrices(const std::vector<std::string>& names) {
  std::vector<TensorText> tensors;
  for (const std::string& name : names) {
    const bool scalar = name.ends_with("alpha");
    tensors.push_back({name, "F32",
                       scalar ? std::vector<std::int64_t>{} : std::vector<std::int64_t>{1, 1},
                       std::string(4, '\0')});
  }
  return tensors;
}

/// What is said of a folder with these tensors, after the path; empty: it is opened.
std::string refusal(const std::vector<std::string>& names) {
  const TempFolder folder;
  folder.write("adapters.safetensors", safetensors_bytes(matrices(names)));
  try {
    const Catalogue catalogue = open_checkpoint(folder.path());
    CHECK(catalogue.tensors.size() == names.size());
    return "";
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::input);
    const std::string begin = folder.path().string() + ": expected whole weights, found ";
    const std::string text = error.what();
    CHECK(text.starts_with(begin));
    return text.substr(std::min(begin.size(), text.size()));
  }
}

std::string factors_of(const std::string& writer, const std::string& first,
                       const std::string& remedy) {
  return "factors of an adapter as of " + writer + ", the first of them '" + first + "'. " + remedy;
}

const std::string kQ = "model.layers.0.self_attn.q_proj";

}  // namespace

TEST_CASE("files of factors without their weights are refused", "[checkpoint][adapter]") {
  const std::string fuse =
      "Fuse it into its model (mlx_lm.fuse), and scan that, or convert it to PEFT's format";
  CHECK(refusal({kQ + ".lora_a", kQ + ".lora_b"}) == factors_of("mlx-lm", kQ + ".lora_a", fuse));
  CHECK(refusal({kQ + ".lora_a.weight", kQ + ".lora_b.weight"}) ==
        factors_of("torchtune", kQ + ".lora_a.weight",
                   "torchtune writes them for PEFT too: scan the folder that has "
                   "adapter_model.safetensors and adapter_config.json"));
  const std::string llama = "blk.0.attn_q.weight.lora_a";
  CHECK(refusal({llama, "blk.0.attn_q.weight.lora_b"}) ==
        factors_of("llama.cpp", llama,
                   "Merge it into its model (llama-export-lora), and scan that, or scan the "
                   "adapter of PEFT that it was made from"));
  const std::string kohya =
      "Merge it into its model, and scan that, or convert it to PEFT's format";
  const std::string te = "lora_te_text_model_encoder_layers_0_mlp_fc1";
  CHECK(refusal({te + ".alpha", te + ".lora_down.weight", te + ".lora_up.weight"}) ==
        factors_of("kohya's sd-scripts", te + ".lora_down.weight", kohya));
  CHECK(refusal({te + ".alpha", te + ".dora_scale", te + ".hada_w1_a", te + ".hada_w1_b"}) ==
        factors_of("kohya's sd-scripts", te + ".hada_w1_a", kohya));
  CHECK(refusal({te + ".lokr_w1", te + ".lokr_w2"}) ==
        factors_of("kohya's sd-scripts", te + ".lokr_w1", kohya));
  // LyCORIS: OFT, whole changes, cores of LoHa and LoKr, GLoRA.
  for (const std::string word : {"oft_blocks", "oft_diag", "diff", "lokr_w1", "hada_w1_a"}) {
    CHECK(refusal({te + ".alpha", te + "." + word}) ==
          factors_of("kohya's sd-scripts", te + "." + word, kohya));
  }
  CHECK(refusal({te + ".hada_t1", te + ".hada_w1_a", te + ".lokr_t2", te + ".oft_blocks",
                 te + ".rescale"}) == factors_of("kohya's sd-scripts", te + ".hada_t1", kohya));
  CHECK(refusal({te + ".a1.weight", te + ".a2.weight", te + ".alpha", te + ".b1.weight"}) ==
        factors_of("kohya's sd-scripts", te + ".a1.weight", kohya));
  CHECK(refusal({"m.a1.weight", "m.a2.weight", "m.b1.weight"}).empty());
  for (const std::string mark : {"attn1.processor.to_q_lora.", "q_proj.lora_linear_layer."}) {
    CHECK(refusal({mark + "down.weight", mark + "up.weight"}) ==
          factors_of("kohya's sd-scripts", mark + "down.weight", kohya));
  }
  const std::string peft =
      "If it is PEFT's, name it adapter_model.safetensors, beside its adapter_config.json. Else "
      "merge it into its model, and scan that";
  for (const std::string end : {".weight", ".default.weight", ""}) {
    CHECK(refusal({kQ + ".lora_A" + end, kQ + ".lora_B" + end}) ==
          factors_of("PEFT", kQ + ".lora_A" + end, peft));
  }
  // A weight that was saved with them makes no model.
  CHECK(refusal({kQ + ".lora_A.weight", kQ + ".lora_B.weight", "score.weight"}) ==
        factors_of("PEFT", kQ + ".lora_A.weight", peft));
}

TEST_CASE("factors of Megatron-Bridge and NeMo are refused, alone and beside their weights",
          "[checkpoint][adapter]") {
  const std::string merge =
      "Merge it into its model (merge_lora.py), and scan that, or export it for PEFT";
  const std::string fc1 = "decoder.layers.mlp.linear_fc1";
  for (const std::string& factor :
       {fc1 + ".adapter.linear_in.weight", fc1 + ".adapter.adapter_up.linear_out.weight",
        fc1 + ".adapter.linear_in.weight3",
        std::string("self_attention.adapter_layer.lora_kqv_adapter.linear_in.weight")}) {
    CHECK(refusal({factor}) == factors_of("Megatron-Bridge or NeMo", factor, merge));
  }
  const std::string in = fc1 + ".adapter.linear_in.weight";
  CHECK(refusal({"decoder.layers.mlp.linear_fc2.weight", in, fc1 + ".adapter.linear_out.weight",
                 fc1 + ".weight", "embedding.word_embeddings.weight"}) ==
        factors_of("Megatron-Bridge or NeMo, beside the weights that they change", in,
                   "Merge them (merge_lora.py), and scan the model that it saves"));
  // Modules of models that have such names.
  CHECK(refusal({"mlp.linear_in.weight", "mlp.linear_out.weight"}).empty());
  CHECK(
      refusal({"adapter.linear_1.weight", "adapter.linear_2.weight", "x.adapter.weight"}).empty());
  CHECK(refusal({"embed.weight", "h.0.adapter.linear_in.weight", "h.0.adapter.linear_out.weight",
                 "h.0.attn.weight"})
            .empty());
}

TEST_CASE("factors of KerasHub and mlx-vlm are refused", "[checkpoint][adapter]") {
  const std::string load =
      "Load it into its model (load_lora_weights), save the weights of that, and scan them";
  for (const std::string word : {"kernel", "embeddings"}) {
    const std::string first = "lora.3.lora_" + word + "_a";
    CHECK(refusal({first, "lora.3.lora_" + word + "_b"}) == factors_of("KerasHub", first, load));
  }
  const auto shaped = [](const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b,
                         bool of_adapter = true) {
    const auto bytes = [](const std::vector<std::int64_t>& shape) {
      return std::string(static_cast<std::size_t>(4 * shape[0] * shape[1]), '\0');
    };
    const TempFolder folder;
    folder.write("adapters.safetensors", safetensors_bytes({{kQ + ".A", "F32", a, bytes(a)},
                                                            {kQ + ".B", "F32", b, bytes(b)}}));
    // As mlx-vlm writes it; PEFT's has other keys.
    if (of_adapter) folder.write("adapter_config.json", R"({"rank": 2, "alpha": 1, "dropout": 0})");
    const std::string begin = folder.path().string() + ": expected whole weights, found ";
    const std::string text =
        wishart::test::error_of([&] { static_cast<void>(open_checkpoint(folder.path())); });
    return text.substr(text.starts_with(begin) ? begin.size() : 0);
  };
  CHECK(shaped({4, 2}, {2, 3}) ==
        factors_of("mlx-vlm", kQ + ".A",
                   "Merge it into its model, and scan that, or convert it to PEFT's format"));
  // State-space models have matrices A and B, which are no factors of one matrix.
  CHECK(shaped({4, 4}, {4, 1}) == "nothing was thrown");
  CHECK(shaped({4, 2}, {4, 2}) == "nothing was thrown");
  // Products of a model's own, as of linear recurrences.
  CHECK(shaped({4, 2}, {2, 3}, false) == "nothing was thrown");
}

TEST_CASE("factors that were not merged are refused", "[checkpoint][adapter]") {
  CHECK(refusal({"model.embed_tokens.weight", kQ + ".base_layer.weight",
                 kQ + ".lora_A.default.weight", kQ + ".lora_B.default.weight"}) ==
        factors_of("PEFT, beside the weights that they change", kQ + ".lora_A.default.weight",
                   "Merge them (merge_and_unload), and save the model again"));
}

TEST_CASE("models with factors of their own are read", "[checkpoint][adapter]") {
  // Phi-4-multimodal: more factors than weights, each beside its weight.
  CHECK(refusal({kQ + ".base_layer.weight", kQ + ".lora_A.speech.weight",
                 kQ + ".lora_A.vision.weight", kQ + ".lora_B.speech.weight",
                 kQ + ".lora_B.vision.weight"})
            .empty());
  // jina-embeddings-v3
  CHECK(refusal({kQ + ".parametrizations.weight.0.lora_A", kQ + ".parametrizations.weight.0.lora_B",
                 kQ + ".parametrizations.weight.original"})
            .empty());
  // DeepSeek, RWKV-7, InternLM-XComposer2, loralib
  for (const auto& [a, b] :
       {std::pair(".q_a_proj.weight", ".q_b_proj.weight"), std::pair(".w1", ".w2"),
        std::pair(".Plora_A.weight", ".Plora_B.weight"),
        std::pair(".w_lora.lora.0.weight", ".w_lora.lora.2.weight")}) {
    CHECK(refusal({std::string("x") + a, std::string("x") + b}).empty());
  }
  CHECK(refusal({kQ + ".lora_A", kQ + ".lora_B", kQ + ".weight"}).empty());
  // A low-rank part with no weight beside it, in a whole model.
  CHECK(refusal({"embed.weight", "a.lora_A.weight", "a.lora_B.weight", "a_proj.weight"}).empty());
}
