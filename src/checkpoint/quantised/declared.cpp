#include "quantised/declared.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <string_view>

#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

#include "bytes/paths.hpp"
#include "quantised/schemes.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string remedy(std::string_view method) {
  for (const Unread& one : unread_methods()) {
    if (one.method == method || one.method.empty()) return std::string(one.remedy);
  }
  return {};
}

void not_read(Declared& declared, const std::string& what, std::string_view method) {
  declared.method = 0;
  declared.problem = what + ", which is not read: " + remedy(method);
}

std::uint32_t method_named(const std::string& name) {
  struct Known {
    std::string_view name;
    std::uint32_t method;
  };
  constexpr std::array kKnown{Known{"fp8", method::kFp8},
                              Known{"fbgemm_fp8", method::kFp8},
                              Known{"mxfp8", method::kFp8},
                              Known{"gptq", method::kGptq},
                              Known{"awq", method::kAwq},
                              Known{"mxfp4", method::kMxfp4},
                              Known{"torchao", method::kTorchao},
                              Known{"bitnet", method::kBitnet},
                              Known{"hqq", method::kHqq},
                              Known{"mlx", method::kMlx},
                              Known{"nvfp4", method::kModelopt},
                              Known{"modelopt", method::kModelopt},
                              Known{"modelopt_fp4", method::kModelopt},
                              Known{"modelopt_fp8", method::kModelopt},
                              Known{"modelopt_mixed", method::kModelopt},
                              Known{"bitsandbytes", method::kBitsandbytes},
                              Known{"compressed-tensors", method::kCompressed}};
  for (const Known& one : kKnown) {
    if (one.name == name) return one.method;
  }
  return 0;
}

/// Configs of before `quant_method`, and those of programs that do not write it.
std::uint32_t method_by_keys(const JsonFacts& facts) {
  if (facts.text("quant_algo")) return method::kModelopt;
  if (facts.text("load_in_4bit") || facts.text("load_in_8bit")) return method::kBitsandbytes;
  if (facts.text("format")) return method::kCompressed;
  if (facts.integer("bits") && facts.integer("group_size") && facts.text("mode")) {
    return method::kMlx;
  }
  return 0;
}

/// Every format of compressed-tensors that is named must be read.
void check_compressed(Declared& declared) {
  for (const auto& [key, value] : declared.facts.all()) {
    const bool format =
        key == "format" || (key.starts_with("config_groups.") && key.ends_with(".format"));
    if (format && !is_one_of(value, {"dense", "int-quantized", "float-quantized", "naive-quantized",
                                     "pack-quantized", "mixed-precision", "nvfp4-pack-quantized",
                                     "mxfp4-pack-quantized", "mxfp8-quantized"})) {
      return not_read(declared, "format " + in_quotes(value, 60) + " of compressed-tensors", "");
    }
    if (key == "sparsity_config.format" && value != "dense") {
      return not_read(declared,
                      "sparsity format " + in_quotes(value, 60) + " of compressed-tensors", "");
    }
    const std::string stem = "transform_config.config_groups.";
    if (!key.starts_with(stem)) continue;
    const std::string name = key.substr(stem.size(), key.find('.', stem.size()) - stem.size());
    if (std::find(declared.rotations.begin(), declared.rotations.end(), name) ==
        declared.rotations.end()) {
      declared.rotations.push_back(name);
    }
  }
}

void check_modelopt(Declared& declared) {
  for (const auto& [key, value] : declared.facts.all()) {
    if (key != "quant_algo" && !key.ends_with(".quant_algo")) continue;
    // Also `fp8_pb_wo`, as model_config.py writes it (ModelOpt a2fbac7).
    if (!is_one_of(upper(value),
                   {"FP8", "FP8_PB_REAL", "FP8_PER_CHANNEL_PER_TOKEN", "FP8_PB_WO", "W4A16_AWQ",
                    "W8A16", "W8A8_SQ_PER_CHANNEL", "NVFP4", "W4A16_NVFP4", "NVFP4_AWQ",
                    "NVFP4_SVD", "W4A8_NVFP4_FP8", "MXFP8", "MIXED_PRECISION"})) {
      return not_read(declared, "quant_algo " + in_quotes(value, 60) + " of ModelOpt", "");
    }
  }
}

