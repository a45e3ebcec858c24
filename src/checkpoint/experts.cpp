#include "wishart/checkpoint/experts.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

// Source: huggingface/transformers, conversion_mapping.py and integrations/moe.py (names, gate
// first; also `_MODEL_TO_CONVERSION_PATTERN`); models/gpt_oss and models/llama4 (transposed;
// gpt-oss: gate and up alternate). Kimi-K2 and K2.5 are DeepSeek-V3's architecture under names of
// their own (moonshotai's deployment guide).

namespace wishart::checkpoint {
namespace {

constexpr std::string_view kGateUp = "experts.gate_up_proj";
constexpr std::string_view kDown = "experts.down_proj";

bool is_one_of(std::string_view word, const std::vector<std::string_view>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Families whose weights in memory are [in, out].
bool is_transposed_family(std::string_view type) {
  return is_one_of(type, {"gpt_oss", "llama4", "llama4_text"});
}

/// Families that keep the halves of `gate_up_proj` as gate, then up.
bool has_gate_first(std::string_view type) {
  return is_one_of(type, {"minimax_m2",  "glm4_moe_lite",    "glm4v_moe",
                          "glm_moe_dsa", "exaone_moe",       "longcat_flash",
                          "solar_open",  "qwen3_omni_moe",   "qwen3_omni_moe_thinker",
                          "flex_olmo",   "hunyuan_v1_moe",   "ernie4_5_vl_moe",
                          "mixtral",     "qwen2_moe",        "qwen3_moe",
                          "qwen3_next",  "qwen3_vl_moe",     "qwen3_vl_moe_text",
                          "qwen3_5_moe", "qwen3_5_moe_text", "deepseek_v2",
                          "deepseek_v3", "kimi_k2",          "kimi_k25",
                          "glm4_moe",    "ernie4_5_moe",     "dots1",
                          "olmoe",       "minimax",          "phimoe",
                          "jamba",       "lfm2_moe",         "llama4",
                          "llama4_text"});
}

/// What the experts' own tensors are called: gate, up, down.
struct Names {
  std::string prefix;      ///< up to the number of the expert
  std::int64_t first = 0;  ///< the number of the first expert of the stack
  std::array<std::string_view, 3> parts{"gate_proj", "up_proj", "down_proj"};
};

Names names_of(std::string_view stack, std::string_view leaf, std::string_view type,
               std::int64_t num_experts) {
  Names names;
  names.prefix = stack.substr(0, stack.size() - leaf.size());
  constexpr std::array<std::string_view, 3> kNumbered{"w1", "w3", "w2"};
  if (is_one_of(type, {"mixtral", "minimax", "minimax_m2", "phimoe"})) {
    names.parts = kNumbered;
    constexpr std::string_view kNew = "mlp.";
    if (names.prefix.ends_with(kNew)) {
      names.prefix.replace(names.prefix.size() - kNew.size(), kNew.size(), "block_sparse_moe.");
    }
  } else if (type == "lfm2_moe") {
    names.parts = kNumbered;
  } else if (type == "ernie4_5_vl_moe") {
    // One list, of which the first half is for text (ErnieFuseAndSplitTextVisionExperts).
    for (const std::string_view half : {"text_moe.", "vision_moe."}) {
      if (!names.prefix.ends_with(half)) continue;
      names.prefix.resize(names.prefix.size() - half.size());
      if (half.starts_with("vision")) names.first = num_experts;
      break;
    }
  }
  names.prefix += "experts.";
  return names;
}

/// True if a matrix of the stack is [in, out]; nothing if that is not known.
std::optional<bool> is_in_out(const Tensor& stack, bool down, const ModelConfig& config) {
  const std::int64_t rows = stack.shape[1];
  const std::int64_t cols = stack.shape[2];
  const std::int64_t width = config.hidden_size.value_or(0);
  // [out, in]: gate and up have the model's width as columns, down has it as rows.
  const bool out_in = width > 0 && (down ? rows : cols) == width;
  const bool in_out = width > 0 && (down ? cols : rows) == width;
  if (out_in != in_out) return in_out;
  if (width > 0 && !out_in) return std::nullopt;
  // Both sides have this width. Blocks of codes of gpt-oss are always stored [out, in].
  if (stack.encoding != Encoding::plain) return std::nullopt;
  if (is_transposed_family(config.model_type)) return true;
  return has_gate_first(config.model_type) ? std::optional(false) : std::nullopt;
}

/// Rows or columns of a stack as a matrix of its own.
Tensor view_of(const Tensor& stack, std::string name, std::int64_t rows, std::int64_t cols,
               std::int64_t first, std::int64_t row_stride, std::int64_t col_stride) {
  Tensor view;
  view.name = std::move(name);
  view.dtype = stack.dtype;
  view.shape = {rows, cols};
  view.num_elements = rows * cols;
  view.file = stack.file;
  view.offset_bytes = stack.offset_bytes;
  view.encoding = Encoding::view;
  view.numbers = {first, row_stride, col_stride};
  view.stored_as = storage_text(stack);
  view.parts = {stack};
  view.parts.front().name.clear();
  return view;
}

}  // namespace

std::vector<Tensor> single_experts(const Tensor& stack, const ModelConfig& config) {
  std::string_view name = stack.name;
  if (name.ends_with(".weight")) name.remove_suffix(7);
  const bool gate_up = name.ends_with(kGateUp);
  const bool down = name.ends_with(kDown);
  if ((!gate_up && !down) || stack.shape.size() != 3 || stack.num_elements == 0) return {};
  const std::string_view type = config.model_type;
  const bool alternate = type == "gpt_oss";
  if (!alternate && !has_gate_first(type)) return {};
  const std::optional<bool> in_out = is_in_out(stack, down, config);
  if (!in_out) return {};
  const std::int64_t width = stack.shape[2];
  const std::int64_t size = stack.shape[1] * width;
  const std::int64_t outputs = *in_out ? stack.shape[2] : stack.shape[1];
  const std::int64_t inputs = *in_out ? stack.shape[1] : stack.shape[2];
  const std::int64_t out_stride = *in_out ? 1 : width;
  const std::int64_t in_stride = *in_out ? width : 1;
  // Columns of one or two elements cannot be told from rows by their strides.
  if ((gate_up && outputs % 2 != 0) || (*in_out && width <= 2)) return {};
  const Names names = names_of(name, gate_up ? kGateUp : kDown, type, stack.shape[0]);
  std::vector<Tensor> parts;
  for (std::int64_t e = 0; e < stack.shape[0]; ++e) {
    const std::string prefix = names.prefix + std::to_string(names.first + e) + ".";
    const auto add = [&](std::size_t part, std::int64_t rows, std::int64_t first,
                         std::int64_t stride) {
      parts.push_back(view_of(stack, prefix + std::string(names.parts[part]) + ".weight", rows,
                              inputs, e * size + first, stride, in_stride));
    };
    if (down) {
      add(2, outputs, 0, out_stride);
    } else if (alternate) {
      add(0, outputs / 2, 0, 2 * out_stride);
      add(1, outputs / 2, out_stride, 2 * out_stride);
    } else {
      add(0, outputs / 2, 0, out_stride);
      add(1, outputs / 2, outputs / 2 * out_stride, out_stride);
    }
  }
  return parts;
}

}  // namespace wishart::checkpoint
