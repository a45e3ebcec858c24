#include "wishart/synth/model_shape.hpp"

#include <cmath>
#include <utility>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::synth {
namespace {

constexpr std::int64_t kWidthUnit = 8;
constexpr std::int64_t kHeadUnit = 2;  // rotary embeddings rotate pairs

struct Sizes {
  std::int64_t blocks, hidden, mlp, heads, kv_heads, head_dim, vocabulary;
};

ModelShape dense(std::string name, Family family, const Sizes& sizes, bool tied = false) {
  ModelShape shape;
  shape.name = std::move(name);
  shape.family = family;
  shape.blocks = shape.kept_blocks = sizes.blocks;
  shape.hidden = sizes.hidden;
  shape.mlp = sizes.mlp;
  shape.heads = sizes.heads;
  shape.kv_heads = sizes.kv_heads;
  shape.head_dim = sizes.head_dim;
  shape.vocabulary = sizes.vocabulary;
  shape.tied = tied;
  return shape;
}

ModelShape with_experts(ModelShape shape, std::int64_t experts, std::int64_t per_token,
                        std::int64_t width) {
  shape.experts = experts;
  shape.experts_per_token = per_token;
  shape.expert_mlp = width;
  return shape;
}

ModelShape pythia(const std::string& size, std::int64_t blocks, std::int64_t hidden,
                  std::int64_t heads, std::int64_t vocabulary = 50304) {
  return dense("pythia-" + size, Family::gpt_neox,
               {blocks, hidden, 4 * hidden, heads, heads, hidden / heads, vocabulary});
}

ModelShape deepseek_v3() {
  ModelShape shape = with_experts(
      dense("deepseek-v3", Family::deepseek_v3, {61, 7168, 18432, 128, 128, 192, 129280}), 256, 8,
      2048);
  shape.dense_blocks = 3;
  shape.q_rank = 1536;
  shape.kv_rank = 512;
  shape.nope_dim = 128;
  shape.rope_dim = 64;
  shape.value_dim = 128;
  return shape;
}

/// Moonshot's Kimi-K2: DeepSeek-V3 with half the heads, half as many experts again, and one block
/// without experts.
ModelShape kimi_k2() {
  ModelShape shape = deepseek_v3();
  shape.name = "kimi-k2";
  shape.family = Family::kimi_k2;
  shape.heads = shape.kv_heads = 64;
  shape.vocabulary = 163840;
  shape.experts = 384;
  shape.dense_blocks = 1;
  return shape;
}

ModelShape deepseek_v4(const std::string& name, const Sizes& sizes) {
  ModelShape shape = dense(name, Family::deepseek_v4, sizes);
  shape.o_rank = 1024;
  shape.index_heads = 64;
  shape.index_dim = 128;
  shape.rope_dim = 64;
  shape.streams = 4;
  return shape;
}

/// DeepSeek-V4-Pro.
ModelShape deepseek_v4_pro() {
  ModelShape shape =
      with_experts(deepseek_v4("deepseek-v4", {61, 7168, 0, 128, 1, 512, 129280}), 384, 6, 3072);
  shape.q_rank = 1536;
  shape.o_groups = 16;
  shape.first_ratio = 128;
  return shape;
}

ModelShape deepseek_v4_flash() {
  ModelShape shape = with_experts(
      deepseek_v4("deepseek-v4-flash", {43, 4096, 0, 64, 1, 512, 129280}), 256, 6, 2048);
  shape.q_rank = 1024;
  shape.o_groups = 8;
  return shape;
}

/// A width and the multiple it is rounded to.
struct Width {
  std::int64_t ModelShape::*member;
  const char* what;
  std::int64_t unit;
};

/// The widths that scale. `head_dim` comes before `hidden`, which may follow from it.
std::vector<Width> widths() {
  return {{&ModelShape::head_dim, "head dimension", kHeadUnit},
          {&ModelShape::nope_dim, "head dimension without position", kHeadUnit},
          {&ModelShape::rope_dim, "rotary head dimension", kHeadUnit},
          {&ModelShape::value_dim, "head dimension of values", kHeadUnit},
          {&ModelShape::hidden, "hidden size", kWidthUnit},
          {&ModelShape::mlp, "MLP width", kWidthUnit},
          {&ModelShape::expert_mlp, "expert width", kWidthUnit},
          {&ModelShape::q_rank, "query rank", kWidthUnit},
          {&ModelShape::kv_rank, "key and value rank", kWidthUnit},
          {&ModelShape::o_rank, "rank of an output group", kWidthUnit},
          {&ModelShape::index_dim, "head dimension of the index", kHeadUnit},
          {&ModelShape::vocabulary, "vocabulary", kWidthUnit}};
}

std::int64_t scaled_width(std::int64_t width, double scale, std::int64_t unit) {
  return std::llround(static_cast<double>(width) * scale / static_cast<double>(unit)) * unit;
}

/// The first width that becomes 0, or null.
const char* lost_width(const ModelShape& shape, double scale) {
  for (const Width& width : widths()) {
    const std::int64_t before = shape.*width.member;
    if (before > 0 && scaled_width(before, scale, width.unit) == 0) return width.what;
  }
  return nullptr;
}

void scale_widths(ModelShape& shape, const Reduction& reduction) {
  if (const char* lost = lost_width(shape, reduction.scale)) {
    int divisor = 1;
    while (lost_width(shape, 1.0 / (divisor + 1)) == nullptr) ++divisor;
    throw Error(Blame::usage, "--scale " + printable(reduction.scale_text) + ": reduces the " +
                                  lost + " of " + shape.name + " to 0" + ". Use at least 1/" +
                                  std::to_string(divisor));
  }
  const bool heads_fill_hidden = shape.heads * shape.head_dim == shape.hidden;
  for (const Width& width : widths()) {
    shape.*width.member = scaled_width(shape.*width.member, reduction.scale, width.unit);
  }
  if (heads_fill_hidden) shape.hidden = shape.heads * shape.head_dim;
  if (shape.like_deepseek_v3()) shape.head_dim = shape.nope_dim + shape.rope_dim;
}

/// Checks that `kept`, the value of `option`, is between 1 and `all`.
std::int64_t part(const std::string& option, std::int64_t kept, std::int64_t all,
                  const std::string& what, const std::string& model) {
  if (kept >= 1 && kept <= all) return kept;
  throw Error(Blame::usage, option + " " + std::to_string(kept) + ": " + model +
                                (all == 0 ? " has no " + what
                                          : " has " + std::to_string(all) + " " + what +
                                                ", expected 1 to " + std::to_string(all)));
}

}  // namespace

