/// @file
/// Roles that the other tensors of a module tell.

#include <map>

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace wishart;
using namespace wishart::model;
using namespace wishart::test;

namespace {

/// The roles of all matrices by their keys.
std::map<std::string, std::string> roles_of(const std::vector<Tensor>& tensors,
                                            const ModelConfig& config = {}) {
  checkpoint::Catalogue c = catalogue(tensors);
  c.config = config;
  std::map<std::string, std::string> roles;
  for (const Matrix& matrix : select_matrices(c, {}).matrices) roles[matrix.key] = matrix.role;
  return roles;
}

}  // namespace

TEST_CASE("a mixer with queries is attention", "[select]") {
  for (const std::string module : {"transformer.h.0.mixer.", "encoder.layers.0.mixer."}) {
    const Tensor output = tensor(module + "out_proj.weight", {64, 64});
    CHECK(roles_of({output, tensor(module + "Wqkv.weight", {192, 64})}) ==
          std::map<std::string, std::string>{{module + "Wqkv.weight", "attention.qkv"},
                                             {module + "out_proj.weight", "attention.o"}});
    CHECK(roles_of({output, tensor(module + "in_proj.weight", {192, 64})})[output.name] ==
          "ssm.out_proj");
    // Of another block.
    CHECK(roles_of({output, tensor("encoder.layers.1.mixer.Wqkv.weight",
                                   {192, 64})})[output.name] == "ssm.out_proj");
  }
}

TEST_CASE("a Gated DeltaNet may be called attention", "[select]") {
  const std::string module = "layers.0.attn.";
  std::vector<Tensor> tensors;
  for (const char* leaf :
       {"in_proj_q", "in_proj_k", "in_proj_v", "in_proj_z", "in_proj_a", "in_proj_b", "out_proj"}) {
    tensors.push_back(tensor(module + leaf + ".weight", {64, 64}));
  }
  tensors.push_back(tensor("layers.1.attn.out_proj.weight", {64, 64}));
  tensors.push_back(tensor("layers.1.attn.in_proj_q.weight", {64, 64}));
  auto roles = roles_of(tensors);
  CHECK(roles.size() == 9);
  CHECK(roles[module + "in_proj_q.weight"] == "ssm.in_proj_q");
  CHECK(roles[module + "in_proj_b.weight"] == "ssm.in_proj_b");
  CHECK(roles[module + "out_proj.weight"] == "ssm.out_proj");
  CHECK(roles["layers.1.attn.out_proj.weight"] == "attention.o");
  CHECK(roles["layers.1.attn.in_proj_q.weight"] == "other");
}

TEST_CASE("ff_proj beside up_proj is the gate alone", "[select]") {
  const std::string block = "model.transformer.blocks.0.";
  const Tensor gate = tensor(block + "ff_proj.weight", {128, 64});
  CHECK(roles_of({gate, tensor(block + "up_proj.weight", {128, 64})})[gate.name] == "mlp.gate");
  CHECK(roles_of({gate, tensor(block + "ff_out.weight", {64, 128})})[gate.name] == "mlp.gate_up");
}

TEST_CASE("w3 is down where w1 and w2, or w12, are gate and up", "[select]") {
  const std::string neobert = "model.transformer_encoder.0.ffn.";
  CHECK(roles_of({tensor(neobert + "w12.weight", {256, 64}),
                  tensor(neobert + "w3.weight", {64, 128})}) ==
        std::map<std::string, std::string>{{neobert + "w12.weight", "mlp.gate_up"},
                                           {neobert + "w3.weight", "mlp.down"}});
  const std::string eva = "blocks.0.mlp.";
  auto roles = roles_of({tensor(eva + "w1.weight", {128, 64}), tensor(eva + "w2.weight", {128, 64}),
                         tensor(eva + "w3.weight", {64, 128})});
  CHECK(roles[eva + "w1.weight"] == "mlp.gate");
  CHECK(roles[eva + "w2.weight"] == "mlp.up");
  CHECK(roles[eva + "w3.weight"] == "mlp.down");
  // Llama's, and squares, which do not tell.
  for (const std::string module : {"layers.0.feed_forward.", "layers.0.moe.experts.3."}) {
    for (const std::int64_t width : {64, 128}) {
      roles = roles_of({tensor(module + "w1.weight", {width, 64}),
                        tensor(module + "w2.weight", {64, width}),
                        tensor(module + "w3.weight", {width, 64})});
      CHECK(roles[module + "w1.weight"].ends_with(".gate"));
      CHECK(roles[module + "w2.weight"].ends_with(".down"));
      CHECK(roles[module + "w3.weight"].ends_with(".up"));
    }
  }
}

TEST_CASE("LitGPT: fc and proj, or fc_1, fc_2 and proj", "[select]") {
  const std::string plain = "transformer.h.0.mlp.";
  CHECK(
      roles_of({tensor(plain + "fc.weight", {96, 64}), tensor(plain + "proj.weight", {64, 96})}) ==
      std::map<std::string, std::string>{{plain + "fc.weight", "mlp.up"},
                                         {plain + "proj.weight", "mlp.down"}});
  for (const auto& [module, kind] :
       std::map<std::string, std::string>{{plain, "mlp."},
                                          {plain + "experts.3.", "expert."},
                                          {plain + "shared_experts.", "shared_expert."}}) {
    CHECK(roles_of({tensor(module + "fc_1.weight", {96, 64}),
                    tensor(module + "fc_2.weight", {96, 64}),
                    tensor(module + "proj.weight", {64, 96})}) ==
          std::map<std::string, std::string>{{module + "fc_1.weight", kind + "gate"},
                                             {module + "fc_2.weight", kind + "up"},
                                             {module + "proj.weight", kind + "down"}});
  }
  // Laguna's router, and maps of other modules.
  CHECK(roles_of({tensor("model.layers.0.mlp.gate.proj.weight", {64, 64}),
                  tensor("model.layers.0.mlp.fc_1.weight", {96, 64})})
            .at("model.layers.0.mlp.gate.proj.weight") == "other");
}
