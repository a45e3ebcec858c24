/// @file
/// Stacks of experts of families that are known, and of others.

#include <span>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/checkpoint/experts.hpp"

#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::bytes_of;
using wishart::test::safetensors_bytes;
using wishart::test::TempFolder;
using wishart::test::TensorText;

namespace {

Tensor stack(const std::string& name, std::int64_t rows, std::int64_t cols) {
  Tensor tensor;
  tensor.name = name;
  tensor.shape = {2, rows, cols};
  tensor.num_elements = 2 * rows * cols;
  return tensor;
}

ModelConfig family(const std::string& type, std::int64_t width) {
  ModelConfig config;
  config.model_type = type;
  if (width > 0) config.hidden_size = width;
  return config;
}

std::vector<std::string> names_in(const Tensor& tensor, const ModelConfig& config) {
  std::vector<std::string> names;
  for (const Tensor& one : single_experts(tensor, config)) names.push_back(one.name);
  return names;
}

/// Elements from `first` on, each higher by 1.
TensorText counted(const std::string& name, const std::vector<std::int64_t>& shape, float first) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < shape[0] * shape[1] * (shape.size() > 2 ? shape[2] : 1); ++i) {
    values.push_back(first + static_cast<float>(i));
  }
  return {name, "F32", shape, bytes_of(std::span<const float>(values))};
}

std::vector<double> values_of(const Catalogue& catalogue, const Tensor& tensor) {
  FileReader reader(catalogue.root, catalogue.files);
  std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
  const std::int64_t width = tensor.shape.back();
  reader.read_rectangle(tensor, {0, tensor.num_elements / width, 0, width}, values);
  return values;
}

TensorText zeros(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (const std::int64_t length : shape) count *= static_cast<std::size_t>(length);
  return {name, "F32", shape, bytes_of(std::span<const float>(std::vector<float>(count, 0.0F)))};
}

}  // namespace

TEST_CASE("stacks of a family that is not known are taken as transformers makes them by default",
          "[checkpoint][experts]") {
  using Names = std::vector<std::string>;
  const ModelConfig next = family("next_moe", 4);
  const Tensor gate_up = stack("l.0.mlp.experts.gate_up_proj", 6, 4);
  CHECK(reading_of(gate_up, next) == StackReading::by_convention);
  CHECK(names_in(gate_up, next) ==
        Names{"l.0.mlp.experts.0.gate_proj.weight", "l.0.mlp.experts.0.up_proj.weight",
              "l.0.mlp.experts.1.gate_proj.weight", "l.0.mlp.experts.1.up_proj.weight"});
  const std::vector<Tensor> singles = single_experts(gate_up, next);
  CHECK(singles[3].numbers == std::vector<std::int64_t>{24 + 12, 4, 1});
  CHECK(names_in(stack("l.0.mlp.experts.down_proj", 4, 3), next) ==
        Names{"l.0.mlp.experts.0.down_proj.weight", "l.0.mlp.experts.1.down_proj.weight"});
  // NemotronH's experts have no gate.
  CHECK(names_in(stack("l.0.mixer.experts.up_proj", 3, 4), next) ==
        Names{"l.0.mixer.experts.0.up_proj.weight", "l.0.mixer.experts.1.up_proj.weight"});
  CHECK(reading_of(gate_up, family("qwen4_exp", 4)) == StackReading::known);
  CHECK(doubt_on_experts({gate_up}, next) ==
        "model type 'next_moe' is not known, so 'l.0.mlp.experts.gate_up_proj' and the like are "
        "taken as transformers stacks experts by default: gate, then up");
  CHECK(doubt_on_experts({gate_up}, family("qwen4_exp", 4)).empty());
}

TEST_CASE("other orders of stacks are not guessed", "[checkpoint][experts]") {
  // Inputs first, as those of gpt-oss, whose gate and up alternate; both sides alike; no width.
  for (const auto& [rows, width] : {std::pair(4, 4), std::pair(8, 8), std::pair(6, 0)}) {
    const Tensor gate_up = stack("experts.gate_up_proj", rows, 8);
    const ModelConfig config = family("next_moe", width);
    CHECK(reading_of(gate_up, config) == StackReading::not_known);
    CHECK(single_experts(gate_up, config).empty());
    CHECK(doubt_on_experts({gate_up}, config).empty());
  }
  // Blocks of MXFP4 lie the other way than other stacks of gpt-oss and what is made of it.
  Tensor blocks = stack("experts.gate_up_proj", 6, 4);
  blocks.stored_as = "MXFP4";
  CHECK(reading_of(blocks, family("gpt_oss_puzzle", 4)) == StackReading::not_known);
  CHECK(reading_of(blocks, family("gpt_oss", 4)) == StackReading::known);
  const ModelConfig known = family("qwen3_moe", 4);
  CHECK(reading_of(stack("shared_experts.gate_up_proj", 6, 4), known) == StackReading::no_stack);
  CHECK(experts_in(stack("a.experts.gate_up_proj.weight", 6, 4)) == "a.experts.");
  CHECK(experts_in(stack("a.shared_experts.gate_up_proj", 6, 4)).empty());
  CHECK(experts_of("a.experts.13.up_proj.weight") == "a.experts.");
  CHECK(experts_of("a.shared_experts.1.up_proj.weight").empty());
  CHECK(experts_of("a.experts.up_proj").empty());
}

