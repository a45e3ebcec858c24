/// @file
/// LoRA adapters: names, patterns, experts, what is refused; bases.

#include <chrono>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/record/adapter.hpp"

#include "formats/lora/adapter.hpp"
#include "formats/lora/adapter_config.hpp"
#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::bytes_of;
using wishart::test::error_of;
using wishart::test::safetensors_bytes;
using wishart::test::TempFolder;
using wishart::test::TensorText;

namespace {

TensorText tensor(const std::string& name, const std::vector<std::int64_t>& shape,
                  const std::vector<float>& values) {
  return {name, "F32", shape, bytes_of(std::span<const float>(values))};
}

void write_adapter(const TempFolder& folder, const std::vector<TensorText>& tensors,
                   const std::string& more = "",
                   const std::string& base = R"("r":1,"lora_alpha":2)") {
  folder.write("adapter_config.json", R"({"peft_type":"LORA",)" + base + more + "}");
  folder.write("adapter_model.safetensors", safetensors_bytes(tensors));
}

std::vector<double> values_of(const Catalogue& catalogue, const Tensor& wanted) {
  FileReader reader(catalogue.root, catalogue.files);
  std::vector<double> values(static_cast<std::size_t>(wanted.num_elements));
  reader.read_elements(wanted, 0, values);
  return values;
}

std::string refusal(const TempFolder& folder) {
  std::string text = error_of([&] { static_cast<void>(open_checkpoint(folder.path())); });
  const std::string path = folder.path().string();
  if (text.starts_with(path)) text.replace(0, path.size(), "F");
  return text;
}

std::optional<bool> matches_module(std::string_view pattern, std::string_view module) {
  const std::optional<ModulePattern> parsed = ModulePattern::parsed(pattern);
  std::int64_t steps = 0;
  return parsed ? std::optional(parsed->matches(module, steps)) : std::nullopt;
}

const TensorText kA = tensor("base_model.model.m.q.lora_A.weight", {1, 3}, {1, 2, 3});
const TensorText kB = tensor("base_model.model.m.q.lora_B.weight", {2, 1}, {10, 20});

}  // namespace

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

