/// @file
/// ZeRO 3 with tensor parallelism: data-parallel ranks divide the pieces of model-parallel ranks.

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

/// The piece of a tensor on a model-parallel rank.
struct Piece {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

/// Rows [row, row + rows) and columns [col, col + cols) of a matrix whose element is 100 i + j.
Piece part(const std::string& name, std::int64_t row, std::int64_t rows, std::int64_t col,
           std::int64_t cols) {
  Piece piece{name, {rows, cols}, {}};
  for (std::int64_t i = row; i < row + rows; ++i) {
    for (std::int64_t j = col; j < col + cols; ++j) {
      piece.values.push_back(static_cast<float>(100 * i + j));
    }
  }
  return piece;
}

/// A model-parallel rank before its pieces are divided among data-parallel ranks.
struct ModelRank {
  std::vector<Piece> trained;
  std::vector<Piece> frozen;
  std::vector<Piece> buffers;
  TorchState::Pairs states = {};     ///< more of the model states
  std::int64_t partition_count = 0;  ///< 0: the actual number
};

std::vector<float> share_of(const Piece& piece, std::size_t rank, std::size_t ranks) {
  const std::size_t share = (piece.values.size() + ranks - 1) / ranks;
  std::vector<float> values(share, -1.0F);  // padding must not be read
  for (std::size_t i = 0; i < share && rank * share + i < piece.values.size(); ++i) {
    values[i] = piece.values[rank * share + i];
  }
  return values;
}

std::string shapes_of(const std::vector<Piece>& pieces) {
  TorchState::Pairs shapes;
  for (const Piece& piece : pieces) shapes.emplace_back(piece.name, TorchState::size(piece.shape));
  return TorchState::dict(shapes);
}

void write_rank(const TempFolder& folder, const std::string& name, std::size_t model_rank,
                const ModelRank& rank, std::size_t data_ranks) {
  for (std::size_t data_rank = 0; data_rank < data_ranks; ++data_rank) {
    const std::string place = name + "/zero_pp_rank_" + std::to_string(data_rank) + "_mp_rank_0" +
                              std::to_string(model_rank);
    TorchState model;
    TorchState::Pairs fragments;
    TorchState::Pairs buffers;
    std::vector<std::string> buffer_names;
    for (const Piece& piece : rank.frozen) {
      const std::vector<float> values = share_of(piece, data_rank, data_ranks);
      fragments.emplace_back(piece.name, model.tensor({std::ssize(values)}, values));
    }
    for (const Piece& piece : rank.buffers) {
      buffers.emplace_back(piece.name, model.tensor(piece.shape, piece.values));
      buffer_names.push_back(TorchState::text(piece.name));
    }
    TorchState::Pairs states{{"module", TorchState::dict(buffers)},
                             {"buffer_names", TorchState::list(buffer_names)},
                             {"param_shapes", TorchState::list({shapes_of(rank.trained)})},
                             {"frozen_param_shapes", shapes_of(rank.frozen)},
                             {"frozen_param_fragments", TorchState::dict(fragments)},
                             {"shared_params", TorchState::dict({})},
                             {"global_steps", TorchState::number(9)}};
    states.insert(states.end(), rank.states.begin(), rank.states.end());
    folder.write(place + "_model_states.pt", model.file(states));
    TorchState optimizer;
    std::vector<float> flat;
    for (const Piece& piece : rank.trained) {
      const std::vector<float> values = share_of(piece, data_rank, data_ranks);
      flat.insert(flat.end(), values.begin(), values.end());
    }
    const std::string group = optimizer.tensor({std::ssize(flat)}, flat);
    const auto parts = static_cast<std::int64_t>(data_ranks);
    folder.write(
        place + "_optim_states.pt",
        optimizer.file(
            {{"optimizer_state_dict",
              TorchState::dict(
                  {{"zero_stage", TorchState::number(3)},
                   {"partition_count",
                    TorchState::number(rank.partition_count > 0 ? rank.partition_count : parts)},
                   {"fp32_flat_groups", TorchState::list({group})}})}}));
  }
}

void write_ranks(const TempFolder& folder, const std::string& name,
                 const std::vector<ModelRank>& ranks, std::size_t data_ranks) {
  for (std::size_t i = 0; i < ranks.size(); ++i) write_rank(folder, name, i, ranks[i], data_ranks);
}

std::vector<double> block_of(const Catalogue& catalogue, const std::string& name,
                             const Block& block) {
  const auto tensor = std::find_if(catalogue.tensors.begin(), catalogue.tensors.end(),
                                   [&](const Tensor& one) { return one.name == name; });
  if (tensor == catalogue.tensors.end()) throw Error(Blame::bug, "no tensor " + name);
  FileReader reader(catalogue.root, catalogue.files);
  std::vector<double> values(static_cast<std::size_t>((block.row_end - block.row_begin) *
                                                      (block.col_end - block.col_begin)));
  reader.read_rectangle(*tensor, block, values);
  return values;
}

/// Compares every rectangle of a matrix of this size with 100 i + j.
int check_blocks(const Catalogue& catalogue, const std::string& name, std::int64_t rows,
                 std::int64_t cols) {
  int compared = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t col = 0; col < cols; ++col) {
      const Block block{row, rows, col, cols};
      const Piece expected = part(name, row, rows - row, col, cols - col);
      CAPTURE(name, row, col);
      CHECK(block_of(catalogue, name, block) ==
            std::vector<double>(expected.values.begin(), expected.values.end()));
      ++compared;
    }
  }
  return compared;
}

