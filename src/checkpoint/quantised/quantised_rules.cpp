#include "quantised/quantised_rules.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/text.hpp"

#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

using Shape = std::vector<std::int64_t>;

constexpr std::int64_t kMaxSmallBytes = 1 << 16;
/// Block size of DeepSeek-V3 if the config does not give it (README_WEIGHTS.md).
constexpr std::int64_t kDefaultBlock = 128;
constexpr std::int64_t kMxGroup = 32;
constexpr std::int64_t kNvGroup = 16;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// `name` without `ending`, or empty.
std::string stem(const std::string& name, std::string_view ending) {
  if (!name.ends_with(ending) || name.size() == ending.size()) return {};
  return name.substr(0, name.size() - ending.size());
}

std::string shapes_text(const Tensor& a, const Tensor& b) {
  return printable(shape_text(a.shape), 60) + " and " + printable(shape_text(b.shape), 60);
}

Tensor weight_of(const std::string& name, Shape shape, Encoding encoding,
                 std::vector<Tensor> tensors, std::vector<std::int64_t> numbers,
                 std::string stored_as) {
  Tensor weight;
  weight.name = name;
  weight.dtype = Dtype::f32;
  weight.num_elements =
      std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  weight.shape = std::move(shape);
  weight.encoding = encoding;
  weight.parts = std::move(tensors);
  weight.numbers = std::move(numbers);
  weight.stored_as = std::move(stored_as);
  return weight;
}

bool is_float8(const Tensor& tensor) {
  return is_weight_dtype(tensor.dtype) && dtype_bits(tensor.dtype) == 8;
}

/// Codes times scales, with one scale per tensor, per row, per block, or per group along a row.
std::optional<Tensor> scaled_weight(QuantisedParts& parts, const Tensor& scales,
                                    const std::string& name, bool blocks) {
  const Tensor* codes = parts.find(name);
  if (codes == nullptr || codes->shape.size() < 2 || codes->num_elements == 0) return std::nullopt;
  if (!is_float8(*codes) && codes->dtype != Dtype::i8) return std::nullopt;
  const Shape& shape = codes->shape;
  const std::int64_t rows = shape[shape.size() - 2];
  const std::int64_t cols = shape.back();
  const std::int64_t lead = codes->num_elements / rows / cols;
  std::int64_t block_rows = rows;
  std::int64_t block_cols = cols;
  std::string kind;
  if (blocks) {
    block_rows = parts.facts().integer("weight_block_size.0").value_or(kDefaultBlock);
    block_cols = parts.facts().integer("weight_block_size.1").value_or(kDefaultBlock);
    kind = std::to_string(block_rows) + " x " + std::to_string(block_cols) + " blocks";
  } else if (scales.num_elements == lead) {
    kind = "one scale";
  } else if (scales.num_elements == lead * rows) {
    block_rows = 1;
    kind = "rows";
  } else {
    block_rows = 1;
    const std::int64_t groups = scales.num_elements / (lead * rows);
    block_cols = groups > 0 ? ceil_div(cols, groups) : 0;
    kind = "groups of " + std::to_string(block_cols);
  }
  if (block_rows < 1 || block_cols < 1 ||
      scales.num_elements != lead * ceil_div(rows, block_rows) * ceil_div(cols, block_cols)) {
    parts.fail(name, "expected a scale for each of its " + kind + ", found shapes " +
                         shapes_text(*codes, scales));
  }
  const std::string stored = std::string(dtype_name(codes->dtype)) + " with scales of " + kind;
  Tensor part = parts.take(name, name);
  Tensor scale = parts.take(scales.name, name);
  return weight_of(name, shape, Encoding::scaled, {std::move(part), std::move(scale)},
                   {block_rows, block_cols}, stored);
}

/// gpt-oss: [..., groups, 16] bytes and [..., groups] exponents.
std::optional<Tensor> mx_weight(QuantisedParts& parts, const Tensor& blocks,
                                const std::string& name, const std::string& scales_name) {
  const Tensor* scales = parts.find(scales_name);
  if (blocks.dtype != Dtype::u8 || blocks.shape.size() < 3 || scales == nullptr)
    return std::nullopt;
  Shape shape = blocks.shape;
  shape.pop_back();
  if (blocks.shape.back() != kMxGroup / 2 || scales->shape != shape || scales->dtype != Dtype::u8) {
    parts.fail(name, "expected 16 bytes and one exponent for each group, found shapes " +
                         shapes_text(blocks, *scales));
  }
  shape.back() *= kMxGroup;
  Tensor bytes = parts.take(blocks.name, name);
  Tensor exponents = parts.take(scales_name, name);
  exponents.dtype = Dtype::f8_e8m0;  // stored as plain bytes
  return weight_of(name, std::move(shape), Encoding::fp4, {std::move(bytes), std::move(exponents)},
                   {kMxGroup, 0}, "MXFP4");
}