TEST_CASE("experts in an order that is not known are not called missing", "[checkpoint][experts]") {
  const TempFolder folder;
  const std::string config = R"({"model_type": "next_moe", "hidden_size": 4})";
  const std::string expert = "l.0.mlp.experts.0.";
  const TensorText common = zeros("l.0.q_proj.weight", {4, 4});
  folder.write("single/config.json", config);
  folder.write("single/model.safetensors",
               safetensors_bytes({common, zeros(expert + "gate_proj.weight", {2, 4}),
                                  zeros(expert + "up_proj.weight", {2, 4})}));
  folder.write("stacks/config.json", config);
  folder.write("stacks/model.safetensors",
               safetensors_bytes({common, zeros("l.0.mlp.experts.gate_up_proj", {1, 4, 4})}));
  const std::string why =
      "'l.0.mlp.experts.gate_up_proj' stacks experts in an order that is not known for model type "
      "'next_moe'";
  const Catalogue single = open_checkpoint(folder / "single", {folder / "stacks", {}, {}});
  REQUIRE(single.left_out.size() == 2);
  CHECK(single.left_out[0].reason == "no-base");
  CHECK(single.left_out[0].detail == "in the base, " + why);
  const Catalogue stacks = open_checkpoint(folder / "stacks", {folder / "single", {}, {}});
  REQUIRE(stacks.left_out.size() == 1);
  CHECK(stacks.left_out[0].detail == why + ", and the base has a tensor for each expert");
}

TEST_CASE("unsloth's gpt-oss and others are the same weights", "[checkpoint][experts]") {
  // One expert, H = 3, I = 2: gate_up_proj is [3, 4] in others, its transpose in unsloth's.
  const TempFolder folder;
  const std::string mlp = "l.0.mlp.";
  const std::string config = R"({"model_type": "gpt_oss", "hidden_size": 3})";
  folder.write("others/config.json", config);
  folder.write("others/model.safetensors",
               safetensors_bytes({counted(mlp + "experts.gate_up_proj", {1, 3, 4}, 0),
                                  counted(mlp + "experts.down_proj", {1, 2, 3}, 50),
                                  counted(mlp + "router.weight", {1, 3}, 90)}));
  const auto turned = [](const std::string& name, std::int64_t rows, std::int64_t cols,
                         float first) {
    std::vector<float> values;
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < cols; ++j)
        values.push_back(first + static_cast<float>(j * rows + i));
    }
    return TensorText{name, "F32", {rows, cols}, bytes_of(std::span<const float>(values))};
  };
  folder.write("unsloth/config.json", config);
  folder.write("unsloth/model.safetensors",
               safetensors_bytes({turned(mlp + "experts.gate_up_projs.0.weight", 4, 3, 0),
                                  turned(mlp + "experts.down_projs.0.weight", 3, 2, 50),
                                  counted(mlp + "router.linear.weight", {1, 3}, 90)}));
  for (const auto& [tuned, base] :
       {std::pair("unsloth", "others"), std::pair("others", "unsloth")}) {
    const Catalogue catalogue = open_checkpoint(folder / tuned, {folder / base, {}, {}});
    CHECK(catalogue.left_out.empty());
    REQUIRE(catalogue.tensors.size() == 4);
    CHECK(catalogue.tensors[0].name == mlp + "experts.0.down_proj.weight");
    CHECK(catalogue.tensors[3].name == mlp + "router.weight");
    for (const Tensor& tensor : catalogue.tensors) {
      CAPTURE(tuned, tensor.name);
      for (const double value : values_of(catalogue, tensor)) CHECK(value == 0.0);
    }
  }
  // An adapter that was trained on unsloth's is added to either.
  const std::string prefix = "base_model.model." + mlp + "experts.";
  folder.write("adapter/adapter_config.json",
               R"({"peft_type":"LORA","r":1,"lora_alpha":1,"target_modules":["x"]})");
  folder.write("adapter/adapter_model.safetensors",
               safetensors_bytes({counted(prefix + "gate_up_projs.0.lora_A.weight", {1, 3}, 1),
                                  counted(prefix + "gate_up_projs.0.lora_B.weight", {4, 1}, 1),
                                  counted(prefix + "down_projs.0.lora_A.weight", {1, 2}, 1),
                                  counted(prefix + "down_projs.0.lora_B.weight", {3, 1}, 1)}));
  const Catalogue merged = open_checkpoint(folder / "adapter", {{}, folder / "others", {}});
  REQUIRE(merged.tensors.size() == 4);
  CHECK(merged.tensors[1].name == mlp + "experts.0.gate_proj.weight");
  // Rows 0 and 2 of the transpose, and of B A.
  CHECK(values_of(merged, merged.tensors[1]) == std::vector<double>{1, 6, 11, 5, 12, 19});
  const Catalogue own = open_checkpoint(folder / "adapter", {{}, folder / "unsloth", {}});
  REQUIRE(own.tensors.size() == 3);
  CHECK(own.tensors[1].name == mlp + "experts.gate_up_projs.0.weight");
}
