/// @file
/// Pieces of tensors: shards of torch.distributed.checkpoint as safetensors, shards of Keras,
/// DeepSpeed's universal checkpoints; and experts, stacked or single, with a base.

#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/file.hpp"

#include "numbers/file_reader.hpp"
#include "parallel_support.hpp"
#include "support.hpp"
#include "support/places.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::bytes_of;
using wishart::test::error_of;
using wishart::test::safetensors_bytes;
using wishart::test::TempFolder;
using wishart::test::TensorText;
using wishart::test::TorchState;

namespace {

TensorText rows(const std::string& name, std::int64_t count, float first, std::int64_t width = 2) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count * width; ++i) values.push_back(first + static_cast<float>(i));
  return {name, "F32", {count, width}, bytes_of(std::span<const float>(values))};
}

/// A shard with this DCP_SHARDING_INFO, whose quotes are written as `'`.
std::string shard(const std::vector<TensorText>& tensors, std::string info) {
  std::string escaped;
  for (const char c : info) escaped += c == '\'' ? std::string("\\\"") : std::string(1, c);
  return safetensors_bytes(tensors, R"("__metadata__":{"format":"pt","DCP_VERSION":"1.0",)"
                                    R"("DCP_SHARDING_INFO":")" +
                                        escaped + R"("},)");
}

std::string shard_name(int number) {
  return "shard-0000" + std::to_string(number) + "-model-00001-of-00001.safetensors";
}

std::vector<double> values_of(const Catalogue& catalogue, const Tensor& tensor) {
  FileReader reader(catalogue.root, catalogue.files);
  std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
  const std::int64_t width = row_length(tensor);
  reader.read_rectangle(tensor, {0, tensor.num_elements / width, 0, width}, values);
  return values;
}

template <class Open>
std::string refusal_of(const TempFolder& folder, Open&& open) {
  std::string text = error_of([&] { static_cast<void>(open()); });
  const std::string root = folder.path().string();
  for (std::size_t at = text.find(root); at != std::string::npos; at = text.find(root)) {
    text.replace(at, root.size(), "F");
  }
  return text;
}

std::string refusal(const TempFolder& folder) {
  return refusal_of(folder, [&] { return open_checkpoint(folder.path()); });
}

}  // namespace

TEST_CASE("pieces in safetensors shards make whole tensors", "[checkpoint][sharded]") {
  const TempFolder folder;
  folder.write(shard_name(1), shard({rows("a", 2, 0), rows("b", 1, 100)},
                                    "{'a': {'saved_offsets': [0, 0]}, 'b': {'saved_offsets': "
                                    "[0, 0]}}"));
  folder.write(shard_name(2), shard({rows("a", 1, 4)}, "{'a': {'saved_offsets': [2, 0]}}"));
  const Catalogue catalogue = open_checkpoint(folder.path());
  REQUIRE(catalogue.tensors.size() == 2);
  CHECK(catalogue.tensors[0].shape == std::vector<std::int64_t>{3, 2});
  CHECK(values_of(catalogue, catalogue.tensors[0]) == std::vector<double>{0, 1, 2, 3, 4, 5});
  CHECK(catalogue.tensors[1].is_dense());
  CHECK(values_of(catalogue, catalogue.tensors[1]) == std::vector<double>{100, 101});
  // Without global_shape nobody can see that a shard after the last one is missing.
  REQUIRE(catalogue.warnings.size() == 1);
  CHECK(catalogue.warnings[0].find("sizes of tensors are not told by the files") !=
        std::string::npos);
}