std::vector<ModelShape> model_shapes() {
  return {
      dense("tiny-llama", Family::llama, {8, 128, 352, 4, 2, 32, 2048}),
      dense("llama-3-8b", Family::llama, {32, 4096, 14336, 32, 8, 128, 128256}),
      dense("llama-3-70b", Family::llama, {80, 8192, 28672, 64, 8, 128, 128256}),
      dense("llama-3-405b", Family::llama, {126, 16384, 53248, 128, 8, 128, 128256}),
      dense("qwen2.5-0.5b", Family::qwen2, {24, 896, 4864, 14, 2, 64, 151936}, true),
      dense("qwen2.5-7b", Family::qwen2, {28, 3584, 18944, 28, 4, 128, 152064}),
      with_experts(dense("mixtral-8x22b", Family::mixtral, {56, 6144, 0, 48, 8, 128, 32768}), 8, 2,
                   16384),
      deepseek_v3(),
      deepseek_v4_flash(),
      deepseek_v4_pro(),
      kimi_k2(),
      with_experts(dense("gpt-oss-20b", Family::gpt_oss, {24, 2880, 0, 64, 8, 64, 201088}), 32, 4,
                   2880),
      with_experts(dense("gpt-oss-120b", Family::gpt_oss, {36, 2880, 0, 64, 8, 64, 201088}), 128, 4,
                   2880),
      pythia("70m", 6, 512, 8),
      pythia("160m", 12, 768, 12),
      pythia("410m", 24, 1024, 16),
      pythia("1b", 16, 2048, 8),
      pythia("1.4b", 24, 2048, 16),
      pythia("2.8b", 32, 2560, 32),
      pythia("6.9b", 32, 4096, 32, 50432),
      pythia("12b", 36, 5120, 40, 50688),
  };
}

ModelShape shape_named(std::string_view name) {
  std::vector<std::string> names;
  for (ModelShape& shape : model_shapes()) {
    if (shape.name == name) return std::move(shape);
    names.push_back(shape.name);
  }
  const std::string near = nearest(name, names);
  throw Error(Blame::usage, "unknown shape '" + printable(name) + "'" +
                                (near.empty() ? "." : ". Did you mean '" + near + "'?") +
                                " Known shapes: " + join(names, ", "));
}

ModelShape reduced(const ModelShape& shape, const Reduction& reduction) {
  ModelShape small = shape;
  if (reduction.scale != 1) scale_widths(small, reduction);
  if (reduction.blocks) {
    small.kept_blocks = part("--blocks", *reduction.blocks, shape.blocks, "blocks", shape.name);
  }
  if (reduction.experts) {
    small.experts = part("--experts", *reduction.experts, shape.experts, "experts", shape.name);
    small.experts_per_token = std::min(small.experts_per_token, small.experts);
  }
  return small;
}

}  // namespace wishart::synth
