/// @file
/// config.json, trainer_state.json and the step in a folder's name.

#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/record/recorded_loss.hpp"
#include "wishart/record/step_name.hpp"

#include "folder/side_files.hpp"
#include "support/temp_folder.hpp"
#include "text/json_facts.hpp"

using namespace wishart;
using namespace wishart::checkpoint;

namespace {

struct ConfigResult {
  ModelConfig config;
  std::vector<std::string> warnings;
};

ConfigResult config_of(const std::string& json) {
  const test::TempFolder folder;
  folder.write("config.json", json);
  ConfigResult result;
  result.config = read_model_config(folder.path(), result.warnings);
  for (std::string& text : result.warnings) {
    const std::string path = folder.path().string();
    if (text.starts_with(path)) text.replace(0, path.size(), "F");
  }
  return result;
}

struct TrainingResult {
  TrainingState training;
  std::vector<std::string> warnings;
};

TrainingResult training_of(const std::string& json, const std::string& name = "folder") {
  const test::TempFolder folder;
  folder.write("trainer_state.json", json);
  TrainingResult result;
  result.training = read_training_state(folder.path(), name, result.warnings);
  for (std::string& text : result.warnings) {
    const std::string path = folder.path().string();
    if (text.starts_with(path)) text.replace(0, path.size(), "F");
  }
  return result;
}

}  // namespace

TEST_CASE("config.json of a Llama", "[checkpoint][side_files]") {
  const auto [config, warnings] = config_of(R"({
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096,
    "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": null, "vocab_size": 128256,
    "tie_word_embeddings": false, "rope_scaling": {"factor": 8.0}, "quantization_config": null})");
  CHECK(warnings.empty());
  CHECK(config.model_type == "llama");
  CHECK(config.architectures == std::vector<std::string>{"LlamaForCausalLM"});
  CHECK(config.hidden_size == 4096);
  CHECK(config.intermediate_size == 14336);
  CHECK(config.num_hidden_layers == 32);
  CHECK(config.num_attention_heads == 32);
  CHECK(config.num_key_value_heads == 8);
  CHECK(config.vocab_size == 128256);
  CHECK(config.tie_word_embeddings == false);
  CHECK_FALSE(config.head_dim.has_value());
  CHECK_FALSE(config.moe_intermediate_size.has_value());
  CHECK_FALSE(config.num_experts.has_value());
  CHECK_FALSE(config.quantized);
}

TEST_CASE("fields have other names in other models", "[checkpoint][side_files]") {
  const ModelConfig gpt2 =
      config_of(
          R"({"n_embd":768,"n_layer":12,"n_head":12,"n_inner":null,"tie_word_embeddings":true})")
          .config;
  CHECK(gpt2.hidden_size == 768);
  CHECK(gpt2.num_hidden_layers == 12);
  CHECK(gpt2.num_attention_heads == 12);
  CHECK_FALSE(gpt2.intermediate_size.has_value());
  CHECK(gpt2.tie_word_embeddings == true);
  const ModelConfig other =
      config_of(R"({"d_model":512,"n_inner":2048,"n_layers":6,"n_heads":8})").config;
  CHECK(other.hidden_size == 512);
  CHECK(other.intermediate_size == 2048);
  CHECK(other.num_hidden_layers == 6);
  CHECK(other.num_attention_heads == 8);
  CHECK(config_of(R"({"num_local_experts":8})").config.num_experts == 8);
  CHECK(config_of(R"({"n_routed_experts":256,"moe_intermediate_size":2048})").config.num_experts ==
        256);
  CHECK(config_of(R"({"num_experts":128})").config.num_experts == 128);
  CHECK(config_of(R"({"moe_num_experts":288})").config.num_experts == 288);
  const ModelConfig dbrx = config_of(R"({"model_type":"dbrx","d_model":64,
    "attn_config":{"kv_n_heads":8,"model_type":"","d_model":9},
    "ffn_config":{"moe_num_experts":16,"ffn_hidden_size":32,"model_type":""}})")
                               .config;
  CHECK(dbrx.model_type == "dbrx");
  CHECK(dbrx.hidden_size == 64);
  CHECK(dbrx.num_key_value_heads == 8);
  CHECK(dbrx.num_experts == 16);
  CHECK(config_of(R"({"quantization_config":{"bits":4}})").config.quantized);
}

