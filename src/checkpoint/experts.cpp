#include "wishart/checkpoint/experts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

#include "usual_names.hpp"

// Source: huggingface/transformers, conversion_mapping.py and integrations/moe.py (names, gate
// first; also `_MODEL_TO_CONVERSION_PATTERN`); models/gpt_oss and models/llama4 (transposed;
// gpt-oss: gate and up alternate). Kimi-K2 and K2.5 are DeepSeek-V3's architecture under names of
// their own (moonshotai's deployment guide). 009e78d and 003c40c: models/qwen4_exp, gemma4,
// glm5_next, nemotron_h, minimax_m3_vl. MLX: ml-explore/mlx-lm d78bf58, `sanitize` of each family
// (models/qwen3_moe.py, mixtral.py, minimax.py, gpt_oss.py, gemma4_text.py, nemotron_h.py...), and
// Blaizzy/mlx-vlm 9b13f52.

namespace wishart::checkpoint {
namespace {

/// What a stack holds of each expert.
enum class Part : std::uint8_t { gate_up, gate, up, down };

struct PartName {
  std::string_view word;
  Part part;
  bool without_gate = false;  ///< of experts that have no gate: mlx-lm's SwitchMLP
};
constexpr std::array kParts{
    PartName{"gate_up_proj", Part::gate_up}, PartName{"gate_proj", Part::gate},
    PartName{"up_proj", Part::up},           PartName{"down_proj", Part::down},
    PartName{"fc1", Part::up, true},         PartName{"fc2", Part::down, true}};

/// Modules that hold the stacks of a layer.
struct Module {
  std::string_view words;
  bool of_mlx = false;
  bool second = false;  ///< of two, whose experts have one list of numbers
};
// MLX's are named in mlx-lm (d78bf58) and mlx-vlm (9b13f52, ernie4_5_moe_vl/language.py).
constexpr std::array kModules{Module{"experts.switch_glu", true}, Module{"switch_mlp", true},
                              Module{"switch_mlp_1", true, true}, Module{"experts"}};
constexpr std::string_view kExperts = "experts.";
constexpr std::string_view kWeight = ".weight";

/// How the name of a stack ends.
struct Leaf {
  std::size_t length = 0;  ///< of the words of the module and the part
  Part part = Part::gate_up;
  bool of_mlx = false;
  bool second = false;
  bool without_gate = false;
  bool is_linear = false;  ///< the name ends in `.weight`
};

/// Families whose weights in memory are [in, out].
bool is_transposed_family(std::string_view type) {
  return is_one_of(type, {"gpt_oss", "llama4", "llama4_text"});
}

/// Families that keep the halves of `gate_up_proj` as gate, then up, or whose experts have no gate.
bool has_gate_first(std::string_view type) {
  return is_one_of(type, {"minimax_m2",     "glm4_moe_lite",    "glm4v_moe",
                          "glm_moe_dsa",    "exaone_moe",       "longcat_flash",
                          "solar_open",     "qwen3_omni_moe",   "qwen3_omni_moe_thinker",
                          "flex_olmo",      "hunyuan_v1_moe",   "ernie4_5_vl_moe",
                          "mixtral",        "qwen2_moe",        "qwen3_moe",
                          "qwen3_next",     "qwen3_vl_moe",     "qwen3_vl_moe_text",
                          "qwen3_5_moe",    "qwen3_5_moe_text", "deepseek_v2",
                          "deepseek_v3",    "kimi_k2",          "kimi_k25",
                          "glm4_moe",       "ernie4_5_moe",     "dots1",
                          "olmoe",          "minimax",          "phimoe",
                          "jamba",          "lfm2_moe",         "llama4",
                          "llama4_text",    "qwen4_exp",        "qwen4_exp_text",
                          "gemma4",         "gemma4_text",      "glm5_next",
                          "glm5_next_text", "nemotron_h",       "minimax_m3_vl"});
}

bool is_known(std::string_view type) { return type == "gpt_oss" || has_gate_first(type); }

/// The stack's name without `.weight`.
std::string_view stem_of(const Tensor& stack) {
  std::string_view name = stack.name;
  if (name.ends_with(kWeight)) name.remove_suffix(kWeight.size());
  return name;
}

/// Nothing: it is the name of no stack.
std::optional<Leaf> leaf_at(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view before = name.substr(0, dot);
  const auto* part = std::find_if(kParts.begin(), kParts.end(), [&](const PartName& one) {
    return name.substr(dot + 1) == one.word;
  });
  const auto* module = std::find_if(kModules.begin(), kModules.end(), [&](const Module& one) {
    const bool ends = before.ends_with(one.words);
    return ends && (before.size() == one.words.size() ||
                    before[before.size() - one.words.size() - 1] == '.');
  });
  if (part == kParts.end() || module == kModules.end()) return std::nullopt;
  if (part->without_gate && !module->of_mlx) return std::nullopt;
  Leaf leaf;
  leaf.length = module->words.size() + 1 + part->word.size();
  leaf.part = part->part;
  leaf.of_mlx = module->of_mlx;
  leaf.second = module->second;
  leaf.without_gate = part->without_gate;
  return leaf;
}

std::optional<Leaf> leaf_of(const Tensor& stack) {
  if (stack.shape.size() != 3 || stack.num_elements == 0) return std::nullopt;
  std::optional<Leaf> leaf = leaf_at(stem_of(stack));
  if (leaf) leaf->is_linear = stack.name.ends_with(kWeight);
  return leaf;
}

/// What the experts' own tensors are called: gate, up, down.
struct Names {
  std::string prefix;      ///< up to the number of the expert
  std::int64_t first = 0;  ///< the number of the first expert of the stack; -1: it has none
  std::array<std::string_view, 3> parts{"gate_proj", "up_proj", "down_proj"};
};

Names names_of(std::string_view stack, const Leaf& leaf, const ModelConfig& config,
               std::int64_t num_experts) {
  const std::string_view type = config.model_type;
  Names names;
  names.prefix = stack.substr(0, stack.size() - leaf.length);
  constexpr std::array<std::string_view, 3> kNumbered{"w1", "w3", "w2"};
  if (has_block_sparse_moe(type)) {
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
  if (leaf.second) names.first = num_experts;
  names.prefix += kExperts;
  return names;
}

/// Of the shared expert of the same layer.
Names shared_names(const Names& routed) {
  Names names;
  names.prefix =
      routed.prefix.substr(0, routed.prefix.size() - kExperts.size()) + "shared_experts.";
  names.first = -1;
  return names;
}

/// True if a matrix of the stack is [in, out]; nothing if that is not known.
std::optional<bool> is_in_out(const Tensor& stack, const Leaf& leaf, const ModelConfig& config) {
  if (leaf.of_mlx) return false;  // SwitchLinear (mlx-lm d78bf58, models/switch_layers.py)
  const bool down = leaf.part == Part::down;
  const std::int64_t rows = stack.shape[1];
  const std::int64_t cols = stack.shape[2];
  const std::int64_t width = config.hidden_size.value_or(0);
  // [out, in]: gate and up have the model's width as columns, down has it as rows.
  const bool out_in = width > 0 && (down ? rows : cols) == width;
  const bool in_out = width > 0 && (down ? cols : rows) == width;
  // gpt-oss's blocks (mlx-lm d78bf58, models/gpt_oss.py; transformers 1e8f1473, integrations/
  // mxfp4.py) are [out, in], in what is made of it too.
  const bool blocks = stack.stored_as.starts_with("MXFP4");
  // So is mlx-lm's SwitchLinear, which gpt-oss, Llama 4, AFMoE, dots1 and Klear have in a module
  // `experts`. A parameter of transformers has no `.weight`.
  const bool linear = leaf.is_linear && leaf.part != Part::gate_up;
  if (out_in != in_out && is_known(config.model_type)) return in_out;
  if (linear && (out_in || !in_out)) return false;
  if (!is_known(config.model_type)) {
    // Only what transformers makes of every class that does not say otherwise
    // (`use_experts_implementation`: concatenated, not transposed). In the blocks of MXFP4 of
    // families of gpt-oss gate and up alternate.
    if (blocks) return leaf.part == Part::gate_up ? std::nullopt : std::optional(false);
    return out_in && !in_out ? std::optional(false) : std::nullopt;
  }
  if (width > 0 && !out_in) return std::nullopt;
  // Both sides have this width, or it is not known.
  if (blocks) return false;
  if (is_transposed_family(config.model_type)) {
    return stack.encoding == Encoding::plain ? std::optional(true) : std::nullopt;
  }
  return has_gate_first(config.model_type) ? std::optional(false) : std::nullopt;
}

/// The same, if the stack can be taken apart.
std::optional<bool> usable_axes(const Tensor& stack, const Leaf& leaf, const ModelConfig& config) {
  // Phixtral's experts are called otherwise.
  if (leaf.without_gate && !config.model_type.starts_with("nemotron")) return std::nullopt;
  const std::optional<bool> in_out = is_in_out(stack, leaf, config);
  if (!in_out) return std::nullopt;
  const std::int64_t outputs = *in_out ? stack.shape[2] : stack.shape[1];
  // Columns of one or two elements cannot be told from rows by their strides.
  if ((leaf.part == Part::gate_up && outputs % 2 != 0) || (*in_out && stack.shape[2] <= 2)) {
    return std::nullopt;
  }
  return in_out;
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

/// Where the experts of a tensor are.
struct Layout {
  std::string_view name;  ///< of the stack: `a.experts.gate_up_proj`
  Leaf leaf;
  std::int64_t count = 1;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  bool in_out = false;
  std::int64_t first = 0;  ///< the number of the first expert
};

/// unsloth's gpt-oss has the matrices of a stack one by one, as [out, in], in the order of its rows
/// (unsloth_zoo ce232d6, temporary_patches/gpt_oss.py): `experts.gate_up_projs.3`.
std::optional<Layout> layout_of_one(const Tensor& tensor, const ModelConfig& config) {
  if (config.model_type != "gpt_oss" || tensor.shape.size() != 2) return std::nullopt;
  const std::string_view stem = stem_of(tensor);
  const std::size_t dot = stem.rfind('.');
  if (dot == std::string_view::npos || !stem.substr(0, dot).ends_with('s')) return std::nullopt;
  Layout layout;
  layout.name = stem.substr(0, dot - 1);
  const char* last = stem.data() + stem.size();
  const auto [end, status] = std::from_chars(stem.data() + dot + 1, last, layout.first);
  if (status != std::errc{} || end != last || layout.first < 0) return std::nullopt;
  const std::optional<Leaf> leaf = leaf_at(layout.name);
  if (!leaf || (leaf->part == Part::gate_up && tensor.shape[0] % 2 != 0)) return std::nullopt;
  layout.leaf = *leaf;
  layout.rows = tensor.shape[0];
  layout.cols = tensor.shape[1];
  return layout;
}

std::optional<Layout> layout_of(const Tensor& tensor, const ModelConfig& config) {
  const std::optional<Leaf> leaf = leaf_of(tensor);
  if (!leaf) return layout_of_one(tensor, config);
  const std::optional<bool> in_out = usable_axes(tensor, *leaf, config);
  if (!in_out) return std::nullopt;
  return Layout{stem_of(tensor), *leaf, tensor.shape[0], tensor.shape[1], tensor.shape[2], *in_out};
}

}  // namespace

StackReading reading_of(const Tensor& tensor, const ModelConfig& config) {
  const std::optional<Leaf> leaf = leaf_of(tensor);
  if (!leaf) return StackReading::no_stack;
  if (!usable_axes(tensor, *leaf, config)) return StackReading::not_known;
  // The names of MLX tell the axes, and where gate and up are; blocks tell the axes.
  const bool told = leaf->of_mlx || (leaf->part != Part::gate_up &&
                                     (leaf->is_linear || tensor.stored_as.starts_with("MXFP4")));
  return told || is_known(config.model_type) ? StackReading::known : StackReading::by_convention;
}

bool may_lie_otherwise(const Tensor& a, const ModelConfig& of_a, const Tensor& b,
                       const ModelConfig& of_b) {
  const std::optional<Leaf> leaf_a = leaf_of(a);
  const std::optional<Leaf> leaf_b = leaf_of(b);
  // The sizes of others tell.
  if (!leaf_a || !leaf_b || a.shape != b.shape || a.shape[1] != a.shape[2]) return false;
  const std::optional<bool> axes_a = is_in_out(a, *leaf_a, of_a);
  const std::optional<bool> axes_b = is_in_out(b, *leaf_b, of_b);
  if (axes_a && axes_b) return *axes_a != *axes_b;
  // A family stores all of its stacks alike that it stores in one way.
  const bool plain = a.encoding == Encoding::plain;
  return a.encoding != b.encoding || (!plain && a.stored_as != b.stored_as);
}

std::string experts_in(const Tensor& stack) {
  const std::optional<Leaf> leaf = leaf_of(stack);
  if (!leaf) return {};
  const std::string_view stem = stem_of(stack);
  return std::string(stem.substr(0, stem.size() - leaf->length)) + std::string(kExperts);
}

std::string_view experts_of(std::string_view name) {
  for (std::size_t at = name.find(kExperts); at != std::string_view::npos;
       at = name.find(kExperts, at + 1)) {
    const std::size_t end = at + kExperts.size();
    const bool word = at == 0 || name[at - 1] == '.';
    if (word && end < name.size() && is_digit(name[end])) {
      return name.substr(0, end);
    }
  }
  return {};
}

std::string doubt_on_experts(const std::vector<Tensor>& tensors, const ModelConfig& config) {
  const auto first = std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& tensor) {
    return reading_of(tensor, config) == StackReading::by_convention;
  });
  if (first == tensors.end()) return {};
  return (config.model_type.empty()
              ? "config.json has no model_type"
              : "model type '" + printable(config.model_type, 60) + "' is not known") +
         ", so '" + printable(first->name) +
         "' and the like are taken as transformers stacks experts by default: gate, then up";
}

std::string why_not_single(const Tensor& stack, const ModelConfig& config) {
  return "'" + printable(stack.name) + "' stacks experts in an order that is not known for " +
         (config.model_type.empty() ? "a config.json without model_type"
                                    : "model type '" + printable(config.model_type, 60) + "'");
}

std::vector<Tensor> single_experts(const Tensor& stack, const ModelConfig& config) {
  const std::optional<Layout> layout = layout_of(stack, config);
  if (!layout || stack.num_elements == 0) return {};
  const bool in_out = layout->in_out;
  const std::int64_t size = layout->rows * layout->cols;
  const std::int64_t outputs = in_out ? layout->cols : layout->rows;
  const std::int64_t inputs = in_out ? layout->rows : layout->cols;
  const std::int64_t out_stride = in_out ? 1 : layout->cols;
  const std::int64_t in_stride = in_out ? layout->cols : 1;
  const Part kind = layout->leaf.part;
  Names names = names_of(layout->name, layout->leaf, config, layout->count);
  // mlx-vlm makes MiniMax-M3's shared expert the last one (9b13f52, minimax_m3_vl.py).
  const bool last_is_shared = layout->leaf.of_mlx && config.model_type == "minimax_m3_vl" &&
                              config.num_experts && layout->count == *config.num_experts + 1;
  std::vector<Tensor> parts;
  for (std::int64_t e = 0; e < layout->count; ++e) {
    if (last_is_shared && e + 1 == layout->count) names = shared_names(names);
    const std::string prefix =
        names.first < 0 ? names.prefix
                        : names.prefix + std::to_string(names.first + layout->first + e) + ".";
    const auto add = [&](std::size_t part, std::int64_t rows, std::int64_t first,
                         std::int64_t stride) {
      parts.push_back(view_of(stack, prefix + std::string(names.parts[part]) + ".weight", rows,
                              inputs, e * size + first, stride, in_stride));
    };
    if (kind != Part::gate_up) {
      add(kind == Part::down ? 2 : kind == Part::up ? 1 : 0, outputs, 0, out_stride);
    } else if (config.model_type == "gpt_oss" && !layout->leaf.of_mlx) {
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