TEST_CASE("rank and alpha of a module come from the first matching pattern",
          "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder, {kA, kB}, R"(,"alpha_pattern":{"k":7,"m\\.q":6,"q":9})");
  CHECK(values_of(open_checkpoint(folder.path()), open_checkpoint(folder.path()).tensors[0])[0] ==
        60);
  write_adapter(folder, {kA, kB}, R"x(,"alpha_pattern":{"(a|b)":7})x");
  CHECK(refusal(folder) ==
        "F/adapter_config.json: pattern '(a|b)' is not supported: expected only names, dots, \\d, "
        "\\w, *, + and ?");
  CHECK(matches_module("q_proj", "model.layers.0.q_proj") == true);
  CHECK(matches_module("proj", "model.layers.0.q_proj") == false);
  CHECK(matches_module("layers.\\d+.q_proj", "model.layers.11.q_proj") == true);
  CHECK(matches_module("^model.*q_proj$", "model.layers.11.q_proj") == true);
  CHECK(matches_module("^layers.*", "model.layers.11.q_proj") == false);
  CHECK(matches_module(std::string(300, '*'), "x") == std::nullopt);
  CHECK(matches_module("a" + std::string(200, '*') + "b", std::string(2000, 'a')) == false);
  CHECK(matches_module("[a-z]", "a") == std::nullopt);
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

TEST_CASE("an r of an adapter that is no rank is named", "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder, {kA, kB}, "", R"("r":0,"lora_alpha":2)");
  CHECK(refusal(folder) == "F/adapter_config.json: expected r of 1 or more, found '0'");
  write_adapter(folder, {kA, kB}, "", R"("r":1,"lora_alpha":"x")");
  CHECK(refusal(folder) == "F/adapter_config.json: expected a number lora_alpha, found 'x'");
}

TEST_CASE("a rank or alpha of a pattern that is none is named", "[checkpoint][adapter]") {
  const TempFolder folder;
  const auto refused = [&](const std::string& more, const std::string& base) {
    write_adapter(folder, {kA, kB}, more, base);
    std::string text = refusal(folder);
    const std::string front = "F/adapter_config.json: ";
    CHECK(text.starts_with(front));
    return text.substr(std::min(front.size(), text.size()));
  };
  const std::string good = R"("r":1,"lora_alpha":2)";
  for (const std::string number : {"NaN", "Infinity", "-Infinity"}) {
    CHECK(refused("", R"("r":1,"lora_alpha":)" + number) ==
          "expected a finite number lora_alpha, found '" + number + "'");
  }
  const std::string alpha = "pattern 'y' of alpha_pattern: expected a finite number, found ";
  const std::string rank = "pattern 'y' of rank_pattern: expected a rank of 1 or more, found ";
  const std::vector<std::pair<std::string, std::string>> values{
      {"1e999", "'1e999'"}, {R"("many")", "'many'"}, {"true", "'true'"}, {"NaN", "'NaN'"},
      {"null", "no value"}, {"{}", "no value"},      {"[]", "no value"}};
  for (const auto& [value, found] : values) {
    CHECK(refused(R"(,"alpha_pattern":{"q":3,"y":)" + value + "}", good) == alpha + found);
    CHECK(refused(R"(,"rank_pattern":{"q":3,"y":)" + value + "}", good) == rank + found);
  }
  CHECK(refused(R"(,"rank_pattern":{"y":0})", good) == rank + "'0'");
  CHECK(refused(R"(,"alpha_pattern":7)", good) == "expected patterns as alpha_pattern, found '7'");
  // What PEFT writes without patterns.
  for (const std::string none : {"null", "{}"}) {
    write_adapter(folder, {kA, kB}, R"(,"alpha_pattern":)" + none + R"(,"rank_pattern":)" + none);
    CHECK(open_checkpoint(folder.path()).tensors.size() == 1);
  }
}

TEST_CASE("patterns are compared with all ends of a path in one pass", "[checkpoint][adapter]") {
  std::string pattern;
  std::string module = "a";
  for (int i = 0; i < 100; ++i) {
    pattern += ".*";
    module += ".a";
  }
  std::int64_t steps = 0;
  CHECK_FALSE(ModulePattern::parsed("x" + pattern)->matches(module, steps));
  CHECK(steps <= 101 * 202);
  // A name is compared from its end.
  steps = 0;
  CHECK_FALSE(ModulePattern::parsed(module + ".b")->matches(module, steps));
  CHECK(steps == 1);
  CHECK(ModulePattern::parsed("a")->matches(module, steps));
  CHECK(ModulePattern::parsed("a.a")->matches(module, steps));
  CHECK_FALSE(ModulePattern::parsed("^a.a")->matches(module, steps));
  CHECK(ModulePattern::parsed("^" + module + "$")->matches(module, steps));
  CHECK(ModulePattern::parsed("^a.*a")->matches(module, steps));
  CHECK_FALSE(ModulePattern::parsed(module + ".a")->matches(module, steps));
  CHECK(ModulePattern::parsed("b*")->matches(module + ".", steps));  // of the empty end
}

TEST_CASE("patterns that take too long are refused", "[checkpoint][adapter]") {
  const AdapterConfig config(
      JsonFacts(R"({"r":1,"lora_alpha":2,"alpha_pattern":{"x.*y.*":3}})", "F"), "F", 50);
  CHECK(config.scaling("module.q", 1) == 2);
  CHECK(error_of([&] {
          for (int i = 0; i < 10; ++i) static_cast<void>(config.scaling("module.q", 1));
        }) ==
        "F: pattern 'x.*y.*': expected patterns and names of modules that are compared in at most "
        "50 steps, found more");
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

TEST_CASE("an adapter that repeats layers is read only without a base", "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder, {kA, kB}, R"(,"layer_replication":[[0,2],[1,3]])");
  CHECK(open_checkpoint(folder.path()).tensors.size() == 1);
  const TempFolder base;
  base.write("model.safetensors",
             safetensors_bytes({tensor("m.q.weight", {2, 3}, {1, 1, 1, 1, 1, 1})}));
  CHECK(error_of([&] {
          static_cast<void>(open_checkpoint(folder.path(), {"", base.path(), ""}));
        }) == "--with-base: the adapter in " + folder.path().string() +
                  " repeats layers of its base (layer_replication), so its layers have other "
                  "numbers. Scan it without a base");
}

TEST_CASE("embeddings of which an adapter has new rows are left out", "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(
      folder,
      {kA, kB,
       tensor("base_model.model.m.e.token_adapter.trainable_tokens_delta", {2, 2}, {1, 2, 3, 4})},
      R"(,"trainable_token_indices":{"e":[0,2]})");
  const Catalogue alone = open_checkpoint(folder.path());
  REQUIRE(alone.tensors.size() == 1);
  CHECK(alone.warnings ==
        std::vector<std::string>{folder.path().string() +
                                 ": replaces rows of 'm.e.weight' for 2 tokens "
                                 "(trainable_token_indices), which are not read: 'm.e.weight' is "
                                 "left out"});
  REQUIRE(alone.left_out.size() == 1);
  CHECK(alone.left_out[0].reason == "encoding-not-read");
  CHECK(alone.left_out[0].detail ==
        "rows of 'm.e.weight' for single tokens, no matrix of the model");

  const TempFolder base;
  const auto write_base = [&](const std::vector<std::int64_t>& shape) {
    base.write("model.safetensors",
               safetensors_bytes({tensor("lm_head.weight", shape, {1, 2, 3, 4, 5, 6}),
                                  tensor("m.e.weight", shape, {1, 2, 3, 4, 5, 6}),
                                  tensor("m.q.weight", {2, 3}, {1, 1, 1, 1, 1, 1})}));
  };
  write_base({3, 2});
  const Catalogue merged = open_checkpoint(folder.path(), {"", base.path(), ""});
  REQUIRE(merged.tensors.size() == 2);
  CHECK(merged.tensors[0].name == "lm_head.weight");
  CHECK(merged.tensors[1].name == "m.q.weight");
  REQUIRE(merged.left_out.size() == 2);
  CHECK(merged.left_out[1].tensor.name == "m.e.weight");
  CHECK(merged.left_out[1].reason == "encoding-not-read");
  CHECK(merged.left_out[1].detail ==
        "the adapter replaces 2 of its rows (trainable_token_indices), which is not supported. "
        "Merge the adapter with PEFT (merge_and_unload), and scan the model");

  base.write("config.json", R"({"model_type":"llama","tie_word_embeddings":true})");
  const Catalogue tied = open_checkpoint(folder.path(), {"", base.path(), ""});
  REQUIRE(tied.tensors.size() == 1);
  REQUIRE(tied.left_out.size() == 3);
  CHECK(tied.left_out[2].tensor.name == "lm_head.weight");

  write_base({2, 3});
  CHECK(error_of([&] {
          static_cast<void>(open_checkpoint(folder.path(), {"", base.path(), ""}));
        }) == "--with-base: the adapter in " + folder.path().string() +
                  " replaces rows of 'm.e.weight' by 2 x 2 others, but the base has it with shape "
                  "2 x 3. Name the model that the adapter was trained on");
}

TEST_CASE("DoRA magnitudes set the lengths of rows on a base", "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder,
                {kA, kB, tensor("base_model.model.m.q.lora_magnitude_vector", {2}, {5, 1})});
  const TempFolder base;
  base.write("model.safetensors",
             safetensors_bytes({tensor("m.q.weight", {2, 3}, {-20, -37, -56, -40, -80, -119})}));
  const Catalogue merged = open_checkpoint(folder.path(), {"", base.path(), ""});
  const Tensor& weight = merged.tensors.back();
  CHECK(weight.stored_as == "F32 + LoRA of rank 1 in F32 with DoRA magnitudes");
  CHECK(values_of(merged, weight) == std::vector<double>{0, 3, 4, 0, 0, 1});
  CHECK(open_checkpoint(folder.path()).warnings.size() == 1);
}