TEST_CASE("text_config of a multimodal model fills in what the top level lacks",
          "[checkpoint][side_files]") {
  const ModelConfig config = config_of(R"({
    "text_config": {"hidden_size": 100, "vocab_size": 7, "model_type": "inner", "head_dim": 64,
                    "text_config": {"num_experts": 3}, "tie_word_embeddings": true,
                    "architectures": ["Inner"]},
    "vision_config": {"intermediate_size": 9}, "model_type": "outer", "hidden_size": 200})")
                                 .config;
  CHECK(config.model_type == "outer");
  CHECK(config.architectures == std::vector<std::string>{"Inner"});
  CHECK(config.hidden_size == 200);
  CHECK(config.vocab_size == 7);
  CHECK(config.head_dim == 64);
  CHECK(config.tie_word_embeddings == true);
  CHECK_FALSE(config.intermediate_size.has_value());
  CHECK_FALSE(config.num_experts.has_value());
}

TEST_CASE("values that are not integers are ignored", "[checkpoint][side_files]") {
  const auto [config, warnings] = config_of(R"({"hidden_size":"big","vocab_size":1.5,
    "num_hidden_layers":[1,2],"head_dim":-1,"num_experts":99999999999999999999,"model_type":3,
    "architectures":[1,"A",null],"tie_word_embeddings":"yes","intermediate_size":NaN})");
  CHECK(warnings.empty());
  CHECK(config.architectures == std::vector<std::string>{"A"});
  CHECK(config.model_type.empty());
  for (const auto& value : {config.hidden_size, config.vocab_size, config.num_hidden_layers,
                            config.head_dim, config.num_experts, config.intermediate_size}) {
    CHECK_FALSE(value.has_value());
  }
  CHECK_FALSE(config.tie_word_embeddings.has_value());
}

TEST_CASE("bare NaN and Infinity in config.json are read", "[checkpoint][side_files]") {
  const auto [config, warnings] = config_of(
      R"({"time_step_limit":[0.0,Infinity],"a":-Infinity,"b":NaN,"c":"NaN, {","hidden_size":8})");
  CHECK(warnings.empty());
  CHECK(config.hidden_size == 8);
}

TEST_CASE("a broken config.json is a warning", "[checkpoint][side_files]") {
  const auto [config, warnings] = config_of(R"({"hidden_size": 8, )");
  CHECK_FALSE(config.hidden_size.has_value());
  CHECK(warnings == std::vector<std::string>{
                        "F/config.json: byte 19: expected a string, found the end. The file is "
                        "ignored"});
  CHECK(config_of("[]").warnings ==
        std::vector<std::string>{
            "F/config.json: byte 0: expected an object, found '['. The file is ignored"});
  const test::TempFolder folder;
  std::filesystem::create_directory(folder / "config.json");
  std::vector<std::string> other;
  static_cast<void>(read_model_config(folder.path(), other));
  CHECK(other ==
        std::vector<std::string>{(folder / "config.json").string() +
                                 ": expected a regular file, found something else. The file "
                                 "is ignored"});
}

TEST_CASE("a config.json above the size limit is not read", "[checkpoint][side_files]") {
  const test::TempFolder folder;
  const auto file = folder.write("config.json", "{}");
  std::filesystem::resize_file(file, static_cast<std::uintmax_t>(kMaxConfigBytes) + 1);
  std::vector<std::string> warnings;
  static_cast<void>(read_model_config(folder.path(), warnings));
  CHECK(warnings == std::vector<std::string>{
                        file.string() +
                        ": has 67108865 bytes, expected at most 67108864. The file is ignored"});
}

TEST_CASE("a config.json that a link no longer leads to is not taken for a missing one",
          "[checkpoint][side_files]") {
  const test::TempFolder folder;
  std::filesystem::create_symlink("nowhere.json", folder / "config.json");
  std::vector<std::string> warnings;
  CHECK_THROWS_WITH(read_model_config(folder.path(), warnings),
                    (folder / "config.json").string() +
                        ": is a link that leads nowhere. Restore the file that it led to, or "
                        "remove the link");
  CHECK(warnings.empty());
}

TEST_CASE("a missing config.json gives no warning", "[checkpoint][side_files]") {
  const test::TempFolder folder;
  std::vector<std::string> warnings;
  CHECK(read_model_config(folder.path(), warnings).model_type.empty());
  CHECK(warnings.empty());
}

TEST_CASE("trainer_state.json gives step, tokens and the last losses up to the step",
          "[checkpoint][side_files]") {
  const auto [training, warnings] = training_of(R"({
    "best_metric": null, "epoch": 0.5, "global_step": 200, "num_input_tokens_seen": 409600,
    "log_history": [
      {"step": 100, "loss": 3.5, "learning_rate": 1e-3, "grad_norm": NaN},
      {"step": 100, "eval_loss": 3.25, "eval_runtime": 1},
      {"step": 200, "loss": 2.5, "learning_rate": 5e-4},
      {"step": 300, "loss": 1.5, "eval_loss": 1.25, "learning_rate": 0},
      {"step": 200, "train_loss": 9, "total_flos": 1e18}]})");
  CHECK(warnings.empty());
  CHECK(training.step == 200);
  CHECK(training.tokens == 409600);
  CHECK(training.loss == 2.5);
  CHECK(training.eval_loss == 3.25);
  CHECK(training.learning_rate == 5e-4);
}

