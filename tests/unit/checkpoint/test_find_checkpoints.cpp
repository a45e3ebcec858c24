/// @file
/// From a path to its checkpoints.

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/checkpoint/history.hpp"

#include "folder/side_files.hpp"
#include "support.hpp"
#include "support/places.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;
using wishart::test::TempFolder;

namespace {

using Names = std::vector<std::string>;

Names found_names(const std::filesystem::path& path) {
  Names names;
  for (const auto& one : find_checkpoints(path)) names.push_back(one.filename().string());
  return names;
}

std::string refusal(const TempFolder& folder, const std::string& name = "history") {
  std::string text = error_of([&] { static_cast<void>(find_checkpoints(folder / name)); });
  const std::string path = folder.path().string();
  if (text.starts_with(path)) text.replace(0, path.size(), "F");
  return text;
}

}  // namespace

TEST_CASE("a checkpoint stands for itself", "[checkpoint][find]") {
  const TempFolder folder;
  const auto file = folder.write("run/model.safetensors", "");
  folder.write("run/checkpoint-5/model.safetensors", "");
  CHECK(find_checkpoints(folder / "run") == std::vector{folder / "run"});
  CHECK(find_checkpoints(folder / "run/") == std::vector{folder / "run"});
  CHECK(find_checkpoints(file) == std::vector{file});
}

TEST_CASE("looks_like_checkpoint reads names only", "[checkpoint][find]") {
  const TempFolder folder;
  folder.write("a/model.safetensors.index.json", "");
  folder.write("b/model.safetensors", "");
  folder.write("c/any.safetensors", "");
  folder.write("d/notes.txt", "");
  folder.write("e/optimizer.safetensors", "");
  CHECK(looks_like_checkpoint(folder / "a"));
  CHECK(looks_like_checkpoint(folder / "b"));
  CHECK(looks_like_checkpoint(folder / "c"));
  CHECK(looks_like_checkpoint(folder / "c/any.safetensors"));
  CHECK_FALSE(looks_like_checkpoint(folder / "d"));
  CHECK_FALSE(looks_like_checkpoint(folder / "d/notes.txt"));
  CHECK_FALSE(looks_like_checkpoint(folder / "e"));
  CHECK_FALSE(looks_like_checkpoint(folder / "none"));
  CHECK_FALSE(looks_like_checkpoint(folder / "none.safetensors"));
}

TEST_CASE("a history is ordered by stage, step and name", "[checkpoint][find]") {
  const TempFolder folder;
  for (const char* name : {"checkpoint-1000", "checkpoint-200", "checkpoint-50", "final", "best10",
                           "best9", ".cache", "stage2-step10", "stage1-step20"}) {
    folder.write("history/" + std::string(name) + "/model.safetensors", "");
  }
  folder.write("history/logs/events.txt", "");
  folder.write("history/checkpoint-7/pytorch_model.bin", "");
  folder.write("history/named/model.safetensors", "");
  folder.write("history/named/trainer_state.json", R"({"global_step":300})");
  CHECK(found_names(folder / "history") == Names{"checkpoint-7", "checkpoint-50", "checkpoint-200",
                                                 "named", "checkpoint-1000", "best9", "best10",
                                                 "final", "stage1-step20", "stage2-step10"});
}

TEST_CASE("a link to another checkpoint of the history is not a second one", "[checkpoint][find]") {
  const TempFolder folder;
  folder.write("history/step1/model.safetensors", "");
  folder.write("elsewhere/model.safetensors", "");
  std::filesystem::create_directory_symlink("step1", folder / "history/latest");
  std::filesystem::create_directory_symlink("../elsewhere", folder / "history/step2");
  CHECK(found_names(folder / "history") == Names{"step1", "step2"});
}

