#include "fused.hpp"

#include <array>
#include <optional>

#include "wishart/core/words.hpp"

namespace wishart::model {
namespace {

using Parts = std::vector<FusedPart>;

/// The order of the rows of a query-key-value tensor.
enum class QkvLayout : std::uint8_t {
  contiguous,  ///< all of q, all of k, all of v
  by_group,    ///< for each key-value head its queries, then its key, then its value
  columns,     ///< contiguous along columns: GPT-2's weights are [in, out]
  four_parts,  ///< CodeGen: four parts, each with q, v, k
};

/// The sizes of the attention, from the config.
struct Heads {
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  std::int64_t width = 0;
};

/// The last component that names the tensor: `qkv_proj` of
/// `model.layers.0.self_attn.qkv_proj.weight`.
std::string_view leaf_of(std::string_view name) {
  for (const std::string_view kind : {std::string_view(".weight"), std::string_view(".kernel")}) {
    if (name.ends_with(kind)) name.remove_suffix(kind.size());
  }
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

std::optional<Heads> heads_of(const ModelConfig& config) {
  Heads heads;
  heads.queries = config.num_attention_heads.value_or(0);
  if (heads.queries < 1) return std::nullopt;
  heads.keys = config.num_key_value_heads.value_or(heads.queries);
  const std::int64_t hidden = config.hidden_size.value_or(0);
  heads.width = config.head_dim.value_or(hidden % heads.queries == 0 ? hidden / heads.queries : 0);
  constexpr std::int64_t kMost = std::int64_t{1}
                                 << 20;  // keeps the products below from overflowing
  const bool sane = heads.keys >= 1 && heads.width >= 1 && heads.queries <= kMost &&
                    heads.keys <= heads.queries && heads.width <= kMost;
  if (!sane) return std::nullopt;
  return heads;
}

/// The sources of these layouts are in docs/roles.md, "Fused tensors".
std::optional<QkvLayout> layout_of(const ModelConfig& config, Heads& heads) {
  const std::string_view type = config.model_type;
  if (is_one_of(type, {"phi3", "gpt_oss", "chatglm", "olmo", "hf_olmo", "dbrx", "mpt", "qwen",
                       "baichuan", "vit", "qwen2_vl", "qwen2_5_vl"})) {
    return QkvLayout::contiguous;
  }
  if (type == "gpt2") return QkvLayout::columns;
  if (type == "codegen") return QkvLayout::four_parts;
  if (type == "gpt_neox" || type == "bloom") {
    heads.keys = heads.queries;
    return QkvLayout::by_group;
  }
  if (type == "internlm2" || type == "megatron") return QkvLayout::by_group;
  if (type == "gpt_bigcode" && config.multi_query.value_or(true)) {
    heads.keys = 1;
    return QkvLayout::contiguous;
  }
  if (type == "falcon") {
    if (config.new_decoder_architecture.value_or(false)) return QkvLayout::by_group;
    const bool one_key = config.multi_query.value_or(true);
    heads.keys = one_key ? 1 : heads.queries;
    return one_key ? QkvLayout::contiguous : QkvLayout::by_group;
  }
  return std::nullopt;
}

FusedPart part(std::string_view name, std::string_view role, std::int64_t first,
               std::int64_t count) {
  return {name, role, false, first, count, count, count};
}

Parts three(std::int64_t queries, std::int64_t keys) {
  return {part("q", "attention.q", 0, queries), part("k", "attention.k", queries, keys),
          part("v", "attention.v", queries + keys, keys)};
}

Parts by_group(const Heads& heads) {
  const std::int64_t share = heads.queries / heads.keys;
  const std::int64_t width = heads.width;
  const std::int64_t stride = (share + 2) * width;
  const std::int64_t keys = heads.keys * width;
  return {{"q", "attention.q", false, 0, heads.queries * width, share * width, stride},
          {"k", "attention.k", false, share * width, keys, width, stride},
          {"v", "attention.v", false, (share + 1) * width, keys, width, stride}};
}

Parts four_parts(std::int64_t cols) {
  const std::int64_t run = cols / 4;
  return {{"q", "attention.q", false, 0, cols, run, 3 * run},
          {"k", "attention.k", false, 2 * run, cols, run, 3 * run},
          {"v", "attention.v", false, run, cols, run, 3 * run}};
}

Parts qkv_parts(std::string_view leaf, std::int64_t rows, std::int64_t cols,
                const ModelConfig& config) {
  // torch.nn.MultiheadAttention has a single layout, which vision towers of other models share.
  const bool equal_thirds = rows == 3 * cols;
  if (leaf == "in_proj_weight") return equal_thirds ? three(cols, cols) : Parts{};
  std::optional<Heads> heads = heads_of(config);
  if (!heads) return {};
  const std::optional<QkvLayout> layout = layout_of(config, *heads);
  if (!layout) return {};
  const std::int64_t queries = heads->queries * heads->width;
  const std::int64_t keys = heads->keys * heads->width;
  if (*layout == QkvLayout::columns) {
    if (cols != 3 * rows || cols != queries + 2 * keys) return {};
    Parts parts = three(rows, rows);
    for (FusedPart& one : parts) one.columns = true;
    return parts;
  }
  const bool vision = is_one_of(config.model_type, {"qwen2_vl", "qwen2_5_vl"});
  if (vision) return leaf == "qkv" && equal_thirds ? three(cols, cols) : Parts{};
  if (rows != queries + 2 * keys) return {};
  switch (*layout) {
    case QkvLayout::contiguous:
      return three(queries, keys);
    case QkvLayout::by_group:
      return heads->queries % heads->keys == 0 ? by_group(*heads) : Parts{};
    case QkvLayout::four_parts:
      return equal_thirds && cols % 4 == 0 ? four_parts(cols) : Parts{};
    case QkvLayout::columns:
      break;
  }
  return {};
}

/// Two consecutive halves of an axis.
Parts halves(std::int64_t half, bool columns, bool up_first = false) {
  Parts parts{part("gate", "mlp.gate", up_first ? half : 0, half),
              part("up", "mlp.up", up_first ? 0 : half, half)};
  for (FusedPart& one : parts) one.columns = columns;
  return parts;
}

Parts gate_up_parts(std::string_view leaf, std::int64_t rows, const ModelConfig& config) {
  const std::string_view type = config.model_type;
  const std::int64_t width = config.intermediate_size.value_or(0);
  if (width < 1 || width > rows) return {};
  // The config of OLMo 1 gives the width of both together.
  if (leaf == "ff_proj" && is_one_of(type, {"olmo", "hf_olmo"})) {
    return rows == width && rows % 2 == 0 ? halves(rows / 2, false, true) : Parts{};
  }
  const bool known = (leaf == "gate_up_proj" && is_one_of(type, {"phi3", "glm", "glm4"})) ||
                     (leaf == "dense_h_to_4h" && is_one_of(type, {"chatglm", "megatron"})) ||
                     (leaf == "linear_fc1" && type == "megatron");
  return known && rows - width == width ? halves(width, false) : Parts{};
}

}  // namespace

std::vector<FusedPart> fused_parts(std::string_view tensor_name, const Naming& naming,
                                   std::int64_t rows, std::int64_t cols,
                                   const ModelConfig& config) {
  const std::string_view leaf = leaf_of(tensor_name);
  if (naming.role == "attention.qkv") return qkv_parts(leaf, rows, cols, config);
  if (naming.routed_experts) return {};  // checkpoint::single_experts, or not known
  return gate_up_parts(leaf, rows, config);
}

}  // namespace wishart::model