TEST_CASE("entries of a shard have the name and the shape of the whole tensor",
          "[checkpoint][sharded]") {
  const TempFolder folder;
  const std::string more = "'logical_fqn': 'm.w', 'global_shape': [2, 3]}";
  folder.write("sharded/" + shard_name(1),
               shard({rows("p.0", 2, 0, 2)}, "{'p.0': {'saved_offsets': [0, 0], " + more + "}"));
  folder.write("sharded/" + shard_name(2),
               shard({rows("p.1", 2, 10, 1)}, "{'p.1': {'saved_offsets': [0, 2], " + more + "}"));
  const Catalogue catalogue = open_checkpoint(folder.path());
  REQUIRE(catalogue.tensors.size() == 1);
  CHECK(catalogue.tensors[0].name == "m.w");
  CHECK(values_of(catalogue, catalogue.tensors[0]) == std::vector<double>{0, 1, 10, 2, 3, 11});
  CHECK(catalogue.warnings.empty());
  SECTION("a consolidated copy beside the shards is read instead of them") {
    folder.write("model-00001-of-00001.safetensors", safetensors_bytes({rows("m.w", 2, 5, 3)}));
    const Catalogue copy = open_checkpoint(folder.path());
    REQUIRE(copy.tensors.size() == 1);
    CHECK(values_of(copy, copy.tensors[0]) == std::vector<double>{5, 6, 7, 8, 9, 10});
  }
  SECTION("a missing last shard is seen if the shape is told") {
    std::filesystem::remove(folder / ("sharded/" + shard_name(2)));
    CHECK(refusal(folder) ==
          "F: tensor 'm.w' of shape 2 x 3: expected chunks of 6 elements, found 4");
  }
}

TEST_CASE("shards that do not make whole tensors are refused by name", "[checkpoint][sharded]") {
  const auto of = [](const std::vector<std::string>& shards) {
    const TempFolder folder;
    int number = 0;
    for (const std::string& one : shards) folder.write(shard_name(++number), one);
    return refusal(folder);
  };
  const auto at = [](const char* offsets) {
    return "{'a': {'saved_offsets': " + std::string(offsets) + "}}";
  };
  const std::string first = shard({rows("a", 2, 0)}, at("[0, 0]"));
  CHECK(of({first, shard({rows("a", 1, 0)}, at("[3, 0]"))}) ==
        "F: tensor 'a' of shape 4 x 2: expected chunks of 8 elements, found 6");
  CHECK(of({first, shard({rows("a", 2, 0)}, at("[1, 0]"))}).find("found more") !=
        std::string::npos);
  CHECK(of({first, shard({rows("a", 2, 0)}, at("[2]"))}).find("expected a place with 2 numbers") !=
        std::string::npos);
  CHECK(of({first, safetensors_bytes({rows("a", 2, 0)})}) ==
        "F: tensor 'a': is whole in one file and a piece in another. Name one of them");
  CHECK(of({first, shard({{"a", "F16", {1, 2}, "1234"}}, at("[2, 0]"))})
            .find("its pieces are of F32 of shape 2 x 2 and of F16 of shape 3 x 2") !=
        std::string::npos);
  CHECK(of({shard({rows("b", 2, 0)}, at("[0, 0]"))}).find("but not in the file") !=
        std::string::npos);
  CHECK(of({shard({rows("a", 2, 0)}, "{'a': {'saved_offsets': [0, 0], 'global_shape': [1, 2]}}")})
            .find("is not inside the tensor") != std::string::npos);
  CHECK(of({shard({rows("a", 2, 0)}, "{'a': {}}")}).find("expected saved_offsets, found none") !=
        std::string::npos);
}