TEST_CASE("without a checkpoint the message says what was looked for", "[checkpoint][find]") {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "history/empty");
  CHECK(refusal(folder) ==
        "F/history: expected files of weights in this folder or in its folders, found none");
  folder.write("history/step1/w.tflite", "");
  CHECK(refusal(folder) ==
        "F/history: expected files of weights in this folder or in its folders, found "
        "step1/w.tflite (TensorFlow Lite), which is not supported. Convert it with tf2onnx "
        "--tflite");
  folder.write("history/consolidated.00.pth", "");
  CHECK(refusal(folder) ==
        "F/history: expected files of weights in this folder or in its folders, found "
        "consolidated.00.pth (shards of Meta), which is not supported. Convert them with "
        "convert_llama_weights_to_hf.py of transformers");
  CHECK(refusal(folder, "none") == "F/none: no such file or folder");
  folder.write("x.txt", "");
  CHECK(refusal(folder, "x.txt") ==
        "F/x.txt: expected a folder or a file named *.safetensors, *.pt, *.bin, "
        "*.pth, *.ckpt, *.th, *.gguf, *.h5, *.keras, *.weights.json, *.msgpack, *.npz, *.npy or "
        "*.onnx, found another file");
}

TEST_CASE("the history of a real training run", "[checkpoint][.shared]") {
  const auto shared = test::shared_folder();
  if (!shared) return;
  CHECK(found_names(*shared / "fixtures/history") ==
        Names{"checkpoint-0", "checkpoint-50", "checkpoint-100", "checkpoint-200", "checkpoint-300",
              "checkpoint-450", "checkpoint-600"});
}

TEST_CASE("files of PyTorch are a history where no folder is one", "[checkpoint][find]") {
  const TempFolder folder;
  folder.write("history/epoch=2-step=20.ckpt", "");
  folder.write("history/epoch=1-step=5.ckpt", "");
  folder.write("history/optimizer.pt", "");
  CHECK(found_names(folder / "history") == Names{"epoch=1-step=5.ckpt", "epoch=2-step=20.ckpt"});
  CHECK(error_of([&] { static_cast<void>(open_checkpoint(folder / "history")); }) ==
        (folder / "history").string() +
            ": expected one file of weights, or shards of one checkpoint, found "
            "'epoch=1-step=5.ckpt', 'epoch=2-step=20.ckpt'. Name one of them");
  folder.write("history/checkpoint-7/pytorch_model.bin", "");
  std::vector<std::string> messages;
  CHECK(find_checkpoints(folder / "history", messages) ==
        std::vector{folder / "history/checkpoint-7"});
  CHECK(messages.size() == 2);
  folder.write("one/last.ckpt", "");
  CHECK(found_names(folder / "one") == Names{"one"});
}

TEST_CASE("a folder of nanochat is a history, whose steps stand beside the models",
          "[checkpoint][find]") {
  const TempFolder folder;
  for (const std::string number : {"000500", "001000", "002000"}) {
    folder.write("d20/model_" + number + ".pt", "");
    folder.write("d20/optim_" + number + "_rank0.pt", "");
    folder.write("d20/optim_" + number + "_rank1.pt", "");
  }
  folder.write("d20/meta_000500.json", R"({"step": 1500, "val_bpb": 0.9, "model_config": {}})");
  folder.write("d20/meta_001000.json", R"({"step": 1000})");
  std::vector<std::string> messages;
  const std::vector<std::filesystem::path> found = find_checkpoints(folder / "d20", messages);
  CHECK(messages.empty());
  CHECK(found == std::vector{folder / "d20/model_001000.pt", folder / "d20/model_000500.pt",
                             folder / "d20/model_002000.pt"});
  std::vector<std::string> warnings;
  CHECK(read_training_state(folder / "d20", "model_000500", warnings).step == 1500);
  CHECK(read_training_state(folder / "d20/model_000500.pt", "model_000500.pt", warnings).step ==
        1500);
  CHECK(read_training_state(folder / "d20", "model_002000", warnings).step == -1);
  CHECK(read_training_state(folder / "d20", "model_last", warnings).step == -1);
  CHECK(warnings.empty());
  folder.write("d20/meta_002000.json", R"({"step": )");
  CHECK(read_training_state(folder / "d20", "model_002000", warnings).step == -1);
  CHECK(warnings.size() == 1);
}

