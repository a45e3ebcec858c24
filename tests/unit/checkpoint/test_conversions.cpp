/// @file
/// Experts and latent attention as other programs store them than the hub: MLX, llm-compressor,
/// gpt-oss's blocks, GGUF.

#include <span>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/checkpoint/experts.hpp"

#include "gguf_support.hpp"
#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"
#include "usual_names.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::bytes_of;
using wishart::test::gguf_bytes;
using wishart::test::gguf_fact;
using wishart::test::gguf_floats;
using wishart::test::gguf_text;
using wishart::test::GgufParts;
using wishart::test::safetensors_bytes;
using wishart::test::TempFolder;
using wishart::test::TensorText;

namespace {

using Names = std::vector<std::string>;
using Shape = std::vector<std::int64_t>;
using Numbers = std::vector<std::int64_t>;

constexpr const char* kMlx = R"("__metadata__":{"format":"mlx"},)";

Tensor stack(const std::string& name, std::int64_t rows, std::int64_t cols) {
  Tensor tensor;
  tensor.name = name;
  tensor.shape = {2, rows, cols};
  tensor.num_elements = 2 * rows * cols;
  return tensor;
}

Tensor coded(Tensor tensor, const std::string& stored_as) {
  tensor.encoding = Encoding::codes;
  tensor.stored_as = stored_as;
  return tensor;
}

ModelConfig family(const std::string& type, std::int64_t width) {
  ModelConfig config;
  config.model_type = type;
  config.hidden_size = width;
  return config;
}

Names names_in(const Tensor& tensor, const ModelConfig& config) {
  Names names;
  for (const Tensor& one : single_experts(tensor, config)) names.push_back(one.name);
  return names;
}

/// first, row stride, column stride of the first expert; empty: the stack is not taken apart.
Numbers strides_in(const Tensor& tensor, const ModelConfig& config) {
  const std::vector<Tensor> singles = single_experts(tensor, config);
  return singles.empty() ? Numbers{} : singles.front().numbers;
}

TensorText floats(const std::string& name, const Shape& shape, const std::vector<float>& values) {
  return {name, "F32", shape, bytes_of(std::span<const float>(values))};
}

/// Elements from `first` on, each higher by 1.
TensorText counted(const std::string& name, const Shape& shape, float first) {
  std::vector<float> values;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(first + static_cast<float>(i));
  return floats(name, shape, values);
}

std::vector<double> values_of(const Catalogue& catalogue, const Tensor& tensor) {
  FileReader reader(catalogue.root, catalogue.files);
  std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
  const std::int64_t width = tensor.shape.back();
  reader.read_rectangle(tensor, {0, tensor.num_elements / width, 0, width}, values);
  return values;
}

/// All matrices of a difference to a base are there, and zero.
void check_equal(const Catalogue& difference, std::size_t matrices) {
  CHECK(difference.left_out.empty());
  CHECK(difference.tensors.size() == matrices);
  for (const Tensor& tensor : difference.tensors) {
    CAPTURE(tensor.name);
    CHECK(tensor.shape.size() == 2);
    for (const double value : values_of(difference, tensor)) CHECK(value == 0.0);
  }
}

}  // namespace

TEST_CASE("MLX's stacks are [experts, out, in], whatever their sizes", "[checkpoint][experts]") {
  const Numbers by_rows{0, 4, 1};
  const ModelConfig gpt_oss = family("gpt_oss", 4);
  CHECK(strides_in(stack("l.0.mlp.experts.down_proj", 4, 4), gpt_oss) == Numbers{0, 1, 4});
  for (const char* part : {"gate_proj", "up_proj", "down_proj"}) {
    CAPTURE(part);
    const std::string name = "l.0.mlp.experts." + std::string(part) + ".weight";
    CHECK(strides_in(stack(name, 4, 4), gpt_oss) == by_rows);
    CHECK(strides_in(coded(stack(name, 4, 4), "MLX int4"), gpt_oss) == by_rows);
    CHECK(reading_of(stack(name, 4, 4), gpt_oss) == StackReading::known);
    // Of no family that is known, and of experts that are as wide as something else.
    const std::string other = "l.0.mlp.switch_mlp." + std::string(part) + ".weight";
    CHECK(strides_in(stack(other, 4, 4), family("next_moe", 9)) == by_rows);
    CHECK(reading_of(stack(other, 4, 4), family("next_moe", 9)) == StackReading::known);
  }
  // With sizes that tell otherwise, the module `experts` is not MLX's.
  CHECK(strides_in(stack("experts.down_proj.weight", 3, 4), gpt_oss) == Numbers{0, 1, 4});
}

