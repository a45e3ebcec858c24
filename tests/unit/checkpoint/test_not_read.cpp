/// @file
/// Formats that are recognised and refused by name, with what converts them.

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "support.hpp"
#include "support/temp_folder.hpp"
#include "torch_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;
using wishart::test::TempFolder;

namespace {

std::string refusal(const TempFolder& folder, const std::string& name = {}) {
  const std::filesystem::path path = name.empty() ? folder.path() : folder / name;
  std::string text = error_of([&] { static_cast<void>(open_checkpoint(path)); });
  const std::string root = folder.path().string();
  if (text.starts_with(root)) text.replace(0, root.size(), "F");
  return text;
}

/// A file of torch.save that would be read as a whole checkpoint.
std::string torch_file() {
  test::TorchText weight;
  weight.name = "w";
  weight.numel = 4;
  weight.shape = {2, 2};
  weight.strides = {2, 1};
  return test::torch_zip(test::state_dict_pickle({weight}), {{"0", std::string(16, '\0')}});
}

struct Case {
  std::vector<std::string> files;
  std::string found;  ///< the file that is named
  std::string format;
  std::string remedy;
};

}  // namespace

TEST_CASE("formats that are not read are named, with what converts them",
          "[checkpoint][not-read]") {
  const std::string all_ranks = "Name the folder that has the files of all ranks";
  const std::string original = "Scan the model that it was made from";
  const std::vector<Case> cases{
      {{"pytorch_model_fsdp_0_rank1.bin"},
       "pytorch_model_fsdp_0_rank1.bin",
       "flat parameters of PyTorch FSDP",
       "Save a full or a sharded state dict"},
      {{"latest_checkpointed_iteration.txt"},
       "latest_checkpointed_iteration.txt",
       "Megatron",
       "Name one of its folders iter_N"},
      {{"zero_pp_rank_0_mp_rank_00_states.pt"},
       "zero_pp_rank_0_mp_rank_00_states.pt",
       "a piece of DeepSpeed ZeRO",
       all_ranks},
      {{"mp_rank_x.pt"}, "mp_rank_x.pt", "a piece of Megatron or DeepSpeed", all_ranks},
      {{"consolidated.00.pth"},
       "consolidated.00.pth",
       "shards of Meta",
       "Convert them with convert_llama_weights_to_hf.py of transformers"},
      {{"saved_model.pb"}, "saved_model.pb", "TensorFlow SavedModel", "Convert it with tf2onnx"},
      {{"checkpoint", "model.ckpt-7.index", "model.ckpt-7.data-00000-of-00001"},
       "model.ckpt-7.index",
       "TensorFlow bundle",
       "Save its variables with numpy.savez; tf.train.load_checkpoint reads them"},
      {{"model.json", "group1-shard1of2.bin", "group1-shard2of2.bin"},
       "group1-shard1of2.bin",
       "TensorFlow.js",
       "Convert it with tensorflowjs_converter --output_format keras"},
      {{"_CHECKPOINT_METADATA"},
       "_CHECKPOINT_METADATA",
       "Orbax",
       "Restore it with orbax-checkpoint, and save the arrays with numpy.savez, each layer by "
       "itself"},
      {{"_METADATA", "_sharding", "manifest.ocdbt"},
       "manifest.ocdbt",
       "Orbax",
       "Restore it with orbax-checkpoint, and save the arrays with numpy.savez, each layer by "
       "itself"},
      {{"m.pdparams"},
       "m.pdparams",
       "PaddlePaddle",
       "Save the arrays of paddle.load with numpy.savez"},
      {{"m.pdiparams"}, "m.pdiparams", "PaddlePaddle", "Convert it with paddle2onnx"},
      {{"m.pte"}, "m.pte", "ExecuTorch", original},
      {{"params_shard_0.bin", "params_shard_1.bin", "ndarray-cache.json"},
       "params_shard_0.bin",
       "MLC",
       original},
      {{"params_shard_0.bin"}, "params_shard_0.bin", "MLC", original},
      {{"tensor-cache.json"}, "tensor-cache.json", "MLC", original},
      {{"m.nemo"},
       "m.nemo",
       "NeMo",
       "It is a tar archive: unpack it (tar -xf), and name what it holds"},
      {{"openvino_model.xml", "openvino_model.bin"}, "openvino_model.bin", "OpenVINO", original},
      {{"m.tflite"}, "m.tflite", "TensorFlow Lite", "Convert it with tf2onnx --tflite"},
      {{"m.mlpackage"}, "m.mlpackage", "Core ML", original},
      {{"m.mlmodel"}, "m.mlmodel", "Core ML", original},
      {{"m.llamafile"},
       "m.llamafile",
       "llamafile",
       "It is a zip archive: unpack the .gguf file in it (unzip)"},
      {{"metadata.pkl", "model_0.pt"},
       "model_0.pt",
       "shards of torch_checkpointing",
       "Load it with torch_checkpointing, and save the state dict with torch.save"},
      {{"metadata.pkl", "model_0.pt", "model_1.pt", "optimizer_0.pt"},
       "model_0.pt",
       "shards of torch_checkpointing",
       "Load it with torch_checkpointing, and save the state dict with torch.save"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.found, one.format);
    const TempFolder folder;
    for (const std::string& name : one.files) folder.write(name, torch_file());
    folder.write("optimizer.pt", "x");
    folder.write("training_args.bin", "x");
    const std::string expected = "F: expected files of weights, found " + one.found + " (" +
                                 one.format + "), which is not supported. " + one.remedy;
    CHECK(refusal(folder) == expected);
    CHECK_FALSE(looks_like_checkpoint(folder.path()));
    if (one.files.back() != "tensor-cache.json") {
      CHECK(refusal(folder, one.found) == expected);
    }
  }
}