TEST_CASE("a checkpoint that is being written is left for the next time", "[checkpoint][find]") {
  const TempFolder folder;
  folder.write("history/step-1/.metadata", "");
  folder.write("history/step-2/__0_0.distcp", "");
  std::vector<std::string> messages;
  CHECK(find_checkpoints(folder / "history", messages) == std::vector{folder / "history/step-1"});
  CHECK(messages == Names{(folder / "history/step-2").string() +
                          ": is not complete: no .metadata, which torch.distributed.checkpoint "
                          "writes last. It will be scanned by the next run once it is complete"});
}

TEST_CASE("a history of nothing but checkpoints that are being written says so",
          "[checkpoint][find]") {
  const TempFolder folder;
  folder.write("history/step-1/model-00001-of-00002.safetensors", "");
  CHECK(refusal(folder) ==
        "F/history: expected a complete checkpoint, found step-1, which is not: a shard is "
        "missing. Run this again once one is complete");
  folder.write("history/step-2/model-00001-of-00002.safetensors", "");
  CHECK(refusal(folder) ==
        "F/history: expected a complete checkpoint, found step-1, which is not: a shard is "
        "missing; and 1 more like it. Run this again once one is complete");
}

TEST_CASE("marks of completeness are looked at", "[checkpoint][find]") {
  const TempFolder folder;
  folder.write("h/checkpoint-1/model.safetensors", "");
  folder.write("h/checkpoint-1/trainer_state.json", R"({"global_step":1})");
  folder.write("h/checkpoint-2/model.safetensors", "");
  folder.write("h/checkpoint-3/trainer_state.json", R"({"global_step":3})");
  folder.write("h/checkpoint-3/model-00001-of-00002.safetensors", "");
  folder.write("h/checkpoint-4/trainer_state.json", R"({"global_step":4})");
  folder.write("h/checkpoint-4/model.safetensors.index.json",
               R"({"weight_map":{"a":"b.safetensors"}})");
  folder.write("h/final/model.safetensors", "");
  std::vector<std::string> messages;
  CHECK(find_checkpoints(folder / "h", messages) ==
        std::vector{folder / "h/checkpoint-1", folder / "h/final"});
  const std::string h = (folder / "h").string();
  CHECK(
      messages ==
      Names{
          h + "/checkpoint-2: is not complete: no trainer_state.json, which is written last. It "
              "will "
              "be scanned by the next run once it is complete",
          h + "/checkpoint-3: is not complete: a shard is missing. It will be scanned by the next "
              "run once it is complete",
          h + "/checkpoint-4: is not complete: no b.safetensors, which "
              "model.safetensors.index.json names. It will be scanned by the next run once it is "
              "complete"});
  folder.write("m/iter_0000100/.metadata", "");
  folder.write("m/iter_0000200/.metadata", "");
  folder.write("m/latest_checkpointed_iteration.txt", "100\n");
  messages.clear();
  CHECK(find_checkpoints(folder / "m", messages) == std::vector{folder / "m/iter_0000100"});
  CHECK(messages.size() == 1);
}

TEST_CASE("a step in a format that is not read is named beside those that are read",
          "[checkpoint][find]") {
  const TempFolder folder;
  folder.write("run/step-2/model.safetensors", "");
  folder.write("run/step-1/model-rank-0-part-0.safetensors", "");
  folder.write("run/step-1/model-rank-1-part-0.safetensors", "");
  folder.write("run/export/model.tflite", "");
  std::vector<std::string> messages;
  CHECK(find_checkpoints(folder / "run", messages) == std::vector{folder / "run/step-2"});
  CHECK(messages == Names{(folder / "run/step-1").string() +
                          ": not read, as its weights are in a format that is not supported. Name "
                          "it to see which"});
}

