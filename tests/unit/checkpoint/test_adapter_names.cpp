/// @file
/// Adapters and their bases: weights of the base in the adapter, outputs along columns, other
/// names, single experts, and files beside an adapter.

#include <algorithm>

#include <catch2/catch.hpp>

#include "adapter_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test;

namespace {

const std::string kP = "base_model.model.";

Catalogue on_base(const TempFolder& adapter, const TempFolder& base) {
  return open_checkpoint(adapter.path(), {"", base.path(), ""});
}

std::string refusal_on(const TempFolder& adapter, const TempFolder& base) {
  std::string text = error_of([&] { static_cast<void>(on_base(adapter, base)); });
  for (const auto& [path, name] :
       {std::pair(adapter.path().string(), "F"), std::pair(base.path().string(), "B")}) {
    for (std::size_t at = text.find(path); at != std::string::npos; at = text.find(path)) {
      text.replace(at, path.size(), name);
    }
  }
  return text;
}

void write_base(const TempFolder& base, const std::vector<TensorText>& tensors,
                const std::string& config = "") {
  base.write("model.safetensors", safetensors_bytes(tensors));
  if (!config.empty()) base.write("config.json", config);
}

std::vector<std::string> names_of(const Catalogue& catalogue) {
  std::vector<std::string> names;
  for (const Tensor& one : catalogue.tensors) names.push_back(one.name);
  return names;
}

/// Factors of the change of ones, of rank 1, on a matrix of rows x cols.
std::vector<TensorText> ones(const std::string& module, std::int64_t rows, std::int64_t cols) {
  return {tensor(kP + module + ".lora_A.weight", {1, cols},
                 std::vector<float>(static_cast<std::size_t>(cols), 1)),
          tensor(kP + module + ".lora_B.weight", {rows, 1},
                 std::vector<float>(static_cast<std::size_t>(rows), 1))};
}

const std::string kPlain = R"("r":1,"lora_alpha":1)";

}  // namespace

TEST_CASE("a weight of the base in an adapter is no change, and counts on the base",
          "[checkpoint][adapter]") {
  const TempFolder folder;
  const TempFolder base;
  // The vocabulary was enlarged from two rows to three.
  write_adapter(folder,
                {tensor(kP + "m.embed_tokens.base_layer.weight", {3, 2}, {1, 2, 3, 4, 5, 6}),
                 tensor(kP + "m.embed_tokens.lora_embedding_A", {1, 3}, {1, 1, 1}),
                 tensor(kP + "m.embed_tokens.lora_embedding_B", {2, 1}, {1, 2})},
                "", kPlain);
  const Catalogue alone = open_checkpoint(folder.path());
  CHECK(names_of(alone) == std::vector<std::string>{"m.embed_tokens.weight"});
  REQUIRE(alone.left_out.size() == 1);
  CHECK(alone.left_out[0].reason == "weight-of-base");
  CHECK(alone.left_out[0].detail ==
        "the base's weight of 'm.embed_tokens', which the adapter changes: it is used with "
        "--with-base");
  write_base(base, {tensor("m.embed_tokens.weight", {2, 2}, {9, 9, 9, 9})});
  const Catalogue merged = on_base(folder, base);
  CHECK(names_of(merged) == std::vector<std::string>{"m.embed_tokens.weight"});
  CHECK(values_of(merged, merged.tensors[0]) == std::vector<double>{2, 4, 4, 6, 6, 8});
  CHECK(merged.left_out.empty());
  write_adapter(folder,
                {tensor(kP + "m.embed_tokens.base_layer.weight", {2, 2}, {1, 2, 3, 4}),
                 tensor(kP + "m.embed_tokens.lora_embedding_A", {1, 3}, {1, 1, 1}),
                 tensor(kP + "m.embed_tokens.lora_embedding_B", {2, 1}, {1, 2})},
                "", kPlain);
  CHECK(
      refusal_on(folder, base) ==
      "--with-base: the adapter in F changes 'm.embed_tokens.weight' of shape 3 x 2, but it holds "
      "the base's weight with shape 2 x 2. Name the model that the adapter was trained on");
}

