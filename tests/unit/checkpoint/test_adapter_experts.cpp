/// @file
/// Adapters of experts whose weights are one parameter, alone and on a base.

#include <catch2/catch.hpp>

#include "wishart/record/adapter.hpp"

#include "adapter_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test;

namespace {

/// Two experts, H = 3, I = 2, rank 1: A of expert e is row e; B of expert e is column e.
void write_expert_adapter(const TempFolder& folder, const std::string& parameter, std::int64_t in,
                          std::int64_t out) {
  std::vector<float> a;
  std::vector<float> b;
  for (std::int64_t i = 0; i < 2 * in; ++i) a.push_back(static_cast<float>(i + 1));
  for (std::int64_t i = 0; i < 2 * out; ++i) b.push_back(static_cast<float>(10 * (i + 1)));
  write_adapter(folder,
                {tensor("base_model.model.l.mlp.experts.lora_A.weight", {2, in}, a),
                 tensor("base_model.model.l.mlp.experts.lora_B.weight", {out, 2}, b)},
                ",\"target_parameters\":[\"mlp.experts." + parameter + "\"]");
}

constexpr const char* kQwen = R"({"model_type":"qwen3_moe","hidden_size":3})";
constexpr const char* kGptOss = R"({"model_type":"gpt_oss","hidden_size":3})";

/// Element (o, i) of the change of expert e, whose B is of the outputs and A of the inputs;
/// write_adapter has s = 2 at rank 1.
double change(std::int64_t e, std::int64_t o, std::int64_t i, std::int64_t in) {
  const double scale = 2;
  return scale * 10 * static_cast<double>(2 * o + e + 1) * static_cast<double>(e * in + i + 1);
}

/// A stack of 2 x rows x cols with elements 1000, 1001, ...
TensorText stack_of(const std::string& name, std::int64_t rows, std::int64_t cols) {
  std::vector<float> values;
  for (std::int64_t k = 0; k < 2 * rows * cols; ++k) values.push_back(static_cast<float>(1000 + k));
  return tensor(name, {2, rows, cols}, values);
}

}  // namespace

TEST_CASE("adapters of fused experts are named after their parameters", "[checkpoint][adapter]") {
  // Two experts, I = 1, H = 3: gate_up_proj is 2 x 3, down_proj 3 x 1; rank 1. PEFT wraps
  // gate_up_proj first, as the module has it first; ascending names would be the other way round.
  const TempFolder folder;
  const std::string outer = "base_model.model.mlp.experts.";
  const std::string inner = outer + "base_layer.";
  write_adapter(folder,
                {tensor(inner + "lora_A.weight", {2, 2}, {1, 2, 3, 4}),
                 tensor(inner + "lora_B.weight", {3, 2}, {1, 2, 3, 4, 5, 6}),
                 tensor(outer + "lora_A.weight", {2, 3}, {1, 2, 3, 4, 5, 6}),
                 tensor(outer + "lora_B.weight", {1, 2}, {1, 2})},
                R"(,"target_parameters":["mlp.experts.down_proj","mlp.experts.gate_up_proj"])");
  const Catalogue catalogue = open_checkpoint(folder.path());
  REQUIRE(catalogue.tensors.size() == 4);
  CHECK(catalogue.tensors[0].name == "mlp.experts.down_proj[0]");
  CHECK(catalogue.tensors[0].shape == std::vector<std::int64_t>{1, 3});
  CHECK(catalogue.tensors[3].name == "mlp.experts.gate_up_proj[1]");
  CHECK(catalogue.tensors[3].shape == std::vector<std::int64_t>{3, 2});
}