TEST_CASE("the order of the members of trainer_state.json does not matter",
          "[checkpoint][side_files]") {
  const TrainingState training =
      training_of(R"({"log_history":[{"loss":1,"step":5},{"step":6,"loss":2}],"global_step":5})")
          .training;
  CHECK(training.step == 5);
  CHECK(training.loss == 1);
}

TEST_CASE("a diverged loss is read as it was", "[checkpoint][side_files]") {
  const TrainingState training =
      training_of(
          R"({"global_step":2,"log_history":[{"step":1,"loss":3.0,"eval_loss":1},
          {"step":2,"loss":NaN,"eval_loss":Infinity}]})")
          .training;
  CHECK(std::isnan(training.loss));
  CHECK(training.eval_loss == HUGE_VAL);
  CHECK(is_recorded_nonfinite(training.loss));
  CHECK(is_recorded_nonfinite(training.eval_loss));
  // Neither a loss that is not there nor one that no number can hold was recorded as NaN.
  const TrainingState other =
      training_of(R"({"global_step":2,"log_history":[{"step":2,"eval_loss":1e-999}]})").training;
  CHECK_FALSE(is_recorded(other.loss));
  CHECK_FALSE(is_recorded(other.eval_loss));
}

TEST_CASE("held-out losses of named data are taken where there is no other",
          "[checkpoint][side_files][losses]") {
  const auto held_out = [](const std::string& records) {
    return training_of(R"({"global_step":9,"log_history":[)" + records + "]}").training.eval_loss;
  };
  CHECK(held_out(R"({"step":5,"eval_val_loss":2.5},{"step":9,"eval_val_loss":2.25})") == 2.25);
  // Of several data sets none, whatever their names; each set has a record of its own or not.
  CHECK_FALSE(is_recorded(held_out(R"({"step":9,"eval_b_loss":1.5},{"step":9,"eval_a_loss":2})")));
  CHECK_FALSE(is_recorded(held_out(R"({"step":9,"eval_b_loss":1.5,"eval_moe_aux_loss":2.5})")));
  CHECK(held_out(R"({"step":9,"eval_val_loss":2.5},{"step":9,"eval_loss":1})") == 1);
  // A part of a loss is no data set.
  CHECK(held_out(R"({"step":9,"eval_val_loss":2.5,"eval_val_nll_loss":1,"eval_val_aux_loss":0})") ==
        2.5);
  CHECK(is_recorded_nonfinite(held_out(R"({"step":9,"eval_a_loss":NaN})")));
  CHECK_FALSE(is_recorded(held_out(R"({"step":9,"eval_a_loss":null,"eval__loss":"x"})")));
  CHECK_FALSE(is_recorded(held_out(R"({"step":9,"eval_a_loss":1e-999})")));
  CHECK_FALSE(is_recorded(held_out(R"({"step":10,"eval_a_loss":1},{"step":9,"eval_runtime":3})")));
}

TEST_CASE("of several held-out data sets a warning tells that none is taken",
          "[checkpoint][side_files][losses]") {
  const auto read = [](const std::string& record) {
    return training_of(R"({"global_step":9,"log_history":[{"step":9,)" + record + "}]}");
  };
  const auto two = read(R"("eval_web_loss":2,"eval_code\u001b_loss":1)");
  REQUIRE(two.warnings.size() == 1);
  CHECK_THAT(two.warnings[0], Catch::Matchers::EndsWith(
                                  "trainer_state.json: held-out losses of 2 data sets "
                                  "(eval_code\\x1b_loss, eval_web_loss) and no eval_loss. None of "
                                  "them is taken: one alone would be, and so would eval_loss"));
  const auto three = read(R"("eval_a_loss":2,"eval_b_loss":1,"eval_c_loss":3)");
  REQUIRE(three.warnings.size() == 1);
  CHECK_THAT(three.warnings[0], Catch::Matchers::Contains("(eval_a_loss, eval_b_loss, ...)"));
  CHECK(read(R"("eval_a_loss":2,"eval_b_loss":1,"eval_loss":3)").warnings.empty());
}

