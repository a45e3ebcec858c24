/// @file
/// torch.distributed.checkpoint: chunks in many files, as one tensor; broken metadata.

#include <map>
#include <numeric>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "bytes/paths.hpp"
#include "formats/distributed/distributed.hpp"
#include "formats/torch/torch_tree.hpp"
#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/places.hpp"
#include "support/temp_folder.hpp"
#include "torch_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::bytes_of;
using wishart::test::error_of;
using wishart::test::PickleText;
using wishart::test::shared_folder;
using wishart::test::TempFolder;
using wishart::test::torch_zip;

namespace {

using Numbers = std::vector<std::int64_t>;
constexpr const char* kModule = "torch.distributed.checkpoint.metadata";

struct ChunkText {
  Numbers origin;
  Numbers size;
  std::string file = "__0_0.distcp";
  std::int64_t offset = -1;  ///< -1: after the existing data
  std::int64_t length = -1;
};

/// A checkpoint of one float32 tensor whose element (i, j) is i * cols + j.
class DistributedText {
public:
  explicit DistributedText(Numbers shape, std::string name = "w")
      : shape_(std::move(shape)), name_(std::move(name)) {}

  DistributedText& add(ChunkText chunk) {
    const std::string blob = chunk_blob(chunk);
    std::string& file = files_[chunk.file];
    file += "_";  // make sure that nothing is aligned
    if (chunk.offset == -1) chunk.offset = static_cast<std::int64_t>(file.size());
    if (chunk.length == -1) chunk.length = static_cast<std::int64_t>(blob.size());
    file += blob;
    chunks_.push_back(chunk);
    return *this;
  }
  std::filesystem::path write(const TempFolder& folder) const {
    for (const auto& [name, bytes] : files_) {
      if (name.find("..") == std::string::npos && name[0] != '/') folder.write("c/" + name, bytes);
    }
    folder.write("c/.metadata", metadata());
    return folder / "c";
  }

  std::string dtype = "float32";

private:
  [[nodiscard]] std::string chunk_blob(const ChunkText& chunk) const {
    std::vector<float> values;
    for (std::int64_t i = 0; i < chunk.size[0]; ++i) {
      for (std::int64_t j = 0; j < chunk.size[1]; ++j) {
        values.push_back(
            static_cast<float>((chunk.origin[0] + i) * shape_[1] + chunk.origin[1] + j));
      }
    }
    PickleText pickle;
    test::pickle_tensor(pickle, {"",
                                 "FloatStorage",
                                 "0",
                                 chunk.size[0] * chunk.size[1],
                                 0,
                                 chunk.size,
                                 {chunk.size[1], 1}});
    return torch_zip(pickle.stop(), {{"0", bytes_of(std::span<const float>(values))}});
  }
  static void size(PickleText& p, const Numbers& values) {
    p.global("torch", "Size").integers(values).raw("\x85R");
  }
  [[nodiscard]] std::string metadata() const {
    PickleText p;
    p.global(kModule, "Metadata").raw(")\x81}(").text("state_dict_metadata").raw("}(");
    p.text("optimizer.state").global(kModule, "BytesStorageMetadata").raw(")\x81");
    p.text(name_).global(kModule, "TensorStorageMetadata").raw(")\x81}(").text("properties");
    p.global(kModule, "TensorProperties").raw(")\x81(").global("torch", dtype).raw("Ntb");
    p.text("size");
    size(p, shape_);
    p.text("chunks").raw("](");
    for (const ChunkText& chunk : chunks_) {
      p.global(kModule, "ChunkStorageMetadata").raw(")\x81}(").text("offsets");
      size(p, chunk.origin);
      p.text("sizes");
      size(p, chunk.size);
      p.raw("ub");
    }
    p.raw("eubu").text("storage_data").raw("}(");
    for (const ChunkText& chunk : chunks_) {
      p.global(kModule, "MetadataIndex").raw(")\x81}(").text("fqn").text(name_).text("offset");
      size(p, chunk.origin);
      p.text("index").raw("Nub");
      p.global("torch.distributed.checkpoint.filesystem", "_StorageInfo").raw(")\x81}(");
      p.text("relative_path").text(chunk.file).text("offset").integer(chunk.offset);
      p.text("length").integer(chunk.length).raw("ub");
    }
    return p.raw("uub").stop();
  }