TEST_CASE("an adapter on its base is the whole model", "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder, {kA, kB, tensor("base_model.model.head.weight", {1, 2}, {5, 6})});
  const TempFolder base;
  base.write("config.json", R"({"model_type":"llama","num_hidden_layers":3})");
  base.write("model.safetensors",
             safetensors_bytes({tensor("head.weight", {1, 2}, {7, 8}),
                                tensor("m.k.weight", {1, 2}, {3, 4}),
                                tensor("m.q.weight", {2, 3}, {1, 1, 1, 1, 1, 1})}));
  const Catalogue merged = open_checkpoint(folder.path(), {"", base.path(), ""});
  CHECK(merged.analysis == AnalysisKind::adapter_on_base);
  CHECK(merged.config.num_hidden_layers == 3);
  REQUIRE(merged.tensors.size() == 3);
  CHECK(merged.tensors[0].name == "head.weight");  // modules_to_save
  CHECK(values_of(merged, merged.tensors[0]) == std::vector<double>{5, 6});
  CHECK(merged.tensors[1].name == "m.k.weight");
  CHECK(values_of(merged, merged.tensors[1]) == std::vector<double>{3, 4});
  CHECK(adapter_rank(merged.tensors[1]) == -1);
  CHECK(values_of(merged, merged.tensors[2]) == std::vector<double>{21, 41, 61, 41, 81, 121});
  CHECK(adapter_rank(merged.tensors[2]) == 1);
  CHECK(adapter_rank_in(storage_text(merged.tensors[2])) == 1);
  CHECK(adapter_parts(merged.tensors[2]).base->stored_as.empty());
  CHECK_FALSE(is_adapter_alone(storage_text(merged.tensors[2])));
  CHECK(is_adapter_alone(storage_text(open_checkpoint(folder.path()).tensors.back())));
}