TEST_CASE("adapters of experts without a gate are named as their module declares them",
          "[checkpoint][adapter]") {
  // NemotronH: up_proj [2, 3] first, so that it is inside, then down_proj [3, 2].
  const TempFolder folder;
  const std::string outer = "base_model.model.mixer.experts.";
  const std::string inner = outer + "base_layer.";
  const auto write = [&](std::int64_t in) {
    const auto filled = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
      return tensor(name, shape,
                    std::vector<float>(static_cast<std::size_t>(shape[0] * shape[1]), 1.0F));
    };
    write_adapter(
        folder,
        {filled(inner + "lora_A.weight", {2, 3}), filled(inner + "lora_B.weight", {2, 2}),
         filled(outer + "lora_A.weight", {2, in}), filled(outer + "lora_B.weight", {3, 2})},
        R"(,"target_parameters":["mixer.experts.down_proj","mixer.experts.up_proj"])");
    std::vector<std::string> names;
    for (const Tensor& one : open_checkpoint(folder.path()).tensors) names.push_back(one.name);
    return names;
  };
  CHECK(write(2) ==
        std::vector<std::string>{"mixer.experts.down_proj[0]", "mixer.experts.down_proj[1]",
                                 "mixer.experts.up_proj[0]", "mixer.experts.up_proj[1]"});
  // Other sizes are of something else.
  CHECK(write(5) == std::vector<std::string>{"mixer.experts.base_layer[0]",
                                             "mixer.experts.base_layer[1]", "mixer.experts[0]",
                                             "mixer.experts[1]"});
}

TEST_CASE("an adapter of one fused parameter is named after it", "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder,
                {tensor("base_model.model.mlp.experts.lora_A.weight", {2, 3}, {1, 2, 3, 4, 5, 6}),
                 tensor("base_model.model.mlp.experts.lora_B.weight", {1, 2}, {1, 2})},
                R"(,"target_parameters":["mlp.experts.down_proj"])");
  CHECK(open_checkpoint(folder.path()).tensors[0].name == "mlp.experts.down_proj[0]");
}

TEST_CASE("factors of fused experts whose rows are not r for each expert are refused",
          "[checkpoint][adapter]") {
  const TempFolder folder;
  const std::string targets =
      R"(,"target_parameters":["mlp.experts.gate_up_proj","mlp.experts.down_proj"])";
  const auto write = [&](const std::string& module, std::int64_t rank) {
    write_adapter(
        folder,
        {tensor(module + "lora_A.weight", {4, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}),
         tensor(module + "lora_B.weight", {1, 4}, {1, 2, 3, 4})},
        targets, R"("lora_alpha":2,"r":)" + std::to_string(rank));
  };
  for (const std::string& module :
       {std::string("mlp.experts."), std::string("mlp.experts.base_layer.")}) {
    const std::string begin =
        "F: adapter of '" + module.substr(0, module.size() - 1) + "': lora_A has 4 rows, expected ";
    for (const std::int64_t rank : {3, 5, 16}) {
      write(module, rank);
      CHECK(refusal(folder) == begin + "a multiple of r for target_parameters, found r " +
                                   std::to_string(rank) + " in adapter_config.json");
    }
    write(module, 4);
    CHECK(refusal(folder) == begin +
                                 "r times the number of experts for target_parameters, found r 4 "
                                 "in adapter_config.json");
    write(module, 2);
    CHECK(open_checkpoint(folder.path()).tensors.size() == 2);
  }
  // Patterns of ranks match the parameter.
  write_adapter(folder,
                {tensor("mlp.experts.lora_A.weight", {4, 1}, {1, 2, 3, 4}),
                 tensor("mlp.experts.lora_B.weight", {1, 4}, {1, 2, 3, 4})},
                R"(,"target_parameters":["mlp.experts.down_proj"],"rank_pattern":{"down_proj":2})",
                R"("r":3,"lora_alpha":2)");
  CHECK(open_checkpoint(folder.path()).tensors.size() == 2);
  write("mlp.router.", 4);  // no stack
  CHECK(open_checkpoint(folder.path()).tensors.size() == 1);
}