TEST_CASE("pieces of ranks are refused in their folder and by themselves",
          "[checkpoint][not-read]") {
  const std::string original = "Scan the model that it was made from";
  const std::string vllm = "a piece of a tensor-parallel rank of vLLM or SGLang";
  const std::string deepseek = "a piece of a rank of DeepSeek's own code";
  const std::string verl = "a piece of a rank of FSDP, saved by verl";
  const std::string merge = "Merge them (python -m verl.model_merger merge)";
  const std::vector<Case> cases{
      {{"model-rank-0-part-0.safetensors", "model-rank-1-part-0.safetensors"},
       "model-rank-0-part-0.safetensors",
       vllm,
       original},
      {{"model-rank-1-part-0.safetensors"}, "model-rank-1-part-0.safetensors", vllm, original},
      {{"model-rank-0-part-0.safetensors", "model-rank-1-part-0.safetensors", "x.safetensors"},
       "model-rank-0-part-0.safetensors",
       vllm,
       original},
      {{"model0-mp8.safetensors"}, "model0-mp8.safetensors", deepseek, original},
      {{"rank0.safetensors", "rank1.safetensors"},
       "rank0.safetensors",
       "a piece of a rank of TensorRT-LLM",
       original},
      {{"model_world_size_2_rank_0.pt"}, "model_world_size_2_rank_0.pt", verl, merge},
  };
  for (const Case& one : cases) {
    CAPTURE(one.found);
    const TempFolder folder;
    for (const std::string& name : one.files) {
      folder.write(name, test::safetensors_bytes({test::small_tensor("w")}, ""));
    }
    const std::string expected = "F: expected files of weights, found " + one.found + " (" +
                                 one.format + "), which is not supported. " + one.remedy;
    CHECK(refusal(folder) == expected);
    CHECK(refusal(folder, one.found) == expected);
    CHECK_FALSE(looks_like_checkpoint(folder.path()));
    // vLLM's example copies the index of the model that it was made from.
    if (!one.found.ends_with(".safetensors") || one.files.size() > 2) continue;
    folder.write("model.safetensors.index.json",
                 R"({"weight_map": {"w": "model-00001-of-00001.safetensors"}})");
    CHECK(refusal(folder) == expected);
  }
}

