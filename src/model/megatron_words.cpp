#include "megatron_words.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace wishart::model {
namespace {

/// A part of `in_proj` and the role that it has.
struct Part {
  std::string_view word;
  std::string_view role;
};

// Of Mamba: gate, input, B, C, time step. Of Gated DeltaNet: queries, keys, values, gate, beta,
// alpha; of its second version: f, b, w. Of the gated delta product, whose keys, values and betas
// are numbered: z, V0, K0, Q, b0, a.
constexpr std::array kParts{
    Part{"z", "ssm.in_proj_z"},     Part{"x", "ssm.in_proj_x"},     Part{"B", "ssm.in_proj_B"},
    Part{"C", "ssm.in_proj_C"},     Part{"dt", "ssm.in_proj_dt"},   Part{"query", "ssm.in_proj_q"},
    Part{"key", "ssm.in_proj_k"},   Part{"value", "ssm.in_proj_v"}, Part{"beta", "ssm.in_proj_b"},
    Part{"alpha", "ssm.in_proj_a"}, Part{"f", "ssm.in_proj_f"},     Part{"b", "ssm.in_proj_b"},
    Part{"w", "ssm.in_proj_w"},     Part{"V", "ssm.in_proj_v"},     Part{"K", "ssm.in_proj_k"},
    Part{"Q", "ssm.in_proj_q"},     Part{"a", "ssm.in_proj_a"},
};

std::optional<MegatronWords> part_of_mixer(std::span<const std::string_view> words) {
  if (words.size() < 4) return std::nullopt;
  const std::string_view kind = words[words.size() - 2];
  const std::string_view module = words[words.size() - 3];
  if (kind != "weight" && kind != "bias") return std::nullopt;
  if (module != "in_proj" && module != "conv1d") return std::nullopt;
  std::string_view word = words.back();
  const std::size_t digits = word.find_first_of("0123456789");
  if (digits == 1 && std::string_view("VKb").find(word[0]) != std::string_view::npos &&
      word.find_first_not_of("0123456789", digits) == std::string_view::npos) {
    word = word.substr(0, 1);
  }
  const auto* part =
      std::find_if(kParts.begin(), kParts.end(), [&](const Part& one) { return one.word == word; });
  if (part == kParts.end()) return std::nullopt;
  MegatronWords result;
  result.count = 2;
  result.role = module == "in_proj" ? part->role : "ssm.conv1d";
  return result;
}

}  // namespace

std::optional<MegatronWords> megatron_words(std::span<const std::string_view> words) {
  if (auto part = part_of_mixer(words)) return part;
  constexpr std::string_view kWeight = "weight";
  if (words.size() < 2) return std::nullopt;
  std::string_view kind = words.back();
  if (!words[words.size() - 2].starts_with("linear_fc") || !kind.starts_with(kWeight) ||
      kind == kWeight) {
    return std::nullopt;
  }
  kind.remove_prefix(kWeight.size());
  MegatronWords result;
  if (kind.ends_with("_w") || kind.ends_with("_v")) {
    result.part = kind.back();
    kind.remove_suffix(2);
  }
  if (kind.empty()) return result;
  const auto [end, status] = std::from_chars(kind.data(), kind.data() + kind.size(), result.expert);
  if (status != std::errc{} || end != kind.data() + kind.size() || result.expert < 0) {
    return std::nullopt;
  }
  return result;
}

std::vector<std::string_view> without_fused_norms(std::vector<std::string_view> words,
                                                  std::span<const std::int64_t> shape,
                                                  const ModelConfig& config) {
  constexpr std::string_view kNorm = "layernorm_";
  constexpr std::array kFused{"layernorm_qkv", "layernorm_query", "layernorm_mlp",
                              "layernorm_linear"};
  constexpr std::array kSplit{"fc1_weight", "fc2_weight", "query_weight", "key_weight",
                              "value_weight"};
  const auto is_of = [](const auto& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  for (std::string_view& word : words) {
    if (!is_of(kFused, word)) continue;
    // Any map may follow such a norm; `linear` says elsewhere that it is the head.
    word = word.ends_with("linear") ? "linear_map" : word.substr(kNorm.size());
  }
  std::string_view& leaf = words.back();
  if (shape.size() < 2 || !is_of(kSplit, leaf)) return words;
  // Gated, fc1 is both maps.
  const std::int64_t width = config.intermediate_size.value_or(0);
  const bool both = leaf == "fc1_weight" && width > 0 && shape.front() - width == width;
  leaf = both ? "gate_up_proj" : leaf.substr(0, leaf.rfind('_'));
  return words;
}

}  // namespace wishart::model
