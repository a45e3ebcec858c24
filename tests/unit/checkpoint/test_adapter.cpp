/// @file
/// LoRA adapters alone: names, products, what is refused.

#include <catch2/catch.hpp>

#include "adapter_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test;

TEST_CASE("an adapter becomes the products of its factors", "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder, {kA, kB, tensor("base_model.model.head.weight", {1, 2}, {5, 6})});
  const Catalogue catalogue = open_checkpoint(folder.path());
  CHECK(catalogue.format == "lora");
  REQUIRE(catalogue.tensors.size() == 2);
  CHECK(catalogue.tensors[0].name == "head.weight");  // modules_to_save
  CHECK(catalogue.tensors[1].name == "m.q.weight");
  CHECK(catalogue.tensors[1].stored_as == "LoRA of rank 1 in F32");
  CHECK(rank_bound(catalogue.tensors[1]) == 1);
  CHECK(values_of(catalogue, catalogue.tensors[1]) == std::vector<double>{20, 40, 60, 40, 80, 120});
}

TEST_CASE("names of older writers, embeddings and stacked experts", "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder,
                {tensor("base_model.model.e.lora_embedding_A", {1, 3}, {1, 2, 3}),
                 tensor("base_model.model.e.lora_embedding_B", {2, 1}, {10, 20}),
                 tensor("base_model.model.q.lora_A.default.weight", {1, 3}, {1, 2, 3}),
                 tensor("base_model.model.q.lora_B.default.weight", {2, 1}, {10, 20}),
                 tensor("base_model.model.x.experts.lora_A.weight", {2, 2}, {1, 2, 3, 4}),
                 tensor("base_model.model.x.experts.lora_B.weight", {1, 2}, {10, 100})},
                R"(,"target_parameters":["x.experts"])");
  const Catalogue catalogue = open_checkpoint(folder.path());
  REQUIRE(catalogue.tensors.size() == 4);
  CHECK(catalogue.tensors[0].shape == std::vector<std::int64_t>{3, 2});
  CHECK(values_of(catalogue, catalogue.tensors[0]) == std::vector<double>{20, 40, 40, 80, 60, 120});
  CHECK(catalogue.tensors[1].name == "q.weight");
  CHECK(catalogue.tensors[2].name == "x.experts[0]");
  CHECK(values_of(catalogue, catalogue.tensors[2]) == std::vector<double>{20, 40});
  CHECK(values_of(catalogue, catalogue.tensors[3]) == std::vector<double>{600, 800});
}

TEST_CASE("inconsistent adapters are refused", "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder, {kA});
  CHECK(refusal(folder) == "F: adapter of 'm.q': expected lora_A and lora_B, found no lora_B");
  write_adapter(folder, {kA, tensor("base_model.model.m.q.lora_B.weight", {2, 2}, {1, 2, 3, 4})});
  CHECK(refusal(folder) ==
        "F: adapter of 'm.q': factors of shape 1 x 3 and 2 x 2 cannot be multiplied");
  write_adapter(folder, {tensor("x", {1}, {1})});
  CHECK(refusal(folder) == "F: expected factors lora_A and lora_B, found none");
  write_adapter(folder, {kA, kB}, "", R"("r":1)");
  CHECK(refusal(folder) == "F/adapter_config.json: expected r and lora_alpha, found none");
  folder.write("adapter_config.json", R"({"peft_type":"IA3","r":1})");
  CHECK(refusal(folder) ==
        "F/adapter_config.json: expected peft_type LORA, found 'IA3', which is not supported");
  std::filesystem::remove(folder / "adapter_config.json");
  CHECK(refusal(folder) ==
        "F/adapter_config.json: expected the rank and alpha of the adapter, found no such file");
}