TEST_CASE("files of a single rank, or with numbers of another kind, are read",
          "[checkpoint][not-read]") {
  for (const std::string name :
       {"model-rank-0-part-0.safetensors", "model0-mp1.safetensors", "rank0.safetensors",
        "rank32.safetensors", "model-mpnet.safetensors", "model-rank-16.safetensors"}) {
    CAPTURE(name);
    const TempFolder folder;
    folder.write(name, test::safetensors_bytes({test::small_tensor("w")}, ""));
    CHECK(open_checkpoint(folder.path()).tensors.size() == 1);
    CHECK(open_checkpoint(folder / name).tensors.size() == 1);
  }
  const TempFolder parts;
  parts.write("model-rank-0-part-0.safetensors",
              test::safetensors_bytes({test::small_tensor("a")}, ""));
  parts.write("model-rank-0-part-1.safetensors",
              test::safetensors_bytes({test::small_tensor("b")}, ""));
  CHECK(open_checkpoint(parts.path()).tensors.size() == 2);
  const TempFolder ranks;  // two adapters of others
  ranks.write("rank8.safetensors", test::safetensors_bytes({test::small_tensor("a")}, ""));
  ranks.write("rank16.safetensors", test::safetensors_bytes({test::small_tensor("a")}, ""));
  CHECK(open_checkpoint(ranks / "rank8.safetensors").tensors.size() == 1);
  // Beside the whole model, pieces are only not read.
  const TempFolder whole;
  whole.write("model.safetensors", test::safetensors_bytes({test::small_tensor("w")}, ""));
  whole.write("model-rank-1-part-0.safetensors",
              test::safetensors_bytes({test::small_tensor("w")}, ""));
  CHECK(open_checkpoint(whole.path()).tensors.size() == 1);
}

TEST_CASE("an index of a format that is not read is refused by its path as its folder is",
          "[checkpoint][not-read]") {
  const TempFolder folder;
  folder.write("model.json", "{}");
  folder.write("group1-shard1of1.bin", "x");
  CHECK(refusal(folder, "model.json") ==
        "F: expected files of weights, found model.json (TensorFlow.js), which is not supported. "
        "Convert it with tensorflowjs_converter --output_format keras");
}

TEST_CASE("files of other formats do not hide weights beside them", "[checkpoint][not-read]") {
  const TempFolder folder;
  for (const char* name : {"openvino_model.xml", "openvino_model.bin", "tf.tflite"}) {
    folder.write(name, "x");
  }
  folder.write("pytorch_model.bin", torch_file());
  CHECK(open_checkpoint(folder.path()).tensors.size() == 1);
  // Without shards beside it, metadata.pkl may be anything.
  const TempFolder other;
  other.write("metadata.pkl", "x");
  other.write("model.pt", torch_file());
  CHECK(open_checkpoint(other.path()).tensors.size() == 1);
  // A bundle needs both of its files, and index files of others have other names.
  const TempFolder index;
  index.write("faiss.index", "x");
  CHECK(refusal(index) == "F: expected a folder with files of weights, found none");
}

TEST_CASE("shards in an unfinished folder of torch_checkpointing are not read",
          "[checkpoint][not-read]") {
  const TempFolder folder;
  folder.write("run/tmp_step-20/model_0.pt", torch_file());
  folder.write("run/step-10/model.pt", torch_file());
  const std::string why =
      ": is not complete: its name begins with tmp_, as torch_checkpointing names what it still "
      "writes";
  CHECK(refusal(folder, "run/tmp_step-20") == "F/run/tmp_step-20" + why);
  CHECK(refusal(folder, "run/tmp_step-20/model_0.pt") == "F/run/tmp_step-20" + why);
  std::vector<std::string> messages;
  CHECK(find_checkpoints(folder / "run", messages) == std::vector{folder / "run/step-10"});
  REQUIRE(messages.size() == 1);
  CHECK(messages[0] == (folder / "run/tmp_step-20").string() + why +
                           ". It will be scanned by the next run once it is complete");
  folder.write("tmp_mine/model.pt", torch_file());  // a name as any other
  CHECK(open_checkpoint(folder / "tmp_mine").tensors.size() == 1);
}

TEST_CASE("a checkpoint of MindSpore is told from one of PyTorch", "[checkpoint][not-read]") {
  const TempFolder folder;
  folder.write("m.ckpt", std::string("\x0a\x96\x01\x0a\x0c"
                                     "dense.weight\x12",
                                     18));
  CHECK(refusal(folder) ==
        "F/m.ckpt: is a checkpoint of MindSpore, which is not supported. Convert it with "
        "mindspore.ckpt_to_safetensors");
}

TEST_CASE("what ModelSlim quantised is refused by its description", "[checkpoint][not-read]") {
  const TempFolder folder;
  folder.write("quant_model_weight.safetensors",
               test::safetensors_bytes({test::small_tensor("w")}, ""));
  folder.write("quant_model_description.json", R"({"model_quant_type": "W8A8", "w": "W8A8"})");
  CHECK(refusal(folder).find("modelslim") != std::string::npos);
}