TEST_CASE("a base that is not the adapter's is refused", "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder, {kA, kB});
  const TempFolder base;
  const auto refused = [&](Blame blame) {
    return error_of(
        [&] {
          static_cast<void>(open_checkpoint(folder.path(), {"", base.path(), ""}));
        },
        blame);
  };
  base.write("model.safetensors", safetensors_bytes({tensor("m.q.weight", {1, 2}, {1, 2})}));
  CHECK(refused(Blame::input) ==
        "--with-base: the adapter in " + folder.path().string() +
            " changes 'm.q.weight' of shape 2 x 3, but the base has it with shape 1 x 2. Name the "
            "model that the adapter was trained on");
  std::filesystem::remove(base / "model.safetensors");
  write_adapter(base, {kA, kB});
  CHECK(refused(Blame::usage) == "--with-base: " + base.path().string() +
                                     " is an adapter. Expected the model that " +
                                     folder.path().string() + " was trained on");
}

TEST_CASE("weights that the base lacks are left out with the reason", "[checkpoint][base]") {
  const TempFolder tuned;
  const TempFolder base;
  tuned.write("model.safetensors",
              safetensors_bytes({tensor("a", {1, 2}, {1, 2}), tensor("b", {1, 2}, {1, 2}),
                                 tensor("c", {1, 2}, {7, 8}), tensor("norm", {2}, {1, 1})}));
  base.write("model.safetensors",
             safetensors_bytes({tensor("b", {2, 1}, {1, 2}), tensor("c", {1, 2}, {1, 1})}));
  const Catalogue catalogue = open_checkpoint(tuned.path(), {base.path(), "", ""});
  REQUIRE(catalogue.tensors.size() == 2);
  CHECK(values_of(catalogue, catalogue.tensors[0]) == std::vector<double>{6, 7});
  CHECK(catalogue.tensors[0].stored_as == "F32 - F32");
  REQUIRE(catalogue.left_out.size() == 2);
  CHECK(catalogue.left_out[0].detail == "the base has no tensor of this name");
  CHECK(catalogue.left_out[1].detail == "the base has it with shape 2 x 1");
  CHECK(error_of(
            [&] {
              static_cast<void>(open_checkpoint(tuned.path(), {base.path(), base.path(), ""}));
            },
            Blame::usage) == "--base and --with-base: expected one of them, found both");
  CHECK(error_of(
            [&] {
              static_cast<void>(open_checkpoint(tuned.path(), {"", base.path(), ""}));
            },
            Blame::usage) ==
        "--with-base: " + tuned.path().string() + " is no adapter. Use --base");
}

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
  // With its square it would be minutes.
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
  const auto start = std::chrono::steady_clock::now();
  const Catalogue merged = open_checkpoint(folder.path(), {"", base.path(), ""});
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
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