TEST_CASE("single experts of MLX have the names of the hub", "[checkpoint][experts]") {
  const auto first = [](const std::string& name, const std::string& type) {
    const Names names = names_in(stack(name, 3, 4), family(type, 4));
    return names.empty() ? std::string() : names.front();
  };
  const std::string linear = ".weight";
  CHECK(first("l.0.mlp.switch_mlp.up_proj" + linear, "qwen3_moe") ==
        "l.0.mlp.experts.0.up_proj.weight");
  CHECK(first("l.0.block_sparse_moe.switch_mlp.down_proj" + linear, "mixtral") ==
        "l.0.block_sparse_moe.experts.0.w2.weight");
  CHECK(first("l.0.mlp.switch_mlp.gate_proj" + linear, "kimi_linear") ==
        "l.0.block_sparse_moe.experts.0.w1.weight");
  CHECK(first("l.0.feed_forward.switch_mlp.up_proj" + linear, "lfm2_moe") ==
        "l.0.feed_forward.experts.0.w3.weight");
  CHECK(first("l.0.experts.switch_glu.up_proj" + linear, "gemma4") ==
        "l.0.experts.0.up_proj.weight");
  CHECK(first("l.0.mixer.switch_mlp.fc1" + linear, "nemotron_h") ==
        "l.0.mixer.experts.0.up_proj.weight");
  CHECK(first("l.0.mixer.switch_mlp.fc2" + linear, "nemotron_h") ==
        "l.0.mixer.experts.0.down_proj.weight");
  CHECK(first("l.0.moe.switch_mlp.fc1" + linear, "phixtral").empty());
  CHECK(first("l.0.mlp.experts.fc1" + linear, "nemotron_h").empty());
  CHECK(first("l.0.mlp.switch_mlp_1.up_proj" + linear, "ernie4_5_moe_vl") ==
        "l.0.mlp.experts.2.up_proj.weight");
  CHECK(names_in(stack("l.0.mlp.switch_mlp.gate_up_proj.weight", 4, 4), family("laguna", 4)) ==
        Names{"l.0.mlp.experts.0.gate_proj.weight", "l.0.mlp.experts.0.up_proj.weight",
              "l.0.mlp.experts.1.gate_proj.weight", "l.0.mlp.experts.1.up_proj.weight"});
  ModelConfig m3 = family("minimax_m3_vl", 4);
  m3.num_experts = 1;
  CHECK(names_in(stack("l.0.block_sparse_moe.switch_mlp.down_proj.weight", 4, 4), m3) ==
        Names{"l.0.block_sparse_moe.experts.0.w2.weight",
              "l.0.block_sparse_moe.shared_experts.down_proj.weight"});
}

TEST_CASE("blocks of MXFP4 are [experts, out, in] in every family", "[checkpoint][experts]") {
  const ModelConfig gpt_oss = family("gpt_oss", 4);
  const Tensor down = stack("l.0.mlp.experts.down_proj", 4, 4);
  const Tensor blocks = coded(down, "MXFP4");
  CHECK(strides_in(blocks, gpt_oss) == Numbers{0, 4, 1});
  CHECK(strides_in(blocks, family("gpt_oss_puzzle", 4)) == Numbers{0, 4, 1});
  // Of other codes nothing is known where plain weights are [in, out].
  CHECK(strides_in(coded(down, "NVFP4"), gpt_oss).empty());
  // 2 I = H: one axis holds gate and up.
  const Tensor gate_up = stack("l.0.mlp.experts.gate_up_proj", 4, 4);
  CHECK(strides_in(coded(gate_up, "NVFP4"), family("qwen3_5_moe", 4)) == Numbers{0, 4, 1});
  CHECK(single_experts(coded(gate_up, "NVFP4"), family("qwen3_5_moe", 4)).size() == 4);
}

TEST_CASE("stacks that may lie in two ways are not subtracted", "[checkpoint][experts]") {
  const ModelConfig gpt_oss = family("gpt_oss", 4);
  const ModelConfig next = family("next_moe", 4);
  const Tensor plain = stack("l.0.mlp.experts.down_proj", 4, 4);
  const Tensor blocks = coded(plain, "MXFP4");
  const Tensor other = coded(plain, "NVFP4");
  CHECK(may_lie_otherwise(plain, gpt_oss, blocks, gpt_oss));
  CHECK_FALSE(may_lie_otherwise(plain, gpt_oss, plain, gpt_oss));
  CHECK(may_lie_otherwise(plain, gpt_oss, plain, family("qwen3_moe", 4)));
  CHECK(may_lie_otherwise(plain, next, other, next));
  CHECK(may_lie_otherwise(blocks, next, other, next));
  // Of one family that is not known, stored in one way.
  CHECK_FALSE(may_lie_otherwise(plain, next, plain, next));
  CHECK_FALSE(may_lie_otherwise(other, next, other, next));
  // Sizes tell.
  const Tensor wide = stack("l.0.mlp.experts.down_proj", 4, 3);
  CHECK_FALSE(may_lie_otherwise(wide, next, coded(wide, "NVFP4"), next));
}

