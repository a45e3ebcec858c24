/// @file
/// Checkpoints of model-parallel ranks: how pieces become tensors, and refusals.

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "formats/parallel/parallel.hpp"
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

using Values = std::vector<double>;

const Tensor& tensor_of(const Catalogue& catalogue, const std::string& name) {
  for (const Tensor& tensor : catalogue.tensors) {
    if (tensor.name == name) return tensor;
  }
  throw Error(Blame::bug, "no tensor " + name);
}

Values values_of(const Catalogue& catalogue, const std::string& name) {
  const Tensor& tensor = tensor_of(catalogue, name);
  FileReader reader(catalogue.root, catalogue.files);
  Values values(static_cast<std::size_t>(tensor.num_elements));
  reader.read_elements(tensor, 0, values);
  return values;
}

std::vector<std::string> names_of(const Catalogue& catalogue) {
  std::vector<std::string> names;
  for (const Tensor& tensor : catalogue.tensors) names.push_back(tensor.name);
  return names;
}

std::string refusal(const std::filesystem::path& path) {
  std::string text = error_of([&] { static_cast<void>(open_checkpoint(path)); });
  if (text.starts_with(path.string())) text.replace(0, path.string().size(), "F");
  return text;
}

/// A rank of Megatron-LM whose only tensor is of one row of two.
std::string megatron_rank(const std::string& name, float first, const TorchState::Pairs& args = {},
                          const std::vector<std::int64_t>& shape = {1, 2}) {
  TorchState state;
  const std::string tensor = state.tensor(shape, {first, first + 1});
  return state.file({{"args", TorchState::arguments(args)},
                     {"checkpoint_version", TorchState::number(3)},
                     {"iteration", TorchState::number(40)},
                     {"model", TorchState::dict({{name, tensor}})}});
}

const std::string kFile = "/model_optim_rng.pt";

}  // namespace

TEST_CASE("the name determines how ranks divide a tensor", "[checkpoint][parallel]") {
  using Axis = ParallelAxis;
  CHECK(parallel_axis("decoder.layers.0.mlp.linear_fc1.weight", 2) == Axis::rows);
  CHECK(parallel_axis("decoder.layers.0.mlp.linear_fc1.bias", 1) == Axis::rows);
  CHECK(parallel_axis("layers.0.attention.dense.weight", 2) == Axis::columns);
  CHECK(parallel_axis("layers.0.attention.dense.bias", 1) == Axis::copied);
  CHECK(parallel_axis("layers.0.mlp.router.weight", 2) == Axis::copied);
  CHECK(parallel_axis("layers.0.input_layernorm.weight", 1) == Axis::copied);
  CHECK(parallel_axis("layers.0.mixer.in_proj.weight", 2) == Axis::not_known);
  CHECK(parallel_axis("weight", 2) == Axis::not_known);
  CHECK(parallel_axis("output_layer.weight", 0) == Axis::copied);
}