  Numbers shape_;
  std::string name_;
  std::vector<ChunkText> chunks_;
  std::map<std::string, std::string> files_;
};

std::string refusal(const DistributedText& text) {
  const TempFolder folder;
  const auto path = text.write(folder);
  std::string message = error_of([&] { static_cast<void>(open_checkpoint(path)); });
  if (message.starts_with(path.string())) message.replace(0, path.string().size(), "F");
  return message;
}

std::vector<double> values_of(const Catalogue& catalogue, const Tensor& tensor) {
  FileReader reader(catalogue.root, catalogue.files);
  std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
  reader.read_elements(tensor, 0, values);
  return values;
}

}  // namespace

TEST_CASE("chunks of rows, columns or both form one tensor", "[checkpoint][distributed]") {
  DistributedText text({10, 6});
  const int layout = GENERATE(0, 1, 2, 3);
  if (layout == 0) text.add({{0, 0}, {6, 6}}).add({{6, 0}, {4, 6}, "__1_0.distcp"});
  if (layout == 1) text.add({{0, 4}, {10, 2}}).add({{0, 0}, {10, 4}, "__1_0.distcp"});
  if (layout == 2) {
    text.add({{0, 0}, {7, 3}}).add({{7, 0}, {3, 3}}).add({{0, 3}, {2, 3}}).add({{2, 3}, {8, 3}});
  }
  if (layout == 3) text.add({{0, 0}, {10, 6}, "deep/in/a.distcp"});
  const TempFolder folder;
  const Catalogue catalogue = open_checkpoint(text.write(folder));
  CHECK(catalogue.format == "torch.distributed.checkpoint");
  REQUIRE(catalogue.tensors.size() == 1);
  const Tensor& tensor = catalogue.tensors[0];
  CHECK(tensor.is_dense() == (layout == 3));
  std::vector<double> expected(60);
  std::iota(expected.begin(), expected.end(), 0.0);
  CHECK(values_of(catalogue, tensor) == expected);
  FileReader reader(catalogue.root, catalogue.files);
  for (std::int64_t row = 0; row < 10; ++row) {
    for (std::int64_t col = 0; col < 6; ++col) {
      std::vector<double> block(static_cast<std::size_t>((10 - row) * (6 - col)));
      reader.read_rectangle(tensor, {row, 10, col, 6}, block);
      CHECK(block.front() == static_cast<double>(row * 6 + col));
      CHECK(block.back() == 59);
    }
  }
}

TEST_CASE("chunks that do not tile their tensor are refused", "[checkpoint][distributed]") {
  const std::string w = "F/.metadata: tensor 'w' of shape 10 x 6: ";
  CHECK(refusal(DistributedText({10, 6}).add({{0, 0}, {6, 6}})) ==
        w + "expected chunks of 60 elements, found 36");
  CHECK(refusal(DistributedText({10, 6}).add({{0, 0}, {6, 6}}).add({{4, 0}, {6, 6}})) ==
        w + "expected chunks of 60 elements, found more");
  CHECK(refusal(DistributedText({10, 6}).add({{0, 0}, {5, 6}}).add({{4, 0}, {5, 6}})) ==
        w + "two chunks overlap, at 0 x 0 and at 4 x 0");
  CHECK(refusal(DistributedText({10, 6}).add({{5, 0}, {6, 6}})) ==
        w + "a chunk of shape 6 x 6 at 5 x 0 is not inside the tensor");
  CHECK(refusal(DistributedText({10, 6})) == w + "expected chunks of 60 elements, found 0");
  CHECK(refusal(DistributedText({INT64_MAX, 6})) == "F/.metadata: tensor 'w' is too large");
  CHECK(refusal(DistributedText({-1, 6})) == "F/.metadata: tensor 'w' has a negative size");
}