TEST_CASE("losses beside rewards are none of a likelihood, unless the rewards are of pairs",
          "[checkpoint][side_files][losses]") {
  const auto loss = [](const std::string& record) {
    return training_of(R"({"global_step":9,"log_history":[)" + record + "]}").training;
  };
  for (const char* reward : {"reward", "eval_reward", "objective/kl"}) {
    CAPTURE(reward);
    const TrainingState policy =
        loss(R"({"step":9,"loss":0.2,"eval_loss":0.3,"learning_rate":1,")" + std::string(reward) +
             R"(":0.5})");
    CHECK_FALSE(is_recorded(policy.loss));
    CHECK_FALSE(is_recorded(policy.eval_loss));
    CHECK(policy.learning_rate == 1);
  }
  CHECK(is_recorded_nonfinite(loss(R"({"step":9,"loss":NaN,"reward":0.5})").loss));
  CHECK(loss(R"({"step":9,"loss":0.2,"kl":0.1})").loss == 0.2);  // of a distillation
  CHECK(loss(R"({"step":9,"loss":0.2,"rewards/accuracies":0.5,"reward":1})").loss == 0.2);
  CHECK(loss(R"({"step":9,"loss":0.2,"eval_val_rewards/chosen":0.5,"reward":1})").loss == 0.2);
}

TEST_CASE("tokens that were not counted are not zero tokens", "[checkpoint][side_files]") {
  CHECK(training_of(R"({"global_step":5,"num_input_tokens_seen":0})").training.tokens == -1);
  CHECK(training_of(R"({"global_step":0,"num_input_tokens_seen":0})").training.tokens == 0);
  CHECK(training_of(R"({"global_step":5,"num_input_tokens_seen":0})", "step5-tokens2K")
            .training.tokens == 2000);
}

TEST_CASE("the folder's name is used without trainer_state.json", "[checkpoint][side_files]") {
  const test::TempFolder folder;
  std::vector<std::string> warnings;
  TrainingState training =
      read_training_state(folder.path(), "stage1-step928646-tokens3896B", warnings);
  CHECK(warnings.empty());
  CHECK(training.step == 928646);
  CHECK(training.tokens == 3'896'000'000'000);
  CHECK(std::isnan(training.loss));
  CHECK(std::isnan(training.eval_loss));
  CHECK(std::isnan(training.learning_rate));
  const auto [broken, told] = training_of("{\"global_step\":7", "checkpoint-600");
  CHECK(broken.step == 600);
  CHECK(told ==
        std::vector<std::string>{
            "F/trainer_state.json: byte 16: expected ',' or '}', found the end. The file is "
            "ignored"});
  CHECK(training_of(R"({"log_history":[{"step":600,"loss":1},{"step":700,"loss":2}]})",
                    "checkpoint-600")
            .training.loss == 1);
}

TEST_CASE("steps in names", "[checkpoint][side_files]") {
  const std::vector<std::pair<std::string, std::int64_t>> cases{
      {"checkpoint-600", 600},
      {"checkpoint-0", 0},
      {"step-100", 100},
      {"step1000", 1000},
      {"step_7", 7},
      {"iter_0000100", 100},
      {"global_step1000", 1000},
      {"stage1-step928646-tokens3896B", 928646},
      {"stage2-ingredient1-step11931-tokens50B", 11931},
      {"step5000-unsharded", 5000},
      {"epoch=1-step=250.ckpt", 250},
      {"step1000.safetensors", 1000},
      {"ep0-ba4000-rank0.pt", 4000},
      {"batch12", 12},
      {"run_global_step20", 20},
      {"checkpoint_step-500", 500},
      {"step00000000000000000000000000000042", 42},
      {"", -1},
      {"final", -1},
      {"step", -1},
      {"step-", -1},
      {"step--5", -1},
      {"mystep100", -1},
      {"Step100", -1},
      {"step100k", -1},
      {"step-3.5-flash", -1},
      {"step99999999999999999999", -1},
      {"iteration-5", -1},
      {"llama-7b", -1},
  };
  for (const auto& [name, step] : cases) {
    CAPTURE(name);
    CHECK(parse_step_name(name).step == step);
  }
}

TEST_CASE("stages and tokens in names", "[checkpoint][side_files]") {
  CHECK(parse_step_name("stage2-ingredient1-step11931-tokens50B").stage == 2);
  CHECK(parse_step_name("step1").stage == -1);
  CHECK(parse_step_name("step5-tokens2K").tokens == 2000);
  CHECK(parse_step_name("step5-tokens1.5M").tokens == 1'500'000);
  CHECK(parse_step_name("tokens2T").tokens == 2'000'000'000'000);
  CHECK(parse_step_name("tokens50").tokens == -1);
  CHECK(parse_step_name("tokens1e5B").tokens == -1);
  CHECK(parse_step_name("tokensB").tokens == -1);
  CHECK(parse_step_name("tokens99999999999T").tokens == -1);
}