/// NVFP4: the scales of groups are multiplied or divided by `global`.
std::optional<Tensor> nv_weight(QuantisedParts& parts, const std::string& codes_name,
                                const std::string& name, const std::string& scales_name,
                                const std::string& global_name, bool divide) {
  const Tensor* codes = parts.find(codes_name);
  const Tensor* scales = parts.find(scales_name);
  const Tensor* global = parts.find(global_name);
  if (codes == nullptr || scales == nullptr || global == nullptr || codes->dtype != Dtype::u8 ||
      codes->shape.size() != 2) {
    return std::nullopt;
  }
  const std::int64_t cols = codes->shape[1] * 2;
  if (scales->shape != Shape{codes->shape[0], ceil_div(cols, kNvGroup)} || cols % kNvGroup != 0 ||
      global->num_elements != 1) {
    parts.fail(name, "expected one scale per 16 columns and a global scale, found shapes " +
                         shapes_text(*codes, *scales));
  }
  Shape shape{codes->shape[0], cols};
  std::vector<Tensor> tensors{parts.take(codes_name, name), parts.take(scales_name, name),
                              parts.take(global_name, name)};
  return weight_of(name, std::move(shape), Encoding::fp4, std::move(tensors),
                   {kNvGroup, divide ? 2 : 1}, "NVFP4");
}

/// compressed-tensors, `pack-quantized`.
Tensor packed_weight(QuantisedParts& parts, const Tensor& packed, const std::string& name) {
  Tensor words = parts.take(packed.name, name);
  Tensor scales = parts.take(name + "_scale", name);
  const Tensor shape_tensor = parts.take(name + "_shape", name);
  const std::string raw = parts.bytes(shape_tensor);
  Shape shape(2);
  if (shape_tensor.dtype == Dtype::i64 && raw.size() == 16) {
    std::memcpy(shape.data(), raw.data(), 16);
  } else if (shape_tensor.dtype == Dtype::i32 && raw.size() == 8) {
    std::int32_t both[2];
    std::memcpy(both, raw.data(), 8);
    shape = {both[0], both[1]};
  }
  std::int64_t bits = 0;
  for (const auto& [key, value] : parts.facts().all()) {
    if (key.ends_with("weights.num_bits")) bits = parts.facts().integer(key).value_or(0);
  }
  if (bits == 0 && words.shape.size() == 2 && words.shape[1] > 0) {
    bits = 32 / std::max<std::int64_t>(1, shape[1] / words.shape[1]);
  }
  const bool usable =
      bits >= 1 && bits <= 8 && shape[0] > 0 && shape[1] > 0 && words.dtype == Dtype::i32 &&
      words.shape.size() == 2 && words.shape[0] == shape[0] &&
      words.shape[1] == ceil_div(shape[1], 32 / bits) && scales.shape.size() == 2 &&
      scales.shape[0] == shape[0] && scales.shape[1] > 0 && scales.shape[1] <= shape[1];
  if (!usable) {
    parts.fail(name, "its shape " + printable(shape_text(shape), 60) + ", " + std::to_string(bits) +
                         " bits, and shapes " + shapes_text(words, scales) + " do not agree");
  }
  const std::int64_t groups = scales.shape[1];
  const std::int64_t group = ceil_div(shape[1], groups);
  std::vector<Tensor> tensors{std::move(words), std::move(scales)};
  const bool zeros = parts.find(name + "_zero_point") != nullptr;
  const bool order = parts.find(name + "_g_idx") != nullptr;
  if (zeros) {
    tensors.push_back(parts.take(name + "_zero_point", name));
    if (tensors.back().shape != Shape{ceil_div(shape[0], 32 / bits), groups}) {
      parts.fail(name,
                 "its zero points have shape " + printable(shape_text(tensors.back().shape), 60));
    }
  }
  if (order) {
    tensors.push_back(parts.take(name + "_g_idx", name));
    if (tensors.back().num_elements != shape[1])
      parts.fail(name, "does not have a group index for each column");
  }
  const std::string what = groups == 1 ? "rows" : "groups of " + std::to_string(group);
  return weight_of(name, std::move(shape), Encoding::packed_int, std::move(tensors),
                   {bits, group, zeros ? 1 : 0, order ? 1 : 0},
                   "int" + std::to_string(bits) + " with scales of " + what);
}