TEST_CASE("names that no archive holds are refused", "[checkpoint][distributed]") {
  const TempFolder folder;
  const std::string long_name((1 << 20) + 1, 'w');
  const auto path = DistributedText({2, 2}, long_name).add({{0, 0}, {2, 2}}).write(folder);
  CHECK(error_of([&] { static_cast<void>(read_distributed(path, "")); })
            .ends_with("/.metadata: expected names of at most 1048576 bytes, found one of "
                       "1048581"));
}

TEST_CASE("no path leaves the folder", "[checkpoint][distributed]") {
  for (const char* file : {"../x", "/etc/passwd", "a/../../x", "a//b", "", "a\\b", "./x"}) {
    CHECK_FALSE(is_inner_path(file));
    const std::string message = refusal(DistributedText({2, 2}).add({{0, 0}, {2, 2}, file, 0, 10}));
    CHECK(
        message.starts_with("F/.metadata: tensor 'w': expected a file below the folder, found '"));
  }
  CHECK(is_inner_path("a/b..c"));
}

TEST_CASE("places outside their files are refused", "[checkpoint][distributed]") {
  CHECK(refusal(DistributedText({2, 2}).add({{0, 0}, {2, 2}, "a", 5, 100000}))
            .find("F/a: expected 100000 bytes at byte 5 for 'w', the file has ") == 0);
  CHECK(refusal(DistributedText({2, 2}).add({{0, 0}, {2, 2}, "a", INT64_MAX, 1}))
            .find("F/a: expected 1 bytes at byte 9223372036854775807 for 'w', the file has ") == 0);
  CHECK(refusal(DistributedText({2, 2}).add({{0, 0}, {2, 2}, "a", 0, INT64_MAX}))
            .find("F/a: expected 9223372036854775807 bytes at byte 0 for 'w', the file has ") == 0);
  CHECK(refusal(DistributedText({2, 2}).add({{0, 0}, {2, 2}, "a", -5, 1})) ==
        "F/.metadata: tensor 'w': its chunk has no entry in 'a'");
  CHECK(refusal(DistributedText({2, 2}).add({{0, 0}, {2, 2}, "a", 0, 50})) ==
        "F/a: zip archive: it has no end record. The file is truncated: copy it again");
  DistributedText wrong({2, 2});
  wrong.dtype = "bfloat16";
  CHECK(refusal(wrong.add({{0, 0}, {2, 2}})) ==
        "F/__0_0.distcp: tensor 'w': expected a chunk of BF16 of shape 2 x 2, found F32 of shape 2 "
        "x 2");
  wrong.dtype = "quint8";
  CHECK(refusal(wrong) ==
        "F/.metadata: tensor 'w' has the dtype 'torch.quint8', which is not supported");
}

TEST_CASE("another pickle is refused as metadata", "[checkpoint][distributed]") {
  const TempFolder folder;
  folder.write("c/.metadata", PickleText().raw("}").stop());
  CHECK(error_of([&] { static_cast<void>(open_checkpoint(folder / "c")); }) ==
        (folder / "c/.metadata").string() +
            ": expected state_dict_metadata and storage_data, found neither or only one. It is not "
            "the .metadata of torch.distributed.checkpoint");
  folder.write("c/.metadata", "");
  CHECK(error_of([&] { static_cast<void>(open_checkpoint(folder / "c")); }).find("truncated") !=
        std::string::npos);
}