TEST_CASE("Keras shards are read by their map", "[checkpoint][sharded]") {
  // tests/data/keras-links.h5, by h5py 3.7 with track_order: layers.dense_0 to dense_11, each 2 x 2
  // of its number. Its group `layers` has its links in a fractal heap.
  const std::string h5 = read_text_file(wishart::test::data_file("keras-links.h5"), 1 << 20);
  const TempFolder folder;
  folder.write("m_00000.weights.h5", h5);
  const Catalogue alone = open_checkpoint(folder / "m_00000.weights.h5");
  REQUIRE(alone.tensors.size() == 12);
  CHECK(alone.tensors[11].name == "layers.dense_11.vars.0");
  for (int i = 0; i < 12; ++i) {
    CHECK(values_of(alone, alone.tensors[static_cast<std::size_t>(i)]) ==
          std::vector<double>(4, i));
  }
  const auto map = [&](const std::string& entries) {
    folder.write("m.weights.json",
                 R"({"metadata": {"total_size": 1}, "weight_map": {)" + entries + "}}");
  };
  map(R"("/layers/dense_0/vars": "m_00000.weights.h5")");
  CHECK(open_checkpoint(folder.path()).tensors.size() == 12);
  CHECK(open_checkpoint(folder / "m.weights.json").tensors.size() == 12);
  map(R"("/layers/dense_0/vars": "m_00001.weights.h5", "/x": "m_00000.weights.h5")");
  CHECK(refusal(folder) ==
        "F/m.weights.json: tensor 'layers.dense_0.vars.0' is in m_00000.weights.h5, expected it in "
        "m_00001.weights.h5. The shards are of different checkpoints");
  map(R"("/layers/dense_0/vars": "m_00001.weights.h5")");
  CHECK(refusal(folder) ==
        "F/m_00001.weights.h5: no such file, expected by m.weights.json. Copy the folder again");
  map(R"("/a": "../m_00000.weights.h5")");
  CHECK(refusal(folder).find("expected the name of a shard in the same folder") !=
        std::string::npos);
}

TEST_CASE("any byte of links in a heap may be wrong", "[checkpoint][sharded]") {
  const std::string h5 = read_text_file(wishart::test::data_file("keras-links.h5"), 1 << 20);
  const TempFolder folder;
  std::size_t refused = 0;
  for (const std::string sign : {"FRHP", "BTHD", "BTLF", "FHDB"}) {
    const std::size_t begin = h5.find(sign);
    REQUIRE(begin != std::string::npos);
    for (std::size_t i = 0; i < 150; ++i) {
      std::string damaged = h5;
      damaged[begin + i] = static_cast<char>(damaged[begin + i] ^ 0x5A);
      const auto path = folder.write("m.h5", damaged);
      const std::string text = error_of([&] { static_cast<void>(open_checkpoint(path)); });
      CHECK_FALSE(text.starts_with("another blame"));
      if (text != "nothing was thrown") ++refused;
    }
  }
  CHECK(refused > 100);
}

TEST_CASE("a universal checkpoint of DeepSpeed has a file for each parameter",
          "[checkpoint][sharded]") {
  const TempFolder folder;
  TorchState weight;
  folder.write("zero/m.w.weight/fp32.pt",
               weight.file({{"param", weight.tensor({2, 2}, {1, 2, 3, 4})},
                            {"cat_dim", TorchState::number(0)}}));
  TorchState moment;
  folder.write("zero/m.w.weight/exp_avg.pt", moment.file({{"param", moment.tensor({1}, {9})}}));
  // The model states beside it hold the same weights in pieces.
  TorchState states;
  folder.write(
      "mp_rank_00_model_states.pt",
      states.file({{"module", TorchState::dict({{"m.w.weight", states.tensor({1, 2}, {7, 7})}})}}));
  const Catalogue catalogue = open_checkpoint(folder.path());
  CHECK(catalogue.format == "deepspeed");
  REQUIRE(catalogue.tensors.size() == 1);
  CHECK(catalogue.tensors[0].name == "m.w.weight");
  CHECK(values_of(catalogue, catalogue.tensors[0]) == std::vector<double>{1, 2, 3, 4});
  std::filesystem::remove(folder / "mp_rank_00_model_states.pt");
  TorchState none;
  folder.write("zero/m.w.weight/fp32.pt", none.file({{"x", TorchState::number(1)}}));
  CHECK(refusal(folder) ==
        "F/zero/m.w.weight/fp32.pt: expected the whole parameter as 'param', found none");
}