TEST_CASE("Megatron: rows below each other, columns side by side", "[checkpoint][megatron]") {
  const TempFolder folder;
  for (int rank = 0; rank < 2; ++rank) {
    TorchState state;
    const float r = static_cast<float>(10 * rank);
    const std::string rows = state.tensor({2, 2}, {r, r + 1, r + 2, r + 3});
    const std::string columns = state.tensor({2, 1}, {r, r + 1});
    const std::string norm = state.tensor({2}, {r, r + 1});
    const std::string other = state.tensor({1, 2}, {r, r + 1});
    folder.write("m/mp_rank_0" + std::to_string(rank) + kFile,
                 state.file({{"args", TorchState::arguments({{"swiglu", TorchState::truth()}})},
                             {"iteration", TorchState::number(40)},
                             {"model", TorchState::dict({{"a.linear_qkv.weight", rows},
                                                         {"a.linear_fc1.weight", rows},
                                                         {"a.linear_fc2.weight", columns},
                                                         {"a.norm.weight", norm},
                                                         {"a.other.weight", other}})}}));
  }
  const Catalogue catalogue = open_checkpoint(folder / "m");
  CHECK(catalogue.format == "megatron");
  CHECK(catalogue.training.step == 40);
  CHECK(catalogue.files.size() == 2);
  CHECK(values_of(catalogue, "a.linear_qkv.weight") == Values{0, 1, 2, 3, 10, 11, 12, 13});
  // Each rank has a gate and a value; in the whole tensor all gates come first.
  CHECK(values_of(catalogue, "a.linear_fc1.weight") == Values{0, 1, 10, 11, 2, 3, 12, 13});
  CHECK(tensor_of(catalogue, "a.linear_fc2.weight").shape == std::vector<std::int64_t>{2, 2});
  CHECK(values_of(catalogue, "a.linear_fc2.weight") == Values{0, 10, 1, 11});
  CHECK(values_of(catalogue, "a.norm.weight") == Values{0, 1});
  REQUIRE(catalogue.left_out.size() == 1);
  CHECK(catalogue.left_out[0].tensor.name == "a.other.weight");
  CHECK(catalogue.left_out[0].reason == "division-not-known");
}

TEST_CASE("Megatron: layers are numbered through the stages", "[checkpoint][megatron]") {
  const TempFolder folder;
  for (int stage = 0; stage < 3; ++stage) {
    folder.write(
        "m/mp_rank_00_00" + std::to_string(stage) + kFile,
        megatron_rank("decoder.layers.0.mlp.linear_fc1.weight", static_cast<float>(stage)));
  }
  const Catalogue catalogue = open_checkpoint(folder / "m");
  CHECK(names_of(catalogue) == std::vector<std::string>{"decoder.layers.0.mlp.linear_fc1.weight",
                                                        "decoder.layers.1.mlp.linear_fc1.weight",
                                                        "decoder.layers.2.mlp.linear_fc1.weight"});
  CHECK(values_of(catalogue, "decoder.layers.2.mlp.linear_fc1.weight") == Values{2, 3});
}

TEST_CASE("Megatron: experts are numbered through the expert ranks", "[checkpoint][megatron]") {
  const TempFolder folder;
  const TorchState::Pairs one_stage{{"pipeline_model_parallel_size", TorchState::number(1)}};
  const std::string name = "layers.0.mlp.experts.local_experts.0.linear_fc1.weight";
  folder.write("m/mp_rank_00_000" + kFile, megatron_rank(name, 0, one_stage));
  folder.write("m/mp_rank_00_001" + kFile, megatron_rank(name, 5, one_stage));
  const Catalogue catalogue = open_checkpoint(folder / "m");
  CHECK(values_of(catalogue, "layers.0.mlp.experts.local_experts.1.linear_fc1.weight") ==
        Values{5, 6});
  CHECK(catalogue.tensors.size() == 2);
  folder.write("n/mp_rank_00_000" + kFile,
               megatron_rank("layers.0.mlp.experts.weight1", 0, one_stage));
  folder.write("n/mp_rank_00_001" + kFile,
               megatron_rank("layers.0.mlp.experts.weight1", 5, one_stage));
  CHECK(refusal(folder / "n") == "F: expected tensors of a model, found none");
}

TEST_CASE("Megatron: padding rows after the vocabulary are not read", "[checkpoint][megatron]") {
  const TempFolder folder;
  TorchState::Pairs args{{"padded_vocab_size", TorchState::number(2)},
                         {"vocab_size", TorchState::number(1)}};
  const std::string name = "embedding.word_embeddings.weight";
  folder.write("m/mp_rank_00" + kFile, megatron_rank(name, 3, args, {2, 1}));
  CHECK(values_of(open_checkpoint(folder / "m"), name) == Values{3});
  folder.write("n/mp_rank_00" + kFile, megatron_rank(name, 3, args));
  folder.write("n/mp_rank_01" + kFile, megatron_rank(name, 5, args));
  CHECK(values_of(open_checkpoint(folder / "n"), name) == Values{3, 4});
  args.pop_back();
  folder.write("o/mp_rank_00" + kFile, megatron_rank(name, 3, args, {2, 1}));
  const Catalogue whole = open_checkpoint(folder / "o");
  CHECK(values_of(whole, name) == Values{3, 4});
  CHECK(whole.warnings ==
        std::vector<std::string>{(folder / "o").string() + ": tensor '" + name +
                                 "' may include padding rows: the vocabulary size is not stored"});
}