TEST_CASE("DoRA magnitudes set the lengths of columns where these are the outputs",
          "[checkpoint][adapter]") {
  const TempFolder folder;
  const TempFolder base;
  // As long as the columns are: nothing changes, for B is zero.
  write_adapter(folder,
                {tensor(kP + "m.c.lora_A.weight", {1, 2}, {1, 1}),
                 tensor(kP + "m.c.lora_B.weight", {3, 1}, {0, 0, 0}),
                 tensor(kP + "m.c.lora_magnitude_vector.weight", {3}, {5, 2, 6})},
                R"(,"fan_in_fan_out":true,"use_dora":true)", kPlain);
  write_base(base, {tensor("m.c.weight", {2, 3}, {3, 0, 3, 4, 2, 4})});
  const Catalogue merged = on_base(folder, base);
  const std::vector<double> values = values_of(merged, merged.tensors.back());
  const std::vector<double> wanted{3, 0, 3.6, 4, 2, 4.8};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    CHECK(values[i] == Approx(wanted[i]).epsilon(1e-15));  // two roundings
  }
  FileReader reader(merged.root, merged.files);
  std::vector<double> block(2);
  reader.read_rectangle(merged.tensors.back(), {1, 2, 1, 3}, block);
  CHECK(block == std::vector<double>(values.begin() + 4, values.end()));
  write_adapter(folder,
                {tensor(kP + "m.c.lora_embedding_A", {1, 2}, {0, 0}),
                 tensor(kP + "m.c.lora_embedding_B", {3, 1}, {1, 1, 1}),
                 tensor(kP + "m.c.lora_magnitude_vector.weight", {3}, {5, 2, 10})},
                "", kPlain);
  const Catalogue embedding = on_base(folder, base);
  CHECK(values_of(embedding, embedding.tensors.back()) == std::vector<double>{3, 0, 6, 4, 2, 8});
  write_adapter(folder,
                {tensor(kP + "m.c.lora_embedding_A", {1, 2}, {0, 0}),
                 tensor(kP + "m.c.lora_embedding_B", {3, 1}, {1, 1, 1}),
                 tensor(kP + "m.c.lora_magnitude_vector.weight", {2}, {5, 2})},
                "", kPlain);
  CHECK(refusal_on(folder, base) == "adapter of 'm.c.weight': expected 3 magnitudes, found 2");
}