TEST_CASE("lora_B of stacked experts is read in the order that unsloth tells",
          "[checkpoint][adapter]") {
  // Two experts of rank 2: A of expert e has rows 2 e and 2 e + 1; one output, one input.
  const TempFolder folder;
  const auto write = [&](const std::string& more, std::int64_t rank = 2) {
    write_adapter(folder,
                  {tensor("l.mlp.experts.lora_A.weight", {4, 1}, {1, 2, 3, 4}),
                   tensor("l.mlp.experts.lora_B.weight", {1, 4}, {10, 20, 30, 40})},
                  R"(,"target_parameters":["mlp.experts.down_proj"])" + more,
                  R"("lora_alpha":2,"r":)" + std::to_string(rank));
  };
  const auto changes = [&] {
    const Catalogue catalogue = open_checkpoint(folder.path());
    std::vector<double> values;
    for (const Tensor& one : catalogue.tensors) values.push_back(values_of(catalogue, one).at(0));
    return values;
  };
  const std::vector<double> rank_major{1 * 10 + 2 * 30, 3 * 20 + 4 * 40};
  const std::vector<double> grouped{1 * 10 + 2 * 20, 3 * 30 + 4 * 40};
  const auto own = [](const std::string& layout) {
    return R"(,"unsloth_fused_expert_lora":{"lora_A_layout":"grouped_by_expert","parameters":{)"
           R"("down_proj":{"lora_B_layout":")" +
           layout + R"(","num_experts":2}}})";
  };
  const std::string fixed = R"(,"auto_mapping":{"unsloth_fixed":true})";
  write("");
  CHECK(changes() == rank_major);
  write(fixed + R"(,"lora_B_layout":"rank_major")");
  CHECK(changes() == rank_major);
  write(fixed + R"(,"lora_B_layout":"grouped_by_expert")");
  CHECK(changes() == grouped);
  write(fixed + own("grouped_by_expert"));
  CHECK(changes() == grouped);
  const std::string begin = "F/adapter_config.json: adapter of 'l.mlp.experts.down_proj': ";
  write(own("mixed"));
  CHECK(refusal(folder) ==
        begin + "expected lora_B_layout grouped_by_expert or rank_major, found 'mixed'");
  write(R"(,"lora_B_layout":"other")");
  CHECK(refusal(folder) ==
        begin + "expected lora_B_layout grouped_by_expert or rank_major, found 'other'");
  write(R"(,"lora_B_layout":"rank_major")" + own("grouped_by_expert"));
  CHECK(refusal(folder) ==
        begin + "expected one lora_B_layout, found 'grouped_by_expert' and 'rank_major'");
  const std::string unknown =
      begin +
      "unsloth trained it, which has packed lora_B of experts in two orders, and does not say in "
      "which. Add \"lora_B_layout\": \"grouped_by_expert\" (before 2026-09-17) or \"rank_major\" "
      "to "
      "adapter_config.json";
  write(fixed);
  CHECK(refusal(folder) == unknown);
  write(R"(,"unsloth_fused_expert_lora":{"parameters":{"gate_up_proj":{"num_experts":2}}})");
  CHECK(refusal(folder) == unknown);
  // On a base, each expert gets its own change.
  const TempFolder base;
  base.write("config.json", kQwen);
  base.write("model.safetensors", safetensors_bytes({stack_of("l.mlp.experts.down_proj", 3, 1)}));
  write_adapter(
      folder,
      {tensor("l.mlp.experts.lora_A.weight", {4, 1}, {1, 2, 3, 4}),
       tensor("l.mlp.experts.lora_B.weight", {3, 4}, {10, 20, 30, 40, 0, 0, 0, 0, 0, 0, 0, 0})},
      R"(,"target_parameters":["mlp.experts.down_proj"],)"
      R"("lora_B_layout":"grouped_by_expert")",
      R"("lora_alpha":2,"r":2)");
  const Catalogue merged = open_checkpoint(folder.path(), {"", base.path(), ""});
  REQUIRE(merged.tensors.size() == 2);
  CHECK(values_of(merged, merged.tensors[0]).at(0) == 1000 + grouped[0]);
  CHECK(values_of(merged, merged.tensors[1]).at(0) == 1003 + grouped[1]);
  // Of rank 1 both orders are the same.
  write(fixed, 1);
  CHECK(changes() == std::vector<double>{20, 80, 180, 320});
}