/// GPTQ and AWQ: words, zero points, scales.
Tensor grouped_weight(QuantisedParts& parts, const Tensor& sign, const std::string& module) {
  const std::string name = module + ".weight";
  Tensor words = parts.take(sign.name, name);
  Tensor zeros = parts.take(module + ".qzeros", name);
  Tensor scales = parts.take(module + ".scales", name);
  const bool matrices = words.shape.size() == 2 && zeros.shape.size() == 2 &&
                        scales.shape.size() == 2 && words.dtype == Dtype::i32 &&
                        zeros.dtype == Dtype::i32 && words.num_elements > 0 &&
                        scales.num_elements > 0;
  if (!matrices) parts.fail(name, "expected two-dimensional words and scales");
  const std::int64_t out = scales.shape[1];
  const std::int64_t groups = scales.shape[0];
  const JsonFacts& facts = parts.facts();
  if (words.shape[1] * 8 == out && words.shape[1] != out) {
    const std::string version = facts.text("version").value_or("gemm");
    const std::int64_t in = words.shape[0];
    const std::int64_t group = ceil_div(in, groups);
    if ((version != "gemm" && version != "GEMM") || zeros.shape != Shape{groups, words.shape[1]} ||
        facts.integer("bits").value_or(4) != 4) {
      parts.fail(name, "expected 4-bit AWQ, version gemm, found something else (" +
                           printable(version, 40) + ", shapes " + shapes_text(words, zeros) + ")");
    }
    return weight_of(name, {out, in}, Encoding::awq,
                     {std::move(words), std::move(zeros), std::move(scales)}, {group},
                     "AWQ int4 in groups of " + std::to_string(group));
  }
  const std::int64_t bits = facts.integer("bits").value_or(4);
  const bool known = bits == 2 || bits == 4 || bits == 8;
  const std::int64_t in = known ? words.shape[0] * (32 / bits) : 0;
  if (!known || words.shape[1] != out || zeros.shape != Shape{groups, ceil_div(out, 32 / bits)}) {
    parts.fail(name, "expected GPTQ of 2, 4 or 8 bits, found " + std::to_string(bits) +
                         " bits and shapes " + shapes_text(words, scales));
  }
  const std::int64_t group = ceil_div(in, groups);
  const bool second = facts.text("checkpoint_format").value_or("gptq") == "gptq_v2";
  std::vector<Tensor> tensors{std::move(words), std::move(zeros), std::move(scales)};
  const bool order = parts.find(module + ".g_idx") != nullptr;
  if (order) {
    tensors.push_back(parts.take(module + ".g_idx", name));
    if (tensors.back().num_elements != in)
      parts.fail(name, "does not have a group index for each input");
  }
  return weight_of(name, {out, in}, Encoding::gptq, std::move(tensors),
                   {bits, group, second ? 0 : 1, order ? 1 : 0},
                   "GPTQ int" + std::to_string(bits) + " in groups of " + std::to_string(group));
}

/// bitsandbytes, 4 bits: the quant_state is JSON text in a tensor of bytes.
Tensor bnb4_weight(QuantisedParts& parts, const Tensor& state_tensor, const std::string& name,
                   const std::string& kind) {
  const Tensor state = parts.take(state_tensor.name, name);
  const JsonFacts facts(parts.bytes(state), "quant_state of " + in_quotes(name));
  Shape shape;
  std::int64_t count = 1;
  for (int d = 0; d < 8; ++d) {
    const auto size = facts.integer("shape." + std::to_string(d));
    if (!size) break;
    if (*size < 1 || *size > (std::int64_t{1} << 40) / count)
      parts.fail(name, "expected a usable shape in its quant_state, found none");
    count *= *size;
    shape.push_back(*size);
  }
  const std::int64_t run = facts.integer("blocksize").value_or(0);
  Tensor codes = parts.take(name, name);
  Tensor absmax = parts.take(name + ".absmax", name);
  Tensor map = parts.take(name + ".quant_map", name);
  const std::int64_t code_bytes = codes.size_bytes;
  codes.dtype = Dtype::u8;  // other types only serve as containers for bytes
  codes.shape = {code_bytes};
  codes.num_elements = code_bytes;
  if (shape.empty() || run < 1 || !codes.is_dense() || code_bytes != ceil_div(count, 2) ||
      absmax.num_elements != ceil_div(count, run) || map.num_elements != 16) {
    parts.fail(name, "of shape " + printable(shape_text(shape), 60) + " in runs of " +
                         std::to_string(run) + ": " + std::to_string(code_bytes) + " bytes, " +
                         std::to_string(absmax.num_elements) + " scales and a map of " +
                         std::to_string(map.num_elements) + " do not agree");
  }
  std::vector<Tensor> tensors{std::move(codes), std::move(absmax), std::move(map)};
  std::int64_t nested = 0;
  if (parts.find(name + ".nested_absmax") != nullptr) {
    nested = facts.integer("nested_blocksize").value_or(0);
    tensors.push_back(parts.take(name + ".nested_absmax", name));
    tensors.push_back(parts.take(name + ".nested_quant_map", name));
    if (nested < 1 || tensors[3].num_elements != ceil_div(ceil_div(count, run), nested) ||
        tensors[4].num_elements != 256) {
      parts.fail(name, "the shapes of its nested scales do not agree");
    }
  }
  Tensor weight = weight_of(name, std::move(shape), Encoding::bnb4, std::move(tensors),
                            {run, nested}, kind + " in runs of " + std::to_string(run));
  weight.factor = facts.real("nested_offset").value_or(0.0);
  return weight;
}

