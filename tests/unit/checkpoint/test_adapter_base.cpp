/// @file
/// Adapters on the model that they were trained on.

#include <catch2/catch.hpp>

#include "wishart/record/adapter.hpp"

#include "adapter_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test;

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