TEST_CASE("an expert of gpt-oss is the same in MXFP4, and plain", "[checkpoint][experts]") {
  // Square: 1 below the diagonal, 2 elsewhere. Blocks are [out, in], the other one is [in, out].
  constexpr int kSize = 32;
  const TempFolder folder;
  const std::string name = "l.0.mlp.experts.down_proj";
  const std::string config = R"({"model_type": "gpt_oss", "hidden_size": 32)";
  std::string codes;
  std::vector<float> transposed(static_cast<std::size_t>(kSize) * kSize);
  for (int i = 0; i < kSize; ++i) {
    for (int j = 0; j < kSize; j += 2) {
      const bool low = j < i;
      const bool high = j + 1 < i;
      // Codes 2 and 4 are 1 and 2.
      codes += static_cast<char>((low ? 2 : 4) | (high ? 2 : 4) << 4);
      transposed[static_cast<std::size_t>(j * kSize + i)] = low ? 1.0F : 2.0F;
      transposed[static_cast<std::size_t>((j + 1) * kSize + i)] = high ? 1.0F : 2.0F;
    }
  }
  folder.write("plain/config.json", config + "}");
  folder.write("plain/model.safetensors",
               safetensors_bytes({floats(name, {1, kSize, kSize}, transposed)}));
  folder.write("blocks/config.json",
               config + R"(, "quantization_config": {"quant_method": "mxfp4"}})");
  folder.write("blocks/model.safetensors",
               safetensors_bytes({{name + "_blocks", "U8", {1, kSize, 1, 16}, codes},
                                  {name + "_scales", "U8", {1, kSize, 1}, std::string(32, 127)}}));
  check_equal(open_checkpoint(folder / "blocks", {folder / "plain", {}, {}}), 1);
  check_equal(open_checkpoint(folder / "plain", {folder / "blocks", {}, {}}), 1);
  // Where nothing tells how the plain one lies, there is no difference.
  const std::string other = R"({"model_type": "next_moe", "hidden_size": 32)";
  folder.write("plain/config.json", other + "}");
  folder.write("blocks/config.json",
               other + R"(, "quantization_config": {"quant_method": "mxfp4"}})");
  folder.write("plain/model.safetensors",
               safetensors_bytes({floats(name, {1, kSize, kSize}, transposed),
                                  counted("l.0.q_proj.weight", {2, 2}, 0)}));
  folder.write("blocks/model.safetensors",
               safetensors_bytes({{name + "_blocks", "U8", {1, kSize, 1, 16}, codes},
                                  {name + "_scales", "U8", {1, kSize, 1}, std::string(32, 127)},
                                  counted("l.0.q_proj.weight", {2, 2}, 0)}));
  const Catalogue blocks = open_checkpoint(folder / "blocks", {folder / "plain", {}, {}});
  REQUIRE(blocks.left_out.size() == 1);
  CHECK(blocks.left_out[0].reason == "no-base");
  CHECK(blocks.left_out[0].detail ==
        "the base has it as F32, perhaps with rows and columns exchanged");
}