std::string refusal(const std::filesystem::path& path) {
  std::string text = error_of([&] { static_cast<void>(open_checkpoint(path)); });
  if (text.starts_with(path.string())) text.replace(0, path.string().size(), "F");
  return text;
}

const std::string kRows = "a.dense_h_to_4h.weight";
const std::string kColumns = "a.dense_4h_to_h.weight";
const std::string kNorm = "a.input_layernorm.weight";

/// Two model-parallel ranks: 3 + 2 rows, 3 + 4 columns, and a vector that both have.
std::vector<ModelRank> two_ranks() {
  const Piece norm{kNorm, {5}, {1, 2, 3, 4, 5}};
  return {{{part(kRows, 0, 3, 0, 7), part(kColumns, 0, 5, 0, 3), norm}, {}, {}},
          {{part(kRows, 3, 2, 0, 7), part(kColumns, 0, 5, 3, 4), norm}, {}, {}}};
}

}  // namespace

TEST_CASE("ZeRO 3 with tensor parallelism: a piece of each model-parallel rank from all its ranks",
          "[checkpoint][zero]") {
  const TempFolder folder;
  for (const std::size_t data_ranks : {1U, 2U, 3U, 4U, 40U}) {
    CAPTURE(data_ranks);
    const std::string name = "global_step9-" + std::to_string(data_ranks);
    write_ranks(folder, name, two_ranks(), data_ranks);
    const Catalogue catalogue = open_checkpoint(folder / name);
    CHECK(catalogue.training.step == 9);
    CHECK(catalogue.files.size() == 2 * (1 + data_ranks));  // other model states are not needed
    REQUIRE(catalogue.tensors.size() == 3);
    CHECK(check_blocks(catalogue, kRows, 5, 7) == 35);
    CHECK(check_blocks(catalogue, kColumns, 5, 7) == 35);
    CHECK(block_of(catalogue, kNorm, {0, 1, 0, 5}) == std::vector<double>{1, 2, 3, 4, 5});
  }
}

TEST_CASE("ZeRO 3 with tensor parallelism: frozen parameters and buffers", "[checkpoint][zero]") {
  const TempFolder folder;
  std::vector<ModelRank> ranks = two_ranks();
  const std::string head = "lm_head.weight";
  const std::string words = "word_embeddings.weight";
  const std::string other = "b.linear_fc2.weight";
  for (std::int64_t i = 0; i < 2; ++i) {
    ModelRank& rank = ranks[static_cast<std::size_t>(i)];
    rank.frozen = {part(head, 2 * i, 2, 0, 5), part(other, 0, 3, 2 * i, 2)};
    rank.buffers = {part(words, 2 * i, 2, 0, 3)};
  }
  write_ranks(folder, "f", ranks, 3);
  const Catalogue catalogue = open_checkpoint(folder / "f");
  CHECK(check_blocks(catalogue, head, 4, 5) == 20);
  CHECK(check_blocks(catalogue, other, 3, 4) == 12);
  CHECK(check_blocks(catalogue, words, 4, 3) == 12);
}

TEST_CASE("ZeRO 3 with tensor parallelism: whole on one rank and divided on another",
          "[checkpoint][zero]") {
  const TempFolder folder;
  std::vector<ModelRank> ranks = two_ranks();
  ranks[0].buffers = {part("x.linear_fc1.weight", 0, 2, 0, 3)};
  ranks[1].trained.push_back(part("x.linear_fc1.weight", 2, 2, 0, 3));
  Piece cube{"y.linear_fc1.weight", {1, 2, 2}, {0, 1, 2, 3}};
  Piece mixed{"z.linear_fc1.weight", {1, 2, 2}, {0, 1, 2, 3}};
  ranks[0].trained.push_back(cube);
  ranks[0].buffers.push_back(mixed);
  cube.values = {4, 5, 6, 7};
  ranks[1].trained.insert(ranks[1].trained.end(), {cube, mixed});
  write_ranks(folder, "f", ranks, 3);
  const Catalogue catalogue = open_checkpoint(folder / "f");
  CHECK(check_blocks(catalogue, "x.linear_fc1.weight", 4, 3) == 12);
  CHECK(block_of(catalogue, "y.linear_fc1.weight", {0, 4, 0, 2}) ==
        std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7});
  REQUIRE(catalogue.left_out.size() == 1);
  CHECK(catalogue.left_out[0].tensor.name == "z.linear_fc1.weight");
  CHECK(catalogue.left_out[0].reason == "division-not-known");
  CHECK(catalogue.left_out[0].detail ==
        "it is divided among data-parallel and tensor-parallel ranks, and it is not a matrix");
}