/// DeepSeek-V4 of ModelOpt (a2fbac7, examples/deepseek/deepseek_v4/quantize_to_nvfp4.py): the
/// method is that of the attention, and experts have another.
void check_experts(Declared& declared) {
  const std::optional<std::string> algorithm = declared.facts.text("moe_quant_algo");
  if (!algorithm) return;
  const std::string name = upper(*algorithm);
  if (!is_one_of(name, {"NVFP4", "MXFP4", "FP8"})) {
    return not_read(declared, "moe_quant_algo " + in_quotes(*algorithm, 60) + " of fp8", "");
  }
  if (name != "NVFP4") return;
  declared.of_experts = method::kModelopt;
  check_modelopt(declared);
}

void check_words(Declared& declared) {
  const JsonFacts& facts = declared.facts;
  if (declared.method == method::kGptq) {
    const std::string format =
        facts.text("checkpoint_format").value_or(facts.text("format").value_or("gptq"));
    if (!is_one_of(format, {"gptq", "gptq_v2", "gptq_p"})) {
      return not_read(declared, "format " + in_quotes(format, 60) + " of GPTQ", format);
    }
    if (const auto type = facts.text("pack_dtype"); type && *type != "int32") {
      return not_read(declared, "pack_dtype " + in_quotes(*type, 60) + " of GPTQ", "");
    }
  } else if (declared.method == method::kAwq) {
    const std::string version = lower(facts.text("version").value_or("gemm"));
    if (!is_one_of(version, {"gemm", "gemv"})) {
      not_read(declared, "version " + in_quotes(version, 60) + " of AWQ", "");
    }
  } else if (declared.method == method::kFp8) {
    const std::string sense = facts.text("weight_scale_semantics").value_or("inverse");
    if (sense != "inverse") {
      return not_read(declared, "weight_scale_semantics " + in_quotes(sense, 60) + " of fp8", "");
    }
    check_experts(declared);
  } else if (declared.method == method::kBitnet) {
    const std::string linear = facts.text("linear_class").value_or("bitlinear");
    if (!is_one_of(linear, {"bitlinear", "autobitlinear"})) {
      not_read(declared, "linear_class " + in_quotes(linear, 60) + " of BitNet", "");
    }
  }
}

constexpr const char* kConfig = "config.json";

Declared told_by(const std::string& file, std::uint32_t method, const std::string& name,
                 JsonFacts facts = {}) {
  Declared declared;
  declared.method = method;
  declared.name = name;
  declared.facts = std::move(facts);
  declared.file = file;
  return declared;
}

/// @param usual  the default of files that only one program writes
Declared from_file(const std::string& file, JsonFacts facts, std::uint32_t usual,
                   const std::string& name) {
  const auto told = facts.text("quant_method");
  const std::string method = lower(told.value_or(name));
  return told_by(file, told ? method_named(method) : usual, method, std::move(facts));
}

Declared found_in(Catalogue& catalogue, const HeaderEntries& entries) {
  // ComfyUI's: orders of codes and scales of its own, whatever a config beside the file says.
  for (const auto& [key, value] : entries) {
    if (key == "_quantization_metadata") return told_by("", 0, key + " of the header");
  }
  std::vector<std::string> told;  // a broken config.json has been reported already
  const JsonFacts config = read_json_facts(catalogue.root / kConfig, told);
  // MLX keeps the quant_method of the model that it converted: its own object counts.
  const JsonFacts mlx = config.below("quantization");
  if (mlx.integer("bits") || mlx.integer("group_size")) {
    return told_by(kConfig, method::kMlx, "mlx", mlx);
  }
  for (const char* key :
       {"quantization_config", "compression_config", "text_config.quantization_config"}) {
    JsonFacts facts = config.below(key);
    if (facts.empty()) continue;
    if (!facts.below("quantization").empty()) facts = facts.below("quantization");
    const std::uint32_t usual = method_by_keys(facts);
    return from_file(kConfig, std::move(facts), usual, "without a quant_method");
  }
  if (!mlx.empty()) return told_by(kConfig, 0, "without bits", mlx);
  std::vector<std::string>& warnings = catalogue.warnings;
  if (JsonFacts facts = read_json_facts(catalogue.root / "quantize_config.json", warnings);
      !facts.empty()) {
    return from_file("quantize_config.json", std::move(facts), method::kGptq, "gptq");
  }
  if (JsonFacts facts = read_json_facts(catalogue.root / "quant_config.json", warnings);
      !facts.empty()) {
    return from_file("quant_config.json", std::move(facts), method::kAwq, "awq");
  }
  if (JsonFacts facts = read_json_facts(catalogue.root / "hf_quant_config.json", warnings);
      !facts.empty()) {
    return from_file("hf_quant_config.json", facts.below("quantization"), method::kModelopt,
                     "modelopt");
  }
  for (const auto& [key, value] : entries) {
    if (value.find("\"_type\"") != std::string::npos &&
        value.find("\"_tensor_data_names\"") != std::string::npos) {
      return told_by("", method::kTorchao, "torchao");
    }
    if (key == "quantization_config") return told_by("", 0, key + " of the header");
  }
  for (const std::string& name : list_folder(catalogue.root)) {
    if (name.starts_with("quant_model_description")) return told_by(name, 0, "modelslim");
  }
  return told_by("", method::kNone, "");
}