namespace {

/// Two experts of width 2 in a model of width 4: gate, up [2, 4], down [4, 2], element by element.
float element(int expert, int part, int i, int j) {
  return static_cast<float>(100 * expert + 30 * part + 7 * i + j * j);
}

TensorText filled(const std::string& name, const std::vector<std::int64_t>& shape,
                  const std::vector<float>& values) {
  return {name, "F32", shape, bytes_of(std::span<const float>(values))};
}

std::string single_experts_file(const std::string& stem, const std::vector<std::string>& parts) {
  std::vector<TensorText> tensors;
  for (int e = 0; e < 2; ++e) {
    for (int part = 0; part < 3; ++part) {
      const int height = part == 2 ? 4 : 2;
      std::vector<float> values;
      for (int i = 0; i < height; ++i) {
        for (int j = 0; j < 6 - height; ++j) values.push_back(element(e, part, i, j));
      }
      tensors.push_back(
          filled(stem + std::to_string(e) + "." + parts[static_cast<std::size_t>(part)] + ".weight",
                 {height, 6 - height}, values));
    }
  }
  return safetensors_bytes(tensors);
}

/// The same as two stacks. `in_out`: matrices are [in, out]; `alternate`: gate and up alternate.
std::string stacks_file(const std::string& stem, bool in_out, bool alternate) {
  std::vector<float> gate_up;
  std::vector<float> down;
  for (int e = 0; e < 2; ++e) {
    const auto fused = [&](int row, int col) {  // [4, 4]: outputs x inputs
      const int part = alternate ? row % 2 : row / 2;
      return element(e, part, alternate ? row / 2 : row % 2, col);
    };
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) gate_up.push_back(in_out ? fused(j, i) : fused(i, j));
    }
    for (int i = 0; i < (in_out ? 2 : 4); ++i) {
      for (int j = 0; j < (in_out ? 4 : 2); ++j) {
        down.push_back(in_out ? element(e, 2, j, i) : element(e, 2, i, j));
      }
    }
  }
  return safetensors_bytes({filled(stem + "gate_up_proj", {2, 4, 4}, gate_up),
                            filled(stem + "down_proj", {2, in_out ? 2 : 4, in_out ? 4 : 2}, down)});
}

}  // namespace

TEST_CASE("stacked experts and single ones are the same weights to a base",
          "[checkpoint][sharded]") {
  struct Family {
    const char* type;
    const char* single;
    std::vector<std::string> parts;
    bool in_out;
    bool alternate;
  };
  const std::vector<std::string> proj{"gate_proj", "up_proj", "down_proj"};
  // The stack of gate and up is square here: the family tells its axes.
  const std::vector<Family> families{
      {"qwen3_moe", "l.0.mlp.experts.", proj, false, false},
      {"kimi_k2", "l.0.mlp.experts.", proj, false, false},
      {"kimi_k25", "l.0.mlp.experts.", proj, false, false},
      {"qwen4_exp", "l.0.mlp.experts.", proj, false, false},
      {"gemma4", "l.0.mlp.experts.", proj, false, false},
      {"glm5_next", "l.0.mlp.experts.", proj, false, false},
      {"mixtral", "l.0.block_sparse_moe.experts.", {"w1", "w3", "w2"}, false, false},
      {"minimax_m3_vl", "l.0.block_sparse_moe.experts.", {"w1", "w3", "w2"}, false, false},
      {"llama4", "l.0.mlp.experts.", proj, true, false},
      {"gpt_oss", "l.0.mlp.experts.", proj, true, true}};
  for (const Family& family : families) {
    CAPTURE(family.type);
    const TempFolder folder;
    const std::string config =
        R"({"model_type": ")" + std::string(family.type) + R"(", "hidden_size": 4})";
    folder.write("single/config.json", config);
    folder.write("single/model.safetensors", single_experts_file(family.single, family.parts));
    folder.write("stacks/config.json", config);
    folder.write("stacks/model.safetensors",
                 stacks_file("l.0.mlp.experts.", family.in_out, family.alternate));
    for (const auto& [tuned, base] :
         {std::pair("single", "stacks"), std::pair("stacks", "single")}) {
      const Catalogue catalogue = open_checkpoint(folder / tuned, {folder / base, {}, {}});
      CHECK(catalogue.left_out.empty());
      REQUIRE(catalogue.tensors.size() == 6);
      for (const Tensor& tensor : catalogue.tensors) {
        CAPTURE(tensor.name);
        CHECK(tensor.name.starts_with(family.single));
        CHECK(values_of(catalogue, tensor) == std::vector<double>(8, 0.0));
      }
    }
  }
}