TEST_CASE("Megatron: what is refused", "[checkpoint][megatron]") {
  const TempFolder folder;
  const std::string name = "a.linear_qkv.weight";
  folder.write("a/mp_rank_00" + kFile, megatron_rank(name, 0));
  folder.write("a/mp_rank_02" + kFile, megatron_rank(name, 0));
  CHECK(refusal(folder / "a") ==
        "F: expected folders of 3 tensor, 1 pipeline and 1 expert ranks, found 2 folders. Copy the "
        "folder again");
  folder.write("b/mp_rank_00" + kFile, megatron_rank(name, 0));
  folder.write("b/mp_rank_00_001" + kFile, megatron_rank(name, 0));
  CHECK(refusal(folder / "b") ==
        "F: expected rank folders with names of the same form, found 'mp_rank_00' and "
        "'mp_rank_00_001'");
  folder.write("c/mp_rank_00" + kFile, TorchState().file({{"x", TorchState::number(1)}}));
  CHECK(refusal(folder / "c") ==
        "F/mp_rank_00/model_optim_rng.pt: expected the key 'model', found none. It is not a file "
        "of Megatron-LM");
  folder.write("d/mp_rank_00" + kFile, megatron_rank(name, 0));
  folder.write("d/mp_rank_01" + kFile, megatron_rank(name, 0, {}, {2, 1}));
  CHECK(refusal(folder / "d") ==
        "F: tensor 'a.linear_qkv.weight': expected pieces of the same type and of matching shapes, "
        "found F32 "
        "of shape 1 x 2 and F32 of shape 2 x 1");
  folder.write("e/mp_rank_00" + kFile, megatron_rank(name, 0));
  folder.write("e/mp_rank_01" + kFile, megatron_rank("b.linear_qkv.weight", 0));
  CHECK(refusal(folder / "e") ==
        "F: tensor 'b.linear_qkv.weight': tensor-parallel rank 1 has it, an earlier rank does not");
  folder.write("f/mp_rank_00/other.pt", "");
  CHECK(refusal(folder / "f") ==
        "F/mp_rank_00/model_optim_rng.pt: cannot be opened: No such file or directory");
}

namespace {

/// The files of two ranks of ZeRO 3 with one parameter of three elements.
void write_zero3(const TempFolder& folder, const std::string& name, std::int64_t stage = 3,
                 const std::vector<std::int64_t>& shape = {3, 1}, int num_ranks = 2) {
  for (int rank = 0; rank < num_ranks; ++rank) {
    const std::string number = std::to_string(rank);
    const std::string tail = "zero_pp_rank_" + number + "_mp_rank_00_";
    folder.write(
        name + "/" + tail + "model_states.pt",
        TorchState().file(
            {{"module", TorchState::dict({})},
             {"param_shapes",
              TorchState::list({TorchState::dict({{"w", TorchState::size(shape)}})})},
             {"shared_params", TorchState::dict({{"tied", "X\x01" + std::string(3, '\0') + "w"}})},
             {"global_steps", TorchState::number(9)}}));
    TorchState state;
    const float r = static_cast<float>(2 * rank);
    const std::string first = state.tensor({1}, {r});
    const std::string second = state.tensor({1}, {r + 1});
    folder.write(
        name + "/" + tail + "optim_states.pt",
        state.file(
            {{"optimizer_state_dict",
              TorchState::dict({{"zero_stage", TorchState::number(stage)},
                                {"fp32_flat_groups", TorchState::list({first, second})}})}}));
  }
}

}  // namespace