TEST_CASE("ZeRO 3 with tensor parallelism: what is refused", "[checkpoint][zero]") {
  const TempFolder folder;
  std::vector<ModelRank> ranks = two_ranks();
  write_ranks(folder, "a", ranks, 2);
  std::filesystem::remove(folder / "a/zero_pp_rank_1_mp_rank_01_optim_states.pt");
  CHECK(refusal(folder / "a") ==
        "F: expected optim states of rank 1 of model-parallel rank 1, found none. ZeRO stage 3 "
        "divides every tensor among all ranks: copy the folder again");
  std::filesystem::remove(folder / "a/zero_pp_rank_1_mp_rank_01_model_states.pt");
  CHECK(refusal(folder / "a") ==
        "F: expected states of 2 ranks of model-parallel rank 1, found 1. ZeRO stage 3 divides "
        "every tensor among all ranks: copy the folder again");
  write_rank(folder, "b", 1, ranks[1], 2);
  CHECK(refusal(folder / "b") ==
        "F: expected states of 2 ranks of model-parallel rank 0, found 0. ZeRO stage 3 divides "
        "every tensor among all ranks: copy the folder again");
  std::vector<ModelRank> fewer = two_ranks();
  fewer[1].trained.pop_back();
  write_ranks(folder, "c", fewer, 2);
  CHECK(refusal(folder / "c") ==
        "F: tensor 'a.input_layernorm.weight': expected a piece of each of 2 model-parallel ranks, "
        "found 1");
  std::swap(fewer[0], fewer[1]);
  write_ranks(folder, "d", fewer, 2);
  CHECK(refusal(folder / "d") ==
        "F: tensor 'a.input_layernorm.weight': expected a piece of each of 2 model-parallel ranks, "
        "found 1");
  ranks[1].partition_count = 4;
  write_ranks(folder, "e", ranks, 2);
  CHECK(refusal(folder / "e") ==
        "F/zero_pp_rank_0_mp_rank_01_optim_states.pt: expected the states of 4 ranks of "
        "model-parallel rank 1 by 'partition_count', found 2. Copy the folder again");
  ranks = two_ranks();
  ranks[1].trained[1] = part(kColumns, 0, 4, 3, 4);
  write_ranks(folder, "f", ranks, 2);
  CHECK(refusal(folder / "f") ==
        "F: tensor 'a.dense_4h_to_h.weight': expected pieces of the same type and of matching "
        "shapes, found "
        "F32 of shape 5 x 3 and F32 of shape 4 x 4");
  ranks = two_ranks();
  ranks[0].trained.push_back(ranks[0].trained[0]);
  write_ranks(folder, "g", ranks, 2);
  CHECK(refusal(folder / "g") ==
        "F: tensor 'a.dense_h_to_4h.weight': expected a piece of each of 1 model-parallel ranks, "
        "found 2");
}

TEST_CASE("ZeRO 3: weights divided by AutoTP are refused", "[checkpoint][zero]") {
  const TempFolder folder;
  std::vector<ModelRank> ranks = two_ranks();
  const std::string info = TorchState::dict(
      {{"sub_param_shard_widths", TorchState::dict({{"^a$", TorchState::list({})}})}});
  ranks[0].states = {{"universal_checkpoint_info", info}};
  write_ranks(folder, "a", ranks, 2);
  CHECK(refusal(folder / "a") ==
        "F/zero_pp_rank_0_mp_rank_00_model_states.pt: weights divided by DeepSpeed's AutoTP "
        "('sub_param_shard_widths') are not supported. Convert them to a universal checkpoint with "
        "DeepSpeed's ds_to_universal.py");
}

TEST_CASE("ZeRO 3: experts divided among groups of ranks are refused", "[checkpoint][zero]") {
  const TempFolder folder;
  std::vector<ModelRank> ranks = two_ranks();
  ranks[0].states = {
      {"ds_autoep_layers",
       TorchState::list(
           {TorchState::dict({{"num_experts", TorchState::number(4)}}),
            TorchState::dict({{"checkpoint_format", TorchState::text("zero3_partitioned")}})})}};
  write_ranks(folder, "a", ranks, 2);
  CHECK(refusal(folder / "a") ==
        "F/zero_pp_rank_0_mp_rank_00_model_states.pt: ZeRO stage 3 with experts divided among "
        "groups of ranks ('ds_autoep_layers') is not supported. Convert it to a universal "
        "checkpoint with DeepSpeed's ds_to_universal.py");
  write_ranks(folder, "b", two_ranks(), 2);
  folder.write("b/layer_0_expert_0_mp_rank_00_model_states.pt", "");
  CHECK(refusal(folder / "b") == "F: experts combined with ZeRO stage 3 are not supported");
}