TEST_CASE("other programs' names are those of the hub", "[checkpoint][experts]") {
  const auto of = [](const std::string& name, const std::string& type) {
    return usual_name(name, family(type, 4));
  };
  CHECK(of("l.0.mlp.router.linear.weight", "gpt_oss") == "l.0.mlp.router.weight");
  for (const char* type : {"mixtral", "minimax_m2", "phimoe"}) {
    CHECK(of("l.0.mlp.experts.11.gate_proj.weight", type) ==
          "l.0.block_sparse_moe.experts.11.w1.weight");
    CHECK(of("l.0.mlp.experts.1.up_proj.weight", type) ==
          "l.0.block_sparse_moe.experts.1.w3.weight");
    CHECK(of("l.0.mlp.experts.1.down_proj.weight", type) ==
          "l.0.block_sparse_moe.experts.1.w2.weight");
    CHECK(of("l.0.mlp.gate.weight", type) == "l.0.block_sparse_moe.gate.weight");
    CHECK(of("l.0.mlp.e_score_correction_bias", type) ==
          "l.0.block_sparse_moe.e_score_correction_bias");
  }
  CHECK(of("l.0.mlp.e_score_correction_bias", "kimi_linear") ==
        "l.0.block_sparse_moe.gate.e_score_correction_bias");
  CHECK(of("l.0.mlp.shared_experts.up_proj.weight", "kimi_linear") ==
        "l.0.block_sparse_moe.shared_experts.up_proj.weight");
  for (const char* same : {"l.0.mlp.gate_proj.weight", "l.0.block_sparse_moe.experts.1.w1.weight",
                           "l.0.self_attn.q_proj.weight", "l.0.block_sparse_moe.gate.weight"}) {
    CHECK(of(same, "minimax_m3_vl") == same);
  }
  CHECK(of("l.0.mlp.experts.1.gate_proj.weight", "qwen3_moe") ==
        "l.0.mlp.experts.1.gate_proj.weight");
}

TEST_CASE("names that MLX replaced are restored in its files", "[checkpoint][experts]") {
  const auto restored = [](const std::string& name, const std::string& type, bool of_mlx = true) {
    Catalogue catalogue;
    catalogue.config.model_type = type;
    catalogue.tensors = {stack(name, 2, 2)};
    use_usual_names(catalogue, of_mlx);
    return catalogue.tensors[0].name;
  };
  CHECK(restored("l.0.mlp.switch_mlp.up_proj.weight", "step3p5") == "l.0.moe.up_proj.weight");
  CHECK(restored("l.0.mlp.gate.gate.weight", "step3p5") == "l.0.moe.gate.weight");
  CHECK(restored("l.0.mlp.share_expert.up_proj.weight", "step3p5") ==
        "l.0.share_expert.up_proj.weight");
  CHECK(restored("l.0.mlp.gate.gate_proj.weight", "bailing_moe") == "l.0.mlp.gate.weight");
  CHECK(restored("l.0.feed_forward.gate_proj.weight", "lfm2_moe") == "l.0.feed_forward.w1.weight");
  CHECK(restored("l.0.feed_forward.switch_mlp.up_proj.weight", "lfm2_moe") ==
        "l.0.feed_forward.switch_mlp.up_proj.weight");
  CHECK(restored("language_model.model.norm.weight", "qwen3_5_moe") ==
        "model.language_model.norm.weight");
  CHECK(restored("language_model.lm_head.weight", "qwen3_5_moe") == "lm_head.weight");
  CHECK(restored("vision_tower.patch.weight", "qwen3_5_moe") == "model.visual.patch.weight");
  CHECK(restored("vision_tower.patch.weight", "gemma4") == "model.vision_tower.patch.weight");
  CHECK(restored("language_model.model.norm.weight", "gemma3") ==
        "language_model.model.norm.weight");
  CHECK(restored("language_model.model.norm.weight", "gemma4", false) ==
        "language_model.model.norm.weight");
  // Not to a name that is there.
  Catalogue both;
  both.config.model_type = "mixtral";
  both.tensors = {stack("l.0.mlp.gate.weight", 2, 2),
                  stack("l.0.block_sparse_moe.gate.weight", 2, 2)};
  use_usual_names(both, false);
  CHECK(both.tensors[0].name == "l.0.mlp.gate.weight");
}

TEST_CASE("experts that one stacks are paired where modules are named otherwise",
          "[checkpoint][experts]") {
  const TempFolder folder;
  const std::string config = R"({"model_type": "next_moe", "hidden_size": 4})";
  const std::string theirs = "language_model.model.layers.0.";
  const std::string ours = "model.language_model.layers.0.";
  folder.write("stacks/config.json", config);
  folder.write(
      "stacks/model.safetensors",
      safetensors_bytes({counted(theirs + "self_attn.q_proj.weight", {4, 4}, 0),
                         counted(theirs + "mlp.switch_mlp.up_proj.weight", {2, 3, 4}, 7)}));
  folder.write("singles/config.json", config);
  folder.write("singles/model.safetensors",
               safetensors_bytes({counted(ours + "self_attn.q_proj.weight", {4, 4}, 0),
                                  counted(ours + "mlp.experts.0.up_proj.weight", {3, 4}, 7),
                                  counted(ours + "mlp.experts.1.up_proj.weight", {3, 4}, 19)}));
  check_equal(open_checkpoint(folder / "stacks", {folder / "singles", {}, {}}), 3);
}