void say(DeclaredWeights& weights, std::string_view key, const std::string& value) {
  std::int64_t number = 0;
  const bool whole =
      std::from_chars(value.data(), value.data() + value.size(), number).ec == std::errc{};
  if (key == "num_bits" && whole) weights.bits = number;
  if (key == "group_size" && whole) weights.group_size = number;
  if (key == "type") weights.floats = value == "float";
  if (key == "symmetric") weights.asymmetric = value == "false";
  if (key == "actorder") weights.indexed = value == "group";
  const bool groups = value == "group" || value == "tensor_group";
  if (key == "strategy" && !groups && !weights.group_size) weights.group_size = -1;
}

/// `config_groups` of compressed-tensors and ModelOpt; `group_size` of GPTQ and AWQ, and
/// GPTQModel's overrides by patterns (`dynamic`).
std::vector<DeclaredWeights> declared_weights(const JsonFacts& facts) {
  std::vector<DeclaredWeights> all;
  const auto add = [&](const DeclaredWeights& one) {
    if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
  };
  std::map<std::string, DeclaredWeights, std::less<>> groups;
  for (const auto& [key, value] : facts.all()) {
    constexpr std::string_view kWeights = ".weights.";
    const bool dynamic = key.starts_with("dynamic.") && key.ends_with(".group_size");
    if (key == "group_size" || key == "q_group_size" || dynamic) {
      DeclaredWeights one;
      say(one, "group_size", value);
      add(one);
    }
    const std::size_t at = key.find(kWeights);
    if (!key.starts_with("config_groups.") || at == std::string::npos) continue;
    say(groups[key.substr(0, at)], std::string_view(key).substr(at + kWeights.size()), value);
  }
  for (const auto& [name, one] : groups) add(one);
  return all;
}

/// Facts whose keys are not known beforehand.
void find_once(Declared& declared) {
  const JsonFacts& facts = declared.facts;
  for (const auto& [key, value] : facts.all()) {
    constexpr std::string_view kRows = "weights.block_structure.0";
    if (!declared.block && key.ends_with(kRows)) {
      const std::string stem = key.substr(0, key.size() - 1);
      declared.block = {facts.integer(key).value_or(0), facts.integer(stem + "1").value_or(0)};
    }
    if (key.starts_with("dynamic.") && key.ends_with(".bits")) declared.bits_by_pattern = true;
  }
}

}  // namespace

Declared declared_quantisation(Catalogue& catalogue, const HeaderEntries& entries) {
  Declared declared = found_in(catalogue, entries);
  if (declared.method == 0) {
    not_read(declared, "quantisation " + in_quotes(declared.name, 60), declared.name);
    return declared;
  }
  if (declared.method == method::kCompressed) check_compressed(declared);
  if (declared.method == method::kModelopt) check_modelopt(declared);
  check_words(declared);
  declared.weights = declared_weights(declared.facts);
  find_once(declared);
  return declared;
}

}  // namespace wishart::checkpoint