TEST_CASE("weights are found in the folders of trainers", "[checkpoint][distributed]") {
  const TempFolder folder;
  const auto path = DistributedText({2, 2}, "model.model.a").add({{0, 0}, {2, 2}}).write(folder);
  std::filesystem::create_directories(folder / "run/checkpoint-5");
  std::filesystem::rename(path, folder / "run/checkpoint-5/pytorch_model_fsdp_0");
  CHECK(looks_like_checkpoint(folder / "run/checkpoint-5"));
  const Catalogue catalogue = open_checkpoint(folder / "run/checkpoint-5");
  CHECK(catalogue.training.step == 5);
  CHECK(catalogue.tensors[0].name == "model.a");
  CHECK(catalogue.files[1].name == "pytorch_model_fsdp_0/__0_0.distcp");
  CHECK(values_of(catalogue, catalogue.tensors[0]) == std::vector<double>{0, 1, 2, 3});
}

TEST_CASE("states of optimizers are told from weights by their words",
          "[checkpoint][distributed]") {
  // Megatron-Core with Muon, PyTorch's recipe of an AppState, states of any other optimizer.
  for (const char* name :
       {"chained_0.optimizer.state.momentum_buffer.decoder.layers.mlp.linear_fc1.weight",
        "app.optim.state.layers.0.attention.wq.weight.momentum_buffer", "a.optimizers.0.GG",
        "optim", "a.optim", "optim.state.w", "optimizer.state.w", "state.w.momentum_buffer",
        "chained_1.optimizer.state.fp32_param.w", "state.w.exp_avg", "rng"}) {
    CAPTURE(name);
    CHECK(is_training_state(name));
  }
  for (const char* name :
       {"", ".", "decoder.layers.mlp.linear_fc1.weight", "app.model.w", "a.optimal.weight",
        "a.optimizer_head.weight", "a.my_optim.weight", "layers.0.momentum.weight"}) {
    CAPTURE(name);
    CHECK_FALSE(is_training_state(name));
  }
}

TEST_CASE("Megatron-Core: fsdp_dtensor and the state of ModelOpt beside the weights",
          "[checkpoint][distributed]") {
  // fsdp_dtensor divides by elements of a bucket, so that ranks have chunks of any number of rows,
  // or none.
  const TempFolder folder;
  const std::string gate = "model.module.decoder.layers.0.mlp.experts.linear_fc1.weight3_w";
  const auto path = DistributedText({9, 2}, gate)
                        .add({{0, 0}, {1, 2}})
                        .add({{1, 0}, {5, 2}, "__1_0.distcp"})
                        .add({{6, 0}, {0, 2}, "__2_0.distcp"})
                        .add({{6, 0}, {3, 2}, "__3_0.distcp"})
                        .write(folder);
  // A folder of its own, which is a distributed checkpoint too, and no weights.
  const TempFolder state;
  const auto other = DistributedText({2, 2}, "quantizer").add({{0, 0}, {2, 2}}).write(state);
  std::filesystem::copy(other, path / "modelopt_state", std::filesystem::copy_options::recursive);
  const Catalogue catalogue = open_checkpoint(path);
  REQUIRE(catalogue.tensors.size() == 1);
  CHECK(catalogue.tensors[0].name == gate);
  std::vector<double> expected(18);
  std::iota(expected.begin(), expected.end(), 0.0);
  CHECK(values_of(catalogue, catalogue.tensors[0]) == expected);
}

TEST_CASE("a checkpoint with real classes has its known values",
          "[.shared][checkpoint][distributed]") {
  const auto shared = wishart::test::shared_folder();
  if (!shared) return;
  const auto folder = *shared / "fixtures/formats/dcp_step100";
  const Catalogue chunks = open_checkpoint(folder);
  const Catalogue whole = open_checkpoint(folder / "expected.pt");
  REQUIRE(chunks.tensors.size() == 3);
  REQUIRE(whole.tensors.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(chunks.tensors[i].name == whole.tensors[i].name);
    CHECK(chunks.tensors[i].shape == whole.tensors[i].shape);
    CHECK(values_of(chunks, chunks.tensors[i]) == values_of(whole, whole.tensors[i]));
  }
  CHECK(chunks.training.step == 100);
}