TEST_CASE("a checkpoint of NeMo AutoModel has its weights in a folder of its own",
          "[checkpoint][find]") {
  const TempFolder folder;
  const std::string weights = test::safetensors_bytes({test::small_tensor("w")}, "");
  const auto write_states = [&](const std::string& name) {
    folder.write(name + "/optim/.metadata", "");
    folder.write(name + "/step_scheduler.pt", "x");
    folder.write(name + "/rng/rng_dp_rank_0.pt", "x");
  };
  write_states("run/epoch_0_step_19");
  folder.write("run/epoch_0_step_19/model/model-00001-of-00001.safetensors", weights);
  write_states("run/epoch_0_step_9");
  folder.write("run/epoch_0_step_9/model/shard-00001-model-00001-of-00001.safetensors", weights);
  folder.write("run/epoch_0_step_9/model/consolidated/model.safetensors", weights);
  folder.write("run/epoch_0_step_9/model/consolidated/config.json", R"({"model_type": "qwen3"})");
  std::filesystem::create_directory_symlink("epoch_0_step_19", folder / "run/LATEST");
  CHECK(found_names(folder / "run") == Names{"epoch_0_step_9", "epoch_0_step_19"});

  const auto nine = folder / "run/epoch_0_step_9";
  CHECK(find_checkpoints(nine) == std::vector{nine});
  const Catalogue consolidated = open_checkpoint(nine);
  CHECK(consolidated.root == nine / "model/consolidated");
  CHECK(consolidated.config.model_type == "qwen3");
  CHECK(consolidated.training.step == 9);
  const Catalogue shards = open_checkpoint(folder / "run/epoch_0_step_19");
  CHECK(shards.root == folder / "run/epoch_0_step_19/model");
  CHECK(shards.training.step == 19);

  write_states("run/epoch_0_step_29");
  folder.write("run/epoch_0_step_29/.incomplete", "");
  folder.write("run/epoch_0_step_29/model/model-00001-of-00001.safetensors", weights);
  write_states("run/epoch_0_step_39");
  folder.write("run/epoch_0_step_39/model/__0_0.distcp", "");
  std::vector<std::string> messages;
  CHECK(find_checkpoints(folder / "run", messages).size() == 2);
  const std::string run = (folder / "run").string();
  const std::string later = ". It will be scanned by the next run once it is complete";
  CHECK(messages ==
        Names{run +
                  "/epoch_0_step_29: is not complete: it has the file .incomplete, which NeMo "
                  "AutoModel removes last" +
                  later,
              run +
                  "/epoch_0_step_39: is not complete: no .metadata, which "
                  "torch.distributed.checkpoint writes last" +
                  later});
  CHECK(error_of([&] { static_cast<void>(open_checkpoint(folder / "run/epoch_0_step_29")); }) ==
        run +
            "/epoch_0_step_29: is not complete: it has the file .incomplete, which NeMo "
            "AutoModel removes last");
}