TEST_CASE("an adapter may name modules as its base names files, or not", "[checkpoint][adapter]") {
  const TempFolder folder;
  const TempFolder base;
  const auto matrix = [](const std::string& name, std::int64_t rows, std::int64_t cols) {
    return tensor(name, {rows, cols}, std::vector<float>(static_cast<std::size_t>(rows * cols), 2));
  };
  const auto join = [](std::vector<TensorText> all, const std::vector<TensorText>& more) {
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  // Gemma 3: one of two towers with such endings has the shapes of all.
  const std::string begin = "model.language_model.layers.";
  write_adapter(folder,
                join(join(ones(begin + "0.q_proj", 2, 2), ones(begin + "1.k_proj", 3, 2)),
                     {tensor(kP + begin + "0.q_proj.lora_magnitude_vector.weight", {2}, {1, 1})}),
                "", kPlain);
  write_base(base, {matrix("language_model.model.layers.0.q_proj.weight", 2, 2),
                    matrix("language_model.model.layers.1.k_proj.weight", 3, 2),
                    matrix("vision.layers.0.q_proj.weight", 2, 2),
                    matrix("vision.layers.1.k_proj.weight", 2, 2)});
  const Catalogue merged = on_base(folder, base);
  REQUIRE(merged.tensors.size() == 5);
  CHECK(merged.tensors[1].name == "language_model.model.layers.0.q_proj.weight");
  CHECK(merged.tensors[1].stored_as == "F32 + LoRA of rank 1 in F32 with DoRA magnitudes");
  CHECK(values_of(merged, merged.tensors[2]) == std::vector<double>(6, 3.0));
  CHECK(std::count(merged.warnings.begin(), merged.warnings.end(),
                   "--with-base: " + folder.path().string() +
                       " and the base name modules differently: '" + begin +
                       "0.q_proj.weight' is taken for "
                       "'language_model.model.layers.0.q_proj.weight', and others likewise") == 1);
  // Both towers fit: neither is taken.
  write_adapter(folder, ones(begin + "0.q_proj", 2, 2), "", kPlain);
  CHECK(refusal_on(folder, base) ==
        "--with-base: the adapter in F changes 'model.language_model.layers.0.q_proj.weight' of "
        "shape 2 x 2, but the base has no tensor of this name, only "
        "'language_model.model.layers.0.q_proj.weight' of this shape. Name the model that the "
        "adapter was trained on");
  // GPT-2, either way.
  write_adapter(folder, ones("transformer.h.0.c", 2, 2), "", kPlain);
  write_base(base, {matrix("h.0.c.weight", 2, 2), matrix("wte.weight", 3, 2)});
  CHECK(names_of(on_base(folder, base)) == std::vector<std::string>{"h.0.c.weight", "wte.weight"});
  write_adapter(folder, ones("h.0.c", 2, 2), "", kPlain);
  write_base(base,
             {matrix("transformer.h.0.c.weight", 2, 2), matrix("transformer.wte.weight", 3, 2)});
  CHECK(names_of(on_base(folder, base)) ==
        std::vector<std::string>{"transformer.h.0.c.weight", "transformer.wte.weight"});
  // Differences.
  const TempFolder tuned;
  write_base(tuned, {matrix("h.0.c.weight", 2, 2), matrix("wte.weight", 3, 2)});
  const Catalogue difference = open_checkpoint(tuned.path(), {base.path(), "", ""});
  CHECK(names_of(difference) == std::vector<std::string>{"h.0.c.weight", "wte.weight"});
  CHECK(values_of(difference, difference.tensors[0]) == std::vector<double>(4, 0.0));
  CHECK(difference.warnings.size() == 1);
  write_base(tuned, {matrix("h.0.c.weight", 2, 2), matrix("other.wte.weight", 3, 2)});
  CHECK(error_of([&] {
          static_cast<void>(open_checkpoint(tuned.path(), {base.path(), "", ""}));
        }) == tuned.path().string() +
                  ": expected weights with the same names and shapes as in the base, found none. "
                  "Names differ: 'h.0.c.weight' here, 'transformer.h.0.c.weight' in the base");
}

TEST_CASE("a head that is tied and not stored is the embedding", "[checkpoint][adapter]") {
  const TempFolder folder;
  const TempFolder base;
  write_adapter(folder, ones("lm_head", 3, 2), "", kPlain);
  const TensorText embedding = tensor("model.embed_tokens.weight", {3, 2}, {1, 2, 3, 4, 5, 6});
  write_base(base, {embedding}, R"({"model_type":"llama","tie_word_embeddings":true})");
  const Catalogue merged = on_base(folder, base);
  CHECK(names_of(merged) ==
        std::vector<std::string>{"lm_head.weight", "model.embed_tokens.weight"});
  CHECK(values_of(merged, merged.tensors[0]) == std::vector<double>{2, 3, 4, 5, 6, 7});
  CHECK(values_of(merged, merged.tensors[1]) == std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(std::count(merged.warnings.begin(), merged.warnings.end(),
                   "--with-base: 'lm_head.weight', which " + folder.path().string() +
                       " changes, is tied to 'model.embed_tokens.weight' in the base: the change "
                       "is added to a copy of that") == 1);
  write_base(base, {embedding}, R"({"model_type":"llama","tie_word_embeddings":false})");
  CHECK(refusal_on(folder, base).find("the base has no tensor of this name") != std::string::npos);
}

TEST_CASE("an adapter of single experts fits a base with a stack", "[checkpoint][adapter]") {
  const TempFolder folder;
  const TempFolder base;
  write_adapter(folder, ones("l.mlp.experts.1.down_proj", 3, 2), "", kPlain);
  const TensorText stack =
      tensor("l.mlp.experts.down_proj", {2, 3, 2}, {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1});
  for (const std::string type : {"qwen3_moe", "glm4_moe_lite", "longcat_flash", "solar_open"}) {
    write_base(base, {stack}, R"({"hidden_size":3,"model_type":")" + type + "\"}");
    const Catalogue merged = on_base(folder, base);
    CHECK(names_of(merged) == std::vector<std::string>{"l.mlp.experts.0.down_proj.weight",
                                                       "l.mlp.experts.1.down_proj.weight"});
    CHECK(values_of(merged, merged.tensors[0]) == std::vector<double>(6, 0.0));
    CHECK(values_of(merged, merged.tensors[1]) == std::vector<double>(6, 2.0));
  }
  // Names of other families.
  write_adapter(folder, ones("l.block_sparse_moe.experts.1.w2", 3, 2), "", kPlain);
  write_base(base, {stack}, R"({"hidden_size":3,"model_type":"minimax_m2"})");
  CHECK(names_of(on_base(folder, base)) ==
        std::vector<std::string>{"l.block_sparse_moe.experts.0.w2.weight",
                                 "l.block_sparse_moe.experts.1.w2.weight"});
  // ERNIE 4.5 VL: one list, the second half of which is for images.
  write_adapter(folder, ones("l.mlp.experts.3.down_proj", 3, 2), "", kPlain);
  TensorText text = stack;
  TensorText vision = stack;
  text.name = "l.mlp.text_moe.experts.down_proj";
  vision.name = "l.mlp.vision_moe.experts.down_proj";
  write_base(base, {text, vision}, R"({"hidden_size":3,"model_type":"ernie4_5_vl_moe"})");
  const Catalogue ernie = on_base(folder, base);
  CHECK(names_of(ernie) == std::vector<std::string>{"l.mlp.experts.2.down_proj.weight",
                                                    "l.mlp.experts.3.down_proj.weight",
                                                    "l.mlp.text_moe.experts.down_proj"});
}

TEST_CASE("an adapter is read beside other safetensors files that are no model",
          "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder, {kA, kB});
  const std::string head = safetensors_bytes({tensor("v_head.summary.weight", {1, 2}, {1, 2})});
  folder.write("value_head.safetensors", head);
  const Catalogue adapter = open_checkpoint(folder.path());
  CHECK(names_of(adapter) == std::vector<std::string>{"m.q.weight"});
  CHECK(adapter.warnings ==
        std::vector<std::string>{folder.path().string() +
                                 ": 1 other file not read: 'value_head.safetensors'"});
  folder.write("model.safetensors", head);
  CHECK(names_of(open_checkpoint(folder.path())) ==
        std::vector<std::string>{"v_head.summary.weight"});
}
