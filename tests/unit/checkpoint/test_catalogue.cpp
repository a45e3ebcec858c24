/// @file
/// Opening checkpoints: which files are read, the rules of the index, and every refusal.

#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "formats/safetensors/weight_index.hpp"
#include "support.hpp"
#include "support/places.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;
using wishart::test::safetensors_bytes;
using wishart::test::small_tensor;
using wishart::test::TempFolder;

namespace {

std::vector<std::string> tensor_names(const Catalogue& catalogue) {
  std::vector<std::string> names;
  for (const Tensor& tensor : catalogue.tensors) names.push_back(tensor.name);
  return names;
}

std::vector<std::string> file_names(const Catalogue& catalogue) {
  std::vector<std::string> names;
  for (const SourceFile& file : catalogue.files) names.push_back(file.name);
  return names;
}

/// `text` with the folder's path shown as F.
std::string shortened(const TempFolder& folder, std::string text) {
  const std::string path = folder.path().string();
  for (std::size_t at = text.find(path); at != std::string::npos; at = text.find(path)) {
    text.replace(at, path.size(), "F");
  }
  return text;
}

std::string refusal(const TempFolder& folder, const std::string& name = "") {
  return shortened(folder, error_of([&] { static_cast<void>(open_checkpoint(folder / name)); }));
}

std::vector<std::string> warnings_of(const TempFolder& folder) {
  std::vector<std::string> warnings = open_checkpoint(folder.path()).warnings;
  for (std::string& text : warnings) text = shortened(folder, std::move(text));
  return warnings;
}

void write_file(const TempFolder& folder, const std::string& name,
                const std::vector<std::string>& tensors) {
  std::vector<test::TensorText> texts;
  for (const std::string& tensor : tensors) texts.push_back(small_tensor(tensor));
  folder.write(name, safetensors_bytes(texts));
}

void write_index(const TempFolder& folder, const std::string& weight_map) {
  folder.write("model.safetensors.index.json",
               R"({"metadata":{"total_size":NaN},"weight_map":)" + weight_map + "}");
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a folder with model.safetensors", "[checkpoint][catalogue]") {
  const TempFolder folder;
  folder.write("run/checkpoint-20/model.safetensors",
               safetensors_bytes({{"h.10.w", "F32", {2, 1}, "12345678"},
                                  {"h.2.w", "BF16", {1, 2}, "1234"},
                                  {"a", "I8", {}, "1"}},
                                 R"("__metadata__":{"format":"pt","head":"h.2.w","a":"h.2.w"},)"));
  folder.write("run/checkpoint-20/config.json", R"({"model_type":"gpt2"})");
  const Catalogue catalogue = open_checkpoint(folder / "run/./checkpoint-20/");
  CHECK(catalogue.root == folder / "run/checkpoint-20");
  CHECK(catalogue.format == "safetensors");
  CHECK(file_names(catalogue) == Names{"model.safetensors"});
  CHECK(tensor_names(catalogue) == Names{"a", "h.2.w", "h.10.w"});
  CHECK(catalogue.tensors[1].shape == std::vector<std::int64_t>{1, 2});
  CHECK(catalogue.tensors[1].dtype == Dtype::bf16);
  CHECK(catalogue.aliases == std::vector<std::pair<std::string, std::string>>{{"head", "h.2.w"}});
  CHECK(catalogue.config.model_type == "gpt2");
  CHECK(catalogue.training.step == 20);
  CHECK(catalogue.warnings.empty());
  CHECK(catalogue.identity().size() == 32);
}

TEST_CASE("a single file, with the side files beside it", "[checkpoint][catalogue]") {
  const TempFolder folder;
  write_file(folder, "step5/part.safetensors", {"a"});
  write_file(folder, "step5/other.safetensors", {"a"});
  folder.write("step5/config.json", R"({"hidden_size":3})");
  const Catalogue catalogue = open_checkpoint(folder / "step5/part.safetensors");
  CHECK(catalogue.root == folder / "step5");
  CHECK(file_names(catalogue) == Names{"part.safetensors"});
  CHECK(catalogue.config.hidden_size == 3);
  CHECK(catalogue.training.step == 5);
  CHECK(catalogue.warnings.empty());
  write_file(folder, "step5/step9.safetensors", {"a"});
  CHECK(open_checkpoint(folder / "step5/step9.safetensors").training.step == 9);
}

TEST_CASE("a relative path is made absolute", "[checkpoint][catalogue]") {
  const TempFolder folder;
  write_file(folder, "model.safetensors", {"a"});
  const std::filesystem::path relative =
      std::filesystem::relative(folder.path(), std::filesystem::current_path());
  CHECK(open_checkpoint(relative).root == folder.path());
}

TEST_CASE("an index decides which tensors are read from where", "[checkpoint][catalogue]") {
  const TempFolder folder;
  write_file(folder, "model-00002-of-00002.safetensors", {"b", "c"});
  write_file(folder, "model-00001-of-00002.safetensors", {"a", "b"});
  write_index(folder, R"({"c":"model-00002-of-00002.safetensors",
    "a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"})");
  const Catalogue catalogue = open_checkpoint(folder.path());
  CHECK(file_names(catalogue) ==
        Names{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"});
  CHECK(tensor_names(catalogue) == Names{"a", "b", "c"});
  CHECK(catalogue.tensors[0].file == 0);
  CHECK(catalogue.tensors[1].file == 1);
  CHECK(catalogue.tensors[2].file == 1);
  CHECK(warnings_of(folder) ==
        Names{"F/model-00001-of-00002.safetensors: 1 tensor not in model.safetensors.index.json, "
              "not read: 'b'"});
}

TEST_CASE("what an index promises must be there", "[checkpoint][catalogue]") {
  const TempFolder folder;
  write_file(folder, "x.safetensors", {"a", "b"});
  write_index(folder, R"({"a":"x.safetensors","b":"y.safetensors","c":"y.safetensors"})");
  CHECK(refusal(folder) ==
        "F/y.safetensors: no such file, expected 2 tensors there by model.safetensors.index.json. "
        "Copy the folder again");
  // A link whose target was never downloaded is as good as no file.
  std::filesystem::create_symlink("../blobs/0123", folder / "y.safetensors");
  CHECK(refusal(folder) ==
        "F/y.safetensors: no such file, expected 2 tensors there by model.safetensors.index.json. "
        "Copy the folder again");
  write_index(folder, R"({"a":"x.safetensors","z1":"x.safetensors","z2":"x.safetensors"})");
  CHECK(refusal(folder) ==
        "F/x.safetensors: lacks 2 tensors that model.safetensors.index.json places there: 'z1', "
        "'z2'");
  std::string many = "{";
  for (int i = 0; i < 7; ++i)
    many += (i == 0 ? "\"t" : ",\"t") + std::to_string(i) + "\":\"x.safetensors\"";
  write_index(folder, many + "}");
  CHECK(refusal(folder) ==
        "F/x.safetensors: lacks 7 tensors that model.safetensors.index.json places there: 't0', "
        "'t1', 't2', 't3', 't4', ...");
}

TEST_CASE("an index names plain files", "[checkpoint][catalogue]") {
  const TempFolder folder;
  const std::string name =
      GENERATE(as<std::string>(), "../model.safetensors", "/etc/passwd", "", "a/b.safetensors",
               R"(a\\b.safetensors)", "..", ".", "x..y", R"(x\u0000)");
  write_index(folder, R"({"a":")" + name + "\"}");
  const std::string message = refusal(folder);
  CAPTURE(message);
  CHECK(message.starts_with("F/model.safetensors.index.json: tensor 'a', byte "));
  CHECK(message.find(": expected the plain name of a file in the same folder, found '") !=
        std::string::npos);
}

TEST_CASE("an index must be whole", "[checkpoint][catalogue]") {
  const TempFolder folder;
  const auto message = [&](const std::string& text) {
    folder.write("model.safetensors.index.json", text);
    return refusal(folder);
  };
  CHECK(message("{}") ==
        "F/model.safetensors.index.json: expected a weight_map with tensors, found none");
  CHECK(message(R"({"weight_map":{}})") ==
        "F/model.safetensors.index.json: expected a weight_map with tensors, found an empty one");
  CHECK(message(R"({"weight_map":{"a":"x","a":"y"}})") ==
        "F/model.safetensors.index.json: tensor 'a' appears twice");
  CHECK(message(R"({"weight_map":{"a":1}})") ==
        "F/model.safetensors.index.json: tensor 'a', byte 19: expected a string, found '1'");
  CHECK(message(R"({"weight_map":{"a":"x"},"weight_map":{"b":"x"}})") ==
        "F/model.safetensors.index.json: byte 37: expected one weight_map, found a second");
  CHECK(message(R"({"weight_map":{"a":"x")") ==
        "F/model.safetensors.index.json: byte 22: expected ',' or '}', found the end");
  CHECK(message("") == "F/model.safetensors.index.json: byte 0: expected a value, found the end");
  std::filesystem::resize_file(folder / "model.safetensors.index.json",
                               static_cast<std::uintmax_t>(kMaxIndexBytes) + 1);
  CHECK(refusal(folder) ==
        "F/model.safetensors.index.json: has 536870913 bytes, expected at most 536870912");
}

TEST_CASE("files without an index are read together", "[checkpoint][catalogue]") {
  const TempFolder folder;
  write_file(folder, "part10.safetensors", {"b"});
  write_file(folder, "part9.safetensors", {"a"});
  const Catalogue catalogue = open_checkpoint(folder.path());
  CHECK(file_names(catalogue) == Names{"part9.safetensors", "part10.safetensors"});
  CHECK(tensor_names(catalogue) == Names{"a", "b"});
  CHECK(catalogue.warnings.empty());
  write_file(folder, "part11.safetensors", {"a"});
  CHECK(
      refusal(folder) ==
      "F: tensor 'a' is in part9.safetensors and in part11.safetensors, expected it once. Name one "
      "of the files instead of the folder");
}

TEST_CASE("a set of shards without an index must be complete", "[checkpoint][catalogue]") {
  const TempFolder folder;
  write_file(folder, "m-00001-of-00003.safetensors", {"a"});
  write_file(folder, "m-00003-of-00003.safetensors", {"c"});
  CHECK(refusal(folder) ==
        "F: m-*-of-00003.safetensors: found 2 of 3 files, missing m-00002-of-00003.safetensors. "
        "Copy the folder again");
  write_file(folder, "m-00002-of-00003.safetensors", {"b"});
  CHECK(tensor_names(open_checkpoint(folder.path())) == Names{"a", "b", "c"});
  const TempFolder from_zero;
  write_file(from_zero, "m-0-of-2.safetensors", {"a"});
  CHECK(
      refusal(from_zero) ==
      "F: m-*-of-2.safetensors: found 1 of 2 files, missing m-1-of-2.safetensors. Copy the folder "
      "again");
  write_file(from_zero, "m-1-of-2.safetensors", {"b"});
  CHECK(tensor_names(open_checkpoint(from_zero.path())) == Names{"a", "b"});
}

TEST_CASE("the index comes before model.safetensors, that before other files",
          "[checkpoint][catalogue]") {
  const TempFolder folder;
  write_file(folder, "consolidated.safetensors", {"c"});
  folder.write("pytorch_model.bin", "x");
  CHECK(tensor_names(open_checkpoint(folder.path())) == Names{"c"});
  CHECK(warnings_of(folder).empty());
  write_file(folder, "other.safetensors", {"o"});
  write_file(folder, "other.fp16.safetensors", {"o"});
  write_file(folder, "optimizer.safetensors", {"p"});
  write_file(folder, ".hidden.safetensors", {"h"});
  CHECK(tensor_names(open_checkpoint(folder.path())) == Names{"o"});
  CHECK(warnings_of(folder).empty());
  write_file(folder, "model.safetensors", {"m"});
  write_file(folder, "adapter_model.safetensors", {"l"});
  CHECK(tensor_names(open_checkpoint(folder.path())) == Names{"m"});
  CHECK(warnings_of(folder) ==
        Names{"F: 2 other files not read: 'other.safetensors', 'adapter_model.safetensors'"});
  write_file(folder, "shard.safetensors", {"i"});
  write_index(folder, R"({"i":"shard.safetensors"})");
  CHECK(tensor_names(open_checkpoint(folder.path())) == Names{"i"});
  CHECK(warnings_of(folder) == Names{"F: 3 other files not read: 'model.safetensors', "
                                     "'other.safetensors', 'adapter_model.safetensors'"});
}

TEST_CASE("a 16-bit variant is read where it is all there is", "[checkpoint][catalogue]") {
  const TempFolder folder;
  write_file(folder, "model.fp16.safetensors", {"a"});
  CHECK(tensor_names(open_checkpoint(folder.path())) == Names{"a"});
}

TEST_CASE("links of a hub cache are followed", "[checkpoint][catalogue]") {
  const TempFolder folder;
  write_file(folder, "blobs/0123", {"a"});
  std::filesystem::create_directories(folder / "snapshots/abc");
  std::filesystem::create_symlink("../../blobs/0123", folder / "snapshots/abc/model.safetensors");
  CHECK(tensor_names(open_checkpoint(folder / "snapshots/abc")) == Names{"a"});
  CHECK(file_names(open_checkpoint(folder / "snapshots/abc")) == Names{"model.safetensors"});
}

TEST_CASE("paths that are no checkpoint", "[checkpoint][catalogue]") {
  const TempFolder folder;
  CHECK(refusal(folder) == "F: expected a folder with files of weights, found none");
  CHECK(refusal(folder, "none") == "F/none: no such file or folder");
  folder.write("notes.txt", "x");
  CHECK(refusal(folder, "notes.txt") ==
        "F/notes.txt: expected a folder or a file named *.safetensors, *.pt, *.bin, "
        "*.pth, *.ckpt, *.th, *.gguf, *.h5, *.keras, *.weights.json, *.msgpack, *.npz, *.npy or "
        "*.onnx, found another file");
  folder.write("x/optimizer.pt", "x");
  CHECK(refusal(folder, "x") == "F/x: expected a folder with files of weights, found none");
  std::filesystem::create_directory(folder / "d.safetensors");
  CHECK(refusal(folder, "d.safetensors") ==
        "F/d.safetensors: expected a folder with files of weights, found none");
  std::filesystem::create_directories(folder / "y/model.safetensors");
  CHECK(refusal(folder, "y") ==
        "F/y/model.safetensors: expected a regular file, found something else");
  std::filesystem::create_directory_symlink("loop", folder / "loop");
  CHECK(refusal(folder, "loop") == "F/loop: cannot be reached: Too many levels of symbolic links");
  folder.write("bad\x1b[2J.txt", "x");
  CHECK(refusal(folder, "bad\x1b[2J.txt") ==
        "F/bad\\x1b[2J.txt: expected a folder or a file named *.safetensors, *.pt, *.bin, "
        "*.pth, *.ckpt, *.th, *.gguf, *.h5, *.keras, *.weights.json, *.msgpack, *.npz, *.npy or "
        "*.onnx, found another file");
}

TEST_CASE("a folder that cannot be listed", "[checkpoint][catalogue]") {
  if (::geteuid() == 0) {
    WARN("run as root, who may list every folder: not tested");
    return;
  }
  const TempFolder folder;
  write_file(folder, "closed/model.safetensors", {"a"});
  std::filesystem::permissions(folder / "closed", std::filesystem::perms::none);
  CHECK(refusal(folder, "closed") == "F/closed: the folder cannot be listed: Permission denied");
  std::filesystem::permissions(folder / "closed", std::filesystem::perms::owner_all);
}

TEST_CASE("the identity follows names, sizes, times and headers", "[checkpoint][catalogue]") {
  const SourceFile file{"a.safetensors", 10, 20, "30"};
  Catalogue one;
  one.files = {file};
  const auto changed = [&](auto&& change) {
    Catalogue other;
    other.files = {file};
    change(other.files.front());
    return other.identity();
  };
  CHECK(changed([](SourceFile&) {}) == one.identity());
  CHECK(changed([](SourceFile& f) { f.name = "b"; }) != one.identity());
  CHECK(changed([](SourceFile& f) { f.size_bytes = 11; }) != one.identity());
  CHECK(changed([](SourceFile& f) { f.mtime_ns = 21; }) != one.identity());
  CHECK(changed([](SourceFile& f) { f.header_hash = "31"; }) != one.identity());
}

TEST_CASE("a real checkpoint of a small training run", "[checkpoint][.shared]") {
  const auto shared = test::shared_folder();
  if (!shared) return;
  const Catalogue catalogue = open_checkpoint(*shared / "fixtures/history/checkpoint-600");
  CHECK(catalogue.warnings.empty());
  CHECK(catalogue.tensors.size() == 49);
  CHECK(catalogue.config.model_type == "llama");
  CHECK(catalogue.config.architectures == Names{"LlamaForCausalLM"});
  CHECK(catalogue.config.hidden_size == 192);
  CHECK(catalogue.config.intermediate_size == 768);
  CHECK(catalogue.config.num_hidden_layers == 4);
  CHECK(catalogue.config.num_attention_heads == 8);
  CHECK(catalogue.config.vocab_size == 256);
  CHECK(catalogue.config.tie_word_embeddings == false);
  CHECK(catalogue.training.step == 600);
  CHECK(catalogue.training.loss == 1.6894);
  CHECK(catalogue.training.eval_loss == 1.5829);
  CHECK(std::isnan(catalogue.training.learning_rate));
}