TEST_CASE("adapters on fused experts are added to the experts of their base",
          "[checkpoint][adapter]") {
  struct Case {
    const char* config;
    bool stored_in_out;  ///< how the base has its stack
    bool swapped;        ///< PEFT took rows for outputs
  };
  std::int64_t compared = 0;
  for (const Case& one : {Case{kQwen, false, true}, Case{kQwen, false, false},
                          Case{kGptOss, true, false}, Case{kGptOss, true, true}}) {
    const TempFolder folder;
    const TempFolder base;
    // gate_up_proj: 4 outputs, 3 inputs.
    const bool product_is_out_in = one.stored_in_out != one.swapped;
    write_expert_adapter(folder, "gate_up_proj", product_is_out_in ? 3 : 4,
                         product_is_out_in ? 4 : 3);
    base.write("config.json", one.config);
    base.write("model.safetensors",
               safetensors_bytes({one.stored_in_out ? stack_of("l.mlp.experts.gate_up_proj", 3, 4)
                                                    : stack_of("l.mlp.experts.gate_up_proj", 4, 3),
                                  tensor("l.q.weight", {1, 2}, {1, 2})}));
    const Catalogue merged = open_checkpoint(folder.path(), {"", base.path(), ""});
    REQUIRE(merged.tensors.size() == 5);
    const bool alternate = one.config == kGptOss;
    for (std::int64_t e = 0; e < 2; ++e) {
      for (const bool up : {false, true}) {
        const std::string name =
            "l.mlp.experts." + std::to_string(e) + (up ? ".up_proj.weight" : ".gate_proj.weight");
        const auto found = std::find_if(merged.tensors.begin(), merged.tensors.end(),
                                        [&](const Tensor& t) { return t.name == name; });
        REQUIRE(found != merged.tensors.end());
        CHECK(found->shape == std::vector<std::int64_t>{2, 3});
        CHECK(adapter_rank(*found) == 1);
        std::vector<double> wanted;
        for (std::int64_t r = 0; r < 2; ++r) {
          const std::int64_t o = alternate ? 2 * r + (up ? 1 : 0) : r + (up ? 2 : 0);
          for (std::int64_t i = 0; i < 3; ++i) {
            const std::int64_t place = one.stored_in_out ? e * 12 + i * 4 + o : e * 12 + o * 3 + i;
            wanted.push_back(static_cast<double>(1000 + place) +
                             (product_is_out_in ? change(e, o, i, 3) : change(e, i, o, 4)));
          }
        }
        CAPTURE(one.config, one.swapped, name);
        CHECK(values_of(merged, *found) == wanted);
        ++compared;
      }
    }
  }
  CHECK(compared == 16);
}

TEST_CASE("an adapter on fused experts fits a base with one tensor for each expert",
          "[checkpoint][adapter]") {
  const TempFolder folder;
  const TempFolder base;
  write_expert_adapter(folder, "down_proj", 2, 3);
  base.write("config.json", kQwen);
  std::vector<TensorText> weights;
  for (const char* e : {"0", "1"}) {
    weights.push_back(tensor("l.mlp.experts." + std::string(e) + ".down_proj.weight", {3, 2},
                             {1, 2, 3, 4, 5, 6}));
  }
  base.write("model.safetensors", safetensors_bytes(weights));
  const Catalogue merged = open_checkpoint(folder.path(), {"", base.path(), ""});
  REQUIRE(merged.tensors.size() == 2);
  CHECK(merged.tensors[1].name == "l.mlp.experts.1.down_proj.weight");
  std::vector<double> wanted;
  for (std::int64_t o = 0; o < 3; ++o) {
    for (std::int64_t i = 0; i < 2; ++i) {
      wanted.push_back(static_cast<double>(o * 2 + i + 1) + change(1, o, i, 2));
    }
  }
  CHECK(values_of(merged, merged.tensors[1]) == wanted);
  weights.push_back(
      tensor("l.mlp.experts.2.down_proj.weight", {3, 2}, std::vector<float>(6, 1.0F)));
  base.write("model.safetensors", safetensors_bytes(weights));
  CHECK(error_of([&] {
          static_cast<void>(open_checkpoint(folder.path(), {"", base.path(), ""}));
        })
            .find("'l.mlp.experts.2.down_proj.weight' of shape 3 x 2, but it changes only 2 of the "
                  "experts") != std::string::npos);
}