TEST_CASE("ZeRO 3: a parameter is assembled from all ranks", "[checkpoint][zero]") {
  const TempFolder folder;
  write_zero3(folder, "global_step9");
  const Catalogue catalogue = open_checkpoint(folder / "global_step9");
  CHECK(catalogue.format == "deepspeed");
  CHECK(catalogue.training.step == 9);
  CHECK(values_of(catalogue, "w") == Values{0, 1, 2});  // the fourth element is padding
  CHECK(catalogue.aliases == std::vector<std::pair<std::string, std::string>>{{"tied", "w"}});
}

TEST_CASE("ZeRO 3: what is refused", "[checkpoint][zero]") {
  const TempFolder folder;
  write_zero3(folder, "a", 2);
  CHECK(refusal(folder / "a") ==
        "F/zero_pp_rank_0_mp_rank_00_optim_states.pt: expected the states of ZeRO stage 3, found "
        "stage 2");
  write_zero3(folder, "b", 3, {5, 1});
  CHECK(refusal(folder / "b") ==
        "F: parameter 'w' of 5 elements: expected 3 on each rank, found 2");
  write_zero3(folder, "c", 3, {2, 1});
  CHECK(refusal(folder / "c") == "F: expected 1 elements in the groups of rank 0, found 2");
  write_zero3(folder, "d", 3, {std::int64_t{1} << 40, std::int64_t{1} << 40});
  CHECK(refusal(folder / "d") ==
        "F/zero_pp_rank_0_mp_rank_00_model_states.pt: parameter 'w': expected a name and a shape, "
        "found something else");
  write_zero3(folder, "e");
  std::filesystem::remove(folder / "e/zero_pp_rank_1_mp_rank_00_optim_states.pt");
  CHECK(
      refusal(folder / "e") ==
      "F: expected optim states of rank 1, found none. ZeRO stage 3 divides every tensor among all "
      "ranks: copy the folder again");
}

TEST_CASE("DeepSpeed: model states of ranks, and layers of a pipeline", "[checkpoint][zero]") {
  const TempFolder folder;
  for (const int rank : {0, 1}) {
    TorchState state;
    const float r = static_cast<float>(rank);
    const std::string rows = state.tensor({1, 2}, {r, r + 10});
    const std::string number = std::to_string(rank);
    folder.write("z/mp_rank_0" + number + "_model_states.pt",
                 state.file({{"module", TorchState::dict({{"a.dense_h_to_4h.weight", rows}})}}));
    folder.write("p/layer_03-model_0" + number + "-model_states.pt",
                 state.file({{"a.dense_h_to_4h.weight", rows}}));
  }
  CHECK(values_of(open_checkpoint(folder / "z"), "a.dense_h_to_4h.weight") == Values{0, 10, 1, 11});
  CHECK(values_of(open_checkpoint(folder / "p"), "layer.3.a.dense_h_to_4h.weight") ==
        Values{0, 10, 1, 11});
  std::filesystem::remove(folder / "z/mp_rank_00_model_states.pt");
  CHECK(refusal(folder / "z") ==
        "F: expected model states of rank 0, found none before 'mp_rank_01_model_states.pt'. Copy "
        "the folder again");
}

TEST_CASE("a tag after the latest one is still being written", "[checkpoint][zero][find]") {
  const TempFolder folder;
  write_zero3(folder, "run/global_step10");
  write_zero3(folder, "run/global_step20");
  folder.write("run/latest", "global_step10");
  std::vector<std::string> messages;
  CHECK(find_checkpoints(folder / "run", messages) == std::vector{folder / "run/global_step10"});
  REQUIRE(messages.size() == 1);
  CHECK(messages[0] == (folder / "run/global_step20").string() +
                           ": is not complete: latest names step 10. It will be scanned by the "
                           "next run once it is complete");
}