TEST_CASE("the two parts of kv_b_proj are one tensor", "[checkpoint]") {
  // Two heads with two rows of keys and one of values, of rank 3.
  const TempFolder folder;
  const std::string at = "l.0.self_attn.";
  const std::string config = R"({"model_type": "deepseek_v3"})";
  folder.write("hub/config.json", config);
  folder.write("hub/model.safetensors",
               safetensors_bytes({counted(at + "kv_b_proj.weight", {6, 3}, 0)}));
  folder.write("mlx/config.json", config);
  const TensorText keys =
      floats(at + "embed_q.weight", {2, 3, 2}, {0, 3, 1, 4, 2, 5, 9, 12, 10, 13, 11, 14});
  const TensorText values = floats(at + "unembed_out.weight", {2, 1, 3}, {6, 7, 8, 15, 16, 17});
  folder.write("mlx/model.safetensors", safetensors_bytes({keys, values}));
  const Catalogue mlx = open_checkpoint(folder / "mlx");
  REQUIRE(mlx.tensors.size() == 1);
  CHECK(mlx.tensors[0].name == at + "kv_b_proj.weight");
  CHECK(mlx.tensors[0].shape == Shape{6, 3});
  CHECK(storage_text(mlx.tensors[0]) == "F32");
  std::vector<double> part(6);
  // Rows of keys, of values, and of the next head's keys; not the first column.
  FileReader(mlx.root, mlx.files).read_rectangle(mlx.tensors[0], {1, 4, 1, 3}, part);
  CHECK(part == std::vector<double>{4, 5, 7, 8, 10, 11});
  check_equal(open_checkpoint(folder / "mlx", {folder / "hub", {}, {}}), 1);
  check_equal(open_checkpoint(folder / "hub", {folder / "mlx", {}, {}}), 1);
  // What does not fit, and what is there as a whole too, stays as it is.
  folder.write("mlx/model.safetensors",
               safetensors_bytes(
                   {keys, floats(at + "unembed_out.weight", {1, 2, 3}, {6, 7, 8, 15, 16, 17})}));
  CHECK(open_checkpoint(folder / "mlx").tensors.size() == 2);
  folder.write("mlx/model.safetensors",
               safetensors_bytes({keys, values, counted(at + "kv_b_proj.weight", {6, 3}, 0)}));
  CHECK(open_checkpoint(folder / "mlx").tensors.size() == 3);
}

TEST_CASE("GGUF's attn_k_b and attn_v_b are attn_kv_b", "[checkpoint][gguf]") {
  const TempFolder folder;
  GgufParts parts;
  parts.facts = {gguf_fact("general.architecture", 8, gguf_text("deepseek2"))};
  parts.tensors = {{"blk.0.attn_k_b.weight", {2, 3, 2}, 0, gguf_floats(12)},
                   {"blk.0.attn_v_b.weight", {3, 1, 2}, 0, gguf_floats(6)}};
  folder.write("m.gguf", gguf_bytes(parts));
  const Catalogue catalogue = open_checkpoint(folder.path());
  REQUIRE(catalogue.tensors.size() == 1);
  CHECK(catalogue.tensors[0].name == "blk.0.attn_kv_b.weight");
  CHECK(values_of(catalogue, catalogue.tensors[0]) ==
        std::vector<double>{0, 2, 4, 1, 3, 5, 0, 1, 2, 6, 8, 10, 7, 9, 11, 3, 4, 5});
}

TEST_CASE("Granite's halves in MLX are input_linear", "[checkpoint][experts]") {
  const TempFolder folder;
  const std::string at = "l.0.block_sparse_moe.";
  folder.write("config.json", R"({"model_type": "granitemoe", "hidden_size": 2})");
  folder.write("model.safetensors",
               safetensors_bytes({counted(at + "switch_mlp.gate_proj.weight", {2, 1, 2}, 0),
                                  counted(at + "switch_mlp.up_proj.weight", {2, 1, 2}, 10),
                                  counted(at + "switch_mlp.down_proj.weight", {2, 2, 1}, 20)},
                                 kMlx));
  const Catalogue catalogue = open_checkpoint(folder.path());
  REQUIRE(catalogue.tensors.size() == 2);
  CHECK(catalogue.tensors[0].name == at + "input_linear.weight");
  CHECK(catalogue.tensors[0].shape == Shape{2, 2, 2});
  CHECK(values_of(catalogue, catalogue.tensors[0]) ==
        std::vector<double>{0, 1, 10, 11, 2, 3, 12, 13});
  CHECK(catalogue.tensors[1].name == at + "output_linear.weight");
}