TEST_CASE("the time for experts grows with their number only", "[checkpoint][adapter]") {
  // With its square it would be minutes, and the test would end at its limit.
  constexpr std::int64_t kExperts = 16'384;
  const TempFolder folder;
  const TempFolder base;
  write_adapter(
      folder,
      {tensor("l.mlp.experts.lora_A.weight", {kExperts, 2}, std::vector<float>(2 * kExperts, 1.0F)),
       tensor("l.mlp.experts.lora_B.weight", {3, kExperts},
              std::vector<float>(3 * kExperts, 1.0F))},
      R"(,"target_parameters":["mlp.experts.down_proj"])");
  base.write("config.json", kQwen);
  std::vector<TensorText> weights;
  for (std::int64_t e = 0; e < kExperts; ++e) {
    weights.push_back(tensor("l.mlp.experts." + std::to_string(e) + ".down_proj.weight", {3, 2},
                             {1, 2, 3, 4, 5, 6}));
  }
  base.write("model.safetensors", safetensors_bytes(weights));
  const Catalogue merged = open_checkpoint(folder.path(), {"", base.path(), ""});
  REQUIRE(merged.tensors.size() == kExperts);
  CHECK(values_of(merged, merged.tensors.back()) == std::vector<double>{3, 4, 5, 6, 7, 8});
}

TEST_CASE("adapters on fused experts whose axes are not told are refused",
          "[checkpoint][adapter]") {
  const TempFolder folder;
  const TempFolder base;
  const auto refused = [&] {
    return error_of([&] {
      static_cast<void>(open_checkpoint(folder.path(), {"", base.path(), ""}));
    });
  };
  const std::string place = "--with-base: the adapter in " + folder.path().string() + " changes '";
  write_expert_adapter(folder, "down_proj", 3, 3);
  base.write("config.json", kQwen);
  base.write("model.safetensors", safetensors_bytes({stack_of("l.mlp.experts.down_proj", 3, 3)}));
  CHECK(refused() == place +
                         "l.mlp.experts.down_proj[0]' of shape 3 x 3, but its experts are square, "
                         "and nothing tells whether PEFT took their rows for inputs or outputs. "
                         "Name the model that the adapter was trained on");
  base.write("model.safetensors", safetensors_bytes({stack_of("l.mlp.experts.down_proj", 3, 5)}));
  CHECK(refused() == place +
                         "l.mlp.experts.down_proj[0]' of shape 3 x 3, but the base has 2 x 3 x 5. "
                         "Name the model that the adapter was trained on");
  base.write("model.safetensors", safetensors_bytes({tensor("l.mlp.experts.down_proj", {3, 3, 2},
                                                            std::vector<float>(18, 1.0F))}));
  write_expert_adapter(folder, "down_proj", 2, 3);
  CHECK(refused() ==
        place +
            "l.mlp.experts.down_proj' of shape 3 x 3 x 2, but it changes only 2 of "
            "its experts. Name the model that the adapter was trained on, or correct r "
            "in adapter_config.json");
  // More experts than the base has: r may be too small.
  base.write("model.safetensors", safetensors_bytes({tensor("l.mlp.experts.0.down_proj.weight",
                                                            {3, 2}, std::vector<float>(6, 1.0F))}));
  CHECK(refused() == place +
                         "l.mlp.experts.down_proj[1]' of shape 3 x 2, but the base has no tensor "
                         "of this name. Name the model that the adapter was trained on, or correct "
                         "r in adapter_config.json");
  // A family that is not known: the slices as they lie.
  base.write("config.json", R"({"model_type":"other"})");
  base.write("model.safetensors", safetensors_bytes({stack_of("l.mlp.experts.down_proj", 2, 3)}));
  const Catalogue merged = open_checkpoint(folder.path(), {"", base.path(), ""});
  REQUIRE(merged.tensors.size() == 2);
  CHECK(merged.tensors[0].name == "l.mlp.experts.down_proj[0]");
  CHECK(merged.tensors[0].shape == std::vector<std::int64_t>{2, 3});
  CHECK(values_of(merged, merged.tensors[0])[1] == 1001 + change(0, 1, 0, 2));
}