TEST_CASE("folders called model and optim are of one checkpoint only if both are there",
          "[checkpoint][find]") {
  const TempFolder folder;
  folder.write("both/model/model.safetensors", "");
  folder.write("both/optimizer/.metadata", "");
  CHECK(find_checkpoints(folder / "both") == std::vector{folder / "both"});
  folder.write("models/model/model.safetensors", "");
  folder.write("models/optimized/model.safetensors", "");
  CHECK(found_names(folder / "models") == Names{"model", "optimized"});
  // Weights in the folder itself are the checkpoint.
  folder.write("own/model.safetensors", "");
  folder.write("own/model/model.safetensors", "");
  folder.write("own/optim/.metadata", "");
  CHECK(find_checkpoints(folder / "own") == std::vector{folder / "own"});
  CHECK(looks_like_checkpoint(folder / "own"));
  folder.write("epoch_1_step_5/model.pt", "");
  CHECK(find_checkpoints(folder / "epoch_1_step_5") == std::vector{folder / "epoch_1_step_5"});
  // A run whose last weights are in `model`.
  folder.write("run/model/model.safetensors", "");
  folder.write("run/optim/.metadata", "");
  folder.write("run/checkpoint-10/model.safetensors", "");
  folder.write("run/checkpoint-20/model.safetensors", "");
  CHECK(found_names(folder / "run") == Names{"checkpoint-10", "checkpoint-20", "model"});
  // A model that is called so is named.
  folder.write("named/adam/model.safetensors", "");
  folder.write("named/optim/model.safetensors", "");
  CHECK(history_at(folder / "named").unread ==
        std::vector<std::string>{(folder / "named/optim").string() +
                                 ": not read, as its name is that of an optimizer's states. Name "
                                 "it to scan it"});
  // States alone are no checkpoint.
  folder.write("states/optim/.metadata", "");
  CHECK(refusal(folder, "states") ==
        "F/states: expected files of weights in this folder or in its folders, found none");
}

TEST_CASE("a pipeline of diffusers is no history", "[checkpoint][find]") {
  const TempFolder folder;
  folder.write("one/model_index.json", "{}");
  folder.write("one/unet/diffusion_pytorch_model.safetensors", "");
  CHECK(find_checkpoints(folder / "one") == std::vector{folder / "one/unet"});
  folder.write("p/model_index.json", "{}");
  for (const char* part : {"text_encoder/model", "transformer/diffusion_pytorch_model",
                           "vae/diffusion_pytorch_model"}) {
    folder.write("p/" + std::string(part) + ".safetensors", "");
  }
  folder.write("p/scheduler/scheduler_config.json", "{}");
  CHECK(refusal(folder, "p") ==
        "F/p: is a pipeline of diffusers, expected one model. Name its parts, which are models: "
        "text_encoder, transformer, vae");
  CHECK(find_checkpoints(folder / "p/vae") == std::vector{folder / "p/vae"});
  // A training that saves its pipeline at the end.
  folder.write("p/checkpoint-20/pytorch_lora_weights.safetensors", "");
  folder.write("p/checkpoint-10/pytorch_lora_weights.safetensors", "");
  std::vector<std::string> messages;
  CHECK(find_checkpoints(folder / "p", messages) ==
        std::vector{folder / "p/checkpoint-10", folder / "p/checkpoint-20"});
  REQUIRE(messages.size() == 3);
  CHECK(messages[0] ==
        (folder / "p/text_encoder").string() +
            ": not read, as it is a part of a pipeline of diffusers. Name it to scan it");
  // One file with all of it, beside its parts.
  folder.write("p/flux.safetensors", "");
  CHECK(find_checkpoints(folder / "p") == std::vector{folder / "p"});
}

TEST_CASE("revisions of the hub's cache are a history", "[checkpoint][find]") {
  const TempFolder folder;
  const std::string one(40, 'a');
  const std::string two(40, 'b');
  const std::string model = "models--org--name/";
  folder.write(model + "refs/main", two);
  folder.write(model + "refs/step2000", two);
  folder.write(model + "refs/step1000", one + "\n");
  folder.write(model + "refs/bad", "../../../etc");
  folder.write(model + "snapshots/" + one + "/model.safetensors", "");
  folder.write(model + "snapshots/" + two + "/pytorch_model.bin", "");
  folder.write(model + "snapshots/" + std::string(40, 'c') + "/model.safetensors", "");
  CHECK(found_names(folder / "models--org--name") == Names{one, two});
  CHECK(checkpoint_name(folder / (model + "snapshots/" + two)) == "step2000");
  CHECK(checkpoint_name(folder / "x/y/") == "y");
}