TEST_CASE("initialisations that change the base are refused", "[checkpoint][adapter]") {
  const TempFolder folder;
  const auto written = [&](const std::string& value) {
    write_adapter(folder, {kA, kB}, R"(,"init_lora_weights":)" + value);
  };
  for (const std::string value :
       {"true", "false", "null", "\"gaussian\"", "\"eva\"", "\"orthogonal\"", "\"MiCA\""}) {
    written(value);
    CHECK(open_checkpoint(folder.path()).tensors.size() == 1);
  }
  const auto changed = [](const std::string& name) {
    return "F/adapter_config.json: expected factors that change the weights of the base, found "
           "init_lora_weights '" +
           name + "', which changed those weights before training. ";
  };
  const std::string kept =
      "et it to true if the changed weights were saved and are the base that you use";
  for (const std::string name : {"pissa", "pissa_niter_16", "olora", "OLoRA", "corda", "lora_ga"}) {
    written('"' + name + '"');
    CHECK(refusal(folder) == changed(name) +
                                 "Convert the adapter: save_pretrained of PEFT with "
                                 "path_initial_model_for_weight_conversion. Or s" +
                                 kept);
  }
  written("\"loftq\"");
  CHECK(refusal(folder) == changed("loftq") + "S" + kept);
  written("\"milora\"");
  CHECK(refusal(folder) ==
        "F/adapter_config.json: expected init_lora_weights true, false, gaussian, eva, orthogonal "
        "or mica, which leave the weights of the base as they are, found 'milora'. If it leaves "
        "them too, set it to true");
}

TEST_CASE("variants whose factors are no whole matrices are refused", "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder, {kA, kB},
                R"(,"use_bdlora":null,"use_qalora":false,"kasa_config":null,"arrow_config":null)");
  CHECK(open_checkpoint(folder.path()).tensors.size() == 1);
  const std::string begin = "F/adapter_config.json: expected factors of whole matrices, found ";
  const std::string merge = ". Merge it with PEFT (merge_and_unload), and scan the model";
  write_adapter(folder, {kA, kB}, R"(,"use_bdlora":{"nblocks":2,"target_modules_bd_a":["q"]})");
  CHECK(refusal(folder) ==
        begin +
            "use_bdlora: factors that are blocks on a diagonal (BD-LoRA), which is not supported" +
            merge);
  write_adapter(folder, {kA, kB}, R"(,"use_qalora":true)");
  CHECK(refusal(folder) ==
        begin +
            "use_qalora: factors for sums of groups of inputs (QA-LoRA), which is not supported");
  write_adapter(folder, {kA, kB}, R"(,"kasa_config":{"beta":null})");
  CHECK(refusal(folder) == begin +
                               "kasa_config: a base that lacks its smallest singular values "
                               "(KaSA), which is not supported" +
                               merge);
  write_adapter(folder, {kA, kB}, R"(,"arrow_config":{"top_k":3})");
  CHECK(refusal(folder) ==
        begin + "arrow_config: a router of other adapters (Arrow), which is not supported");
}

TEST_CASE("parts of an adapter that are no factors", "[checkpoint][adapter]") {
  const TempFolder folder;
  const TensorText bias = tensor("base_model.model.m.q.lora_B.bias", {2}, {1, 1});
  write_adapter(folder, {bias, kA, kB}, R"(,"lora_bias":true)");
  const Catalogue catalogue = open_checkpoint(folder.path());
  REQUIRE(catalogue.tensors.size() == 2);
  CHECK(catalogue.tensors[0].name == "m.q.lora_B.bias");
  CHECK(values_of(catalogue, catalogue.tensors[1]) == std::vector<double>{20, 40, 60, 40, 80, 120});

  write_adapter(folder, {kA, kB, tensor("base_model.model.m.q.lora_velora_embed", {1, 2}, {1, 1}),
                         tensor("base_model.model.m.q.lora_monteclora_sampler.gaussian_var_prior",
                                {1, 1}, {1})});
  const Catalogue trained = open_checkpoint(folder.path());
  CHECK(trained.tensors.size() == 1);
  CHECK(trained.warnings ==
        std::vector<std::string>{
            folder.path().string() +
            ": tensors used in training only (VeLoRA, MonteCLoRA): 2, not read"});

  write_adapter(folder, {kA, kB, tensor("base_model.model.m.q.lora_diag", {1}, {3})});
  CHECK(refusal(folder) ==
        "F: adapter of 'm.q': expected lora_A and lora_B, found 'lora_diag', which is not "
        "supported");
}
