/// @file
/// DeepSpeed of 2026: experts in files of their own, and weights divided by AutoTP.

#include <algorithm>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "numbers/file_reader.hpp"
#include "parallel_support.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;
using wishart::test::TempFolder;
using wishart::test::TorchState;

namespace {

std::string refusal(const std::filesystem::path& path) {
  std::string text = error_of([&] { static_cast<void>(open_checkpoint(path)); });
  if (text.starts_with(path.string())) text.replace(0, path.string().size(), "F");
  return text;
}

std::vector<std::string> names_of(const Catalogue& catalogue) {
  std::vector<std::string> names;
  for (const Tensor& tensor : catalogue.tensors) names.push_back(tensor.name);
  return names;
}

/// Model states of a rank: one weight, and what else they say.
void write_states(const TempFolder& folder, const std::string& name,
                  const TorchState::Pairs& more = {}, const std::string& weight = "h.w.weight") {
  TorchState state;
  TorchState::Pairs pairs{{"module", TorchState::dict({{weight, state.tensor({1, 2}, {1, 2})}})}};
  pairs.insert(pairs.end(), more.begin(), more.end());
  folder.write(name, state.file(pairs));
}

/// The file of an expert, as AutoEP with ZeRO 1 or 2 writes it.
void write_expert(const TempFolder& folder, const std::string& name, int layer, int expert) {
  TorchState state;
  const std::string number = std::to_string(expert);
  const std::string prefix = "m." + std::to_string(layer) + ".experts.";
  TorchState::Pairs pairs;
  for (const char* part : {"w1", "w2", "w3"}) {
    pairs.emplace_back(prefix + part + "." + number,
                       state.tensor({1, 2}, {static_cast<float>(expert), 5}));
  }
  folder.write(name, state.file(pairs));
}

std::string autoep_layers(int layers, std::int64_t experts) {
  std::vector<std::string> list;
  for (int layer = 0; layer < layers; ++layer) {
    list.push_back(TorchState::dict({{"moe_layer_id", TorchState::number(layer)},
                                     {"num_experts", TorchState::number(experts)},
                                     {"checkpoint_format", TorchState::text("per_expert_files")}}));
  }
  return TorchState::list(list);
}

}  // namespace

TEST_CASE("AutoEP with ZeRO 1 and 2 has a file for each expert", "[checkpoint][zero]") {
  const TempFolder folder;
  write_states(folder, "mp_rank_00_model_states.pt", {{"ds_autoep_layers", autoep_layers(2, 2)}});
  for (const int layer : {0, 1}) {
    for (const int expert : {0, 1}) {
      write_expert(folder,
                   "layer_" + std::to_string(layer) + "_expert_" + std::to_string(expert) +
                       "_mp_rank_00_model_states.pt",
                   layer, expert);
    }
  }
  CHECK(names_of(open_checkpoint(folder.path())) ==
        std::vector<std::string>{"h.w.weight", "m.0.experts.w1.0", "m.0.experts.w1.1",
                                 "m.0.experts.w2.0", "m.0.experts.w2.1", "m.0.experts.w3.0",
                                 "m.0.experts.w3.1", "m.1.experts.w1.0", "m.1.experts.w1.1",
                                 "m.1.experts.w2.0", "m.1.experts.w2.1", "m.1.experts.w3.0",
                                 "m.1.experts.w3.1"});
  // The last file of a layer leaves no gap in the numbers: only the count tells.
  std::filesystem::remove(folder / "layer_1_expert_1_mp_rank_00_model_states.pt");
  CHECK(refusal(folder.path()) ==
        "F: layer 1 of experts: expected files of 2 experts, found 1. Copy the folder again");
  std::filesystem::remove(folder / "layer_0_expert_0_mp_rank_00_model_states.pt");
  CHECK(refusal(folder.path()) ==
        "F: layer 0 of experts: a file is missing before that of expert 1. Copy the folder again");
  std::filesystem::remove(folder / "layer_0_expert_1_mp_rank_00_model_states.pt");
  CHECK(refusal(folder.path()) ==
        "F: layer 0 of experts: expected files of 2 experts, found 0. Copy the folder again");
}

TEST_CASE("experts of DeepSpeed's own layers are counted too", "[checkpoint][zero]") {
  const TempFolder folder;
  write_states(folder, "a/mp_rank_00_model_states.pt",
               {{"num_experts", TorchState::list({TorchState::number(2)})}});
  write_expert(folder, "a/layer_0_expert_0_mp_rank_00_model_states.pt", 0, 0);
  CHECK(refusal(folder / "a") ==
        "F: layer 0 of experts: expected files of 2 experts, found 1. Copy the folder again");
  write_expert(folder, "a/layer_0_expert_1_mp_rank_00_model_states.pt", 0, 1);
  CHECK(names_of(open_checkpoint(folder / "a")).size() == 7);
  // Names of old versions do not tell the layer.
  write_states(folder, "b/mp_rank_00_model_states.pt",
               {{"num_experts", TorchState::list({TorchState::number(1)})}});
  write_expert(folder, "b/expert_0_mp_rank_00_model_states.pt", 0, 0);
  CHECK(names_of(open_checkpoint(folder / "b")).size() == 4);
  // In a pipeline they would have to be placed among the layers.
  write_states(folder, "c/layer_03-model_00-model_states.pt");
  write_expert(folder, "c/layer_0_expert_0_mp_rank_00_model_states.pt", 0, 0);
  CHECK(refusal(folder / "c") == "F: experts combined with a pipeline are not supported");
}

TEST_CASE("experts in the partitions of ZeRO 3 are refused without them too",
          "[checkpoint][zero]") {
  const TempFolder folder;
  const std::string layer =
      TorchState::dict({{"checkpoint_format", TorchState::text("zero3_partitioned")}});
  write_states(folder, "mp_rank_00_model_states.pt",
               {{"autoep_layers", TorchState::list({layer})}});
  CHECK(refusal(folder.path()) ==
        "F/mp_rank_00_model_states.pt: ZeRO stage 3 with experts divided among groups of ranks "
        "('autoep_layers') is not supported. Convert it to a universal checkpoint with DeepSpeed's "
        "ds_to_universal.py");
}

TEST_CASE("weights divided by AutoTP are refused without ZeRO 3 too", "[checkpoint][zero]") {
  const TempFolder folder;
  // One row of queries and one of keys on each rank: not to be stacked as they are.
  const std::string fused = "a.query_key_value.weight";
  for (const char* key : {"sub_param_shard_widths", "autotp_unsupported_parameter_patterns"}) {
    const TorchState::Pairs info{
        {"universal_checkpoint_info", TorchState::dict({{key, TorchState::dict({})}})}};
    const std::string name = key;
    write_states(folder, name + "/mp_rank_00_model_states.pt", info, fused);
    CHECK(names_of(open_checkpoint(folder / name)) == std::vector{fused});  // whole
    write_states(folder, name + "/mp_rank_01_model_states.pt", info, fused);
    CHECK(refusal(folder / name) ==
          "F/mp_rank_00_model_states.pt: weights divided by DeepSpeed's AutoTP ('" + name +
              "') are not supported. Convert them to a universal checkpoint with DeepSpeed's "
              "ds_to_universal.py");
  }
}