/// bitsandbytes, 8 bits: a scale per row, which the code 127 represents.
std::optional<Tensor> bnb8_weight(QuantisedParts& parts, const Tensor& scales,
                                  const std::string& name) {
  const std::optional<Tensor> weight = scaled_weight(parts, scales, name, false);
  if (!weight) return std::nullopt;
  Tensor result = *weight;
  result.factor = 1.0 / 127.0;
  return result;
}

}  // namespace

QuantisedParts::QuantisedParts(const Catalogue& catalogue, const JsonFacts& facts)
    : catalogue_(&catalogue), facts_(&facts) {
  for (const Tensor& tensor : catalogue.tensors) by_name_.emplace(tensor.name, &tensor);
}

const Tensor* QuantisedParts::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

Tensor QuantisedParts::take(const std::string& name, const std::string& weight) {
  const Tensor* tensor = find(name);
  if (tensor == nullptr) fail(weight, "expected " + in_quotes(name) + " beside it, found none");
  used_.insert(name);
  Tensor part = *tensor;
  part.name.clear();  // parts are sent to every rank
  return part;
}

std::string QuantisedParts::bytes(const Tensor& tensor) const {
  const bool compressed = tensor.deflated.size_bytes > 0;
  if (!tensor.is_dense() || compressed || tensor.size_bytes > kMaxSmallBytes) return {};
  const SourceFile& source = catalogue_->files[static_cast<std::size_t>(tensor.file)];
  const InputFile file(catalogue_->root / source.name);
  std::string result(static_cast<std::size_t>(tensor.size_bytes), '\0');
  file.read(tensor.offset_bytes, std::as_writable_bytes(std::span(result)));
  return result;
}

void QuantisedParts::fail(const std::string& weight, const std::string& what) const {
  throw Error(Blame::input, printable(catalogue_->root.string()) + ": quantised tensor " +
                                in_quotes(weight) + ": " + what);
}

std::optional<Tensor> assembled(QuantisedParts& parts, const Tensor& tensor) {
  const std::string& name = tensor.name;
  if (const std::string base = stem(name, "_scale_inv"); !base.empty()) {
    return scaled_weight(parts, tensor, base, true);
  }
  if (const std::string base = stem(name, "_scale"); !base.empty()) {
    if (auto weight = nv_weight(parts, base, base, name, base + "_scale_2", false)) return weight;
    return scaled_weight(parts, tensor, base, false);
  }
  if (const std::string base = stem(name, "_packed"); !base.empty()) {
    if (tensor.dtype == Dtype::u8) {
      return nv_weight(parts, name, base, base + "_scale", base + "_global_scale", true);
    }
    return packed_weight(parts, tensor, base);
  }
  for (const std::string_view joint : {"_", "."}) {
    const std::string base = stem(name, std::string(joint) + "blocks");
    if (!base.empty()) return mx_weight(parts, tensor, base, base + std::string(joint) + "scales");
  }
  if (const std::string base = stem(name, ".qweight"); !base.empty()) {
    return grouped_weight(parts, tensor, base);
  }
  for (const char* kind : {"nf4", "fp4"}) {
    const std::string base = stem(name, std::string(".quant_state.bitsandbytes__") + kind);
    if (!base.empty()) return bnb4_weight(parts, tensor, base, kind[0] == 'n' ? "NF4" : "FP4");
  }
  if (const std::string base = stem(name, ".SCB"); !base.empty()) {
    return bnb8_weight(parts, tensor, base + ".weight");
  }
  return std::nullopt;
}

}  // namespace wishart::checkpoint
